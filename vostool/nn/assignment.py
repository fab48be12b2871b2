"""Assigning proposals to templates: a differentiable layer, and the exact solution.

The linear program of DMM-Net (Zeng et al., ICCV 2019, section 3.2), which paper 003 takes over with
10 gradient steps, 5 projection cycles and a step of 0.1:

    min <C, X>   with X >= 0, rows of X that sum to 1, columns that sum to at most 1

Axes: B problems (frames), n templates, m proposals. Problems of a batch may differ in size: the
rows and columns that are not `valid` take no part and hold 0.
"""

from __future__ import annotations

import enum

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn


class Start(enum.Enum):
    """Where the iteration begins. With few steps the result stays near it."""

    GREEDY = "greedy"
    """Each template's cheapest among the proposals that fit no other template better (DMM-Net)."""
    CHEAPEST = "cheapest"
    """Each template's cheapest proposal."""
    UNIFORM = "uniform"
    """All proposals alike; with many steps the nearest to the exact solution."""


class MatchingLayer(nn.Module):
    """Projected gradient descent, unrolled; no parameters.

    After each step against C, Dykstra's algorithm projects onto the three sets, rows last, so that
    rows sum to 1 exactly. Its corrections begin at zero after each step, and what is returned is
    the mean of the projected iterates (training) or the last one. DMM-Net's public code keeps the
    corrections and averages the iterates before projection, whose rows do not sum to 1: that is
    `published_iterates`, for comparison.

    Args:
        steps: gradient steps (N_grad).
        cycles: cycles over the three projections after each step (N_proj).
        step_size: alpha.
        start: where to begin.
        published_iterates: average what the public code averages.
    """

    def __init__(
        self,
        steps: int = 10,
        cycles: int = 5,
        step_size: float = 0.1,
        start: Start = Start.GREEDY,
        published_iterates: bool = False,
    ):
        super().__init__()
        if steps < 1 or cycles < 1 or step_size <= 0:
            raise ValueError(
                "steps and cycles must be at least 1 and step_size above 0, "
                f"got {steps}, {cycles}, {step_size}"
            )
        self.steps, self.cycles, self.step_size = steps, cycles, step_size
        self.start, self.published_iterates = start, published_iterates

    def forward(self, cost: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
        """Soft assignment `[B, n, m]` of costs `[B, n, m]`, in the costs' dtype or float32.

        Args:
            valid: bool `[B, n, m]`, False in rows and columns that do not exist; None is all. Each
                problem needs at least as many valid columns as rows.
        """
        cost = cost.float() if cost.dtype in (torch.float16, torch.bfloat16) else cost
        if valid is None:
            valid = torch.ones_like(cost, dtype=torch.bool)
        with torch.autocast(cost.device.type, enabled=False):
            return self._iterate(cost.masked_fill(~valid, 0), valid)

    def _iterate(self, cost: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        mask = valid.to(cost.dtype)
        rows = valid.any(-1, keepdim=True).sum(-2, keepdim=True).clamp(min=1)
        columns = valid.any(-2, keepdim=True).sum(-1, keepdim=True).clamp(min=1)
        sets = _Sets(mask, 1 / rows.to(cost.dtype), 1 / columns.to(cost.dtype))
        current = starting_point(cost.detach(), valid, self.start)
        corrections = sets.no_corrections()
        total = current if self.published_iterates else torch.zeros_like(current)
        for _ in range(self.steps):
            current = current - self.step_size * cost
            if self.published_iterates:
                total = total + current
            else:
                corrections = sets.no_corrections()
            current, corrections = sets.project(current, corrections, self.cycles)
            if not self.published_iterates:
                total = total + current
        if self.published_iterates:
            return total / (self.steps + 1)
        return total / self.steps if self.training else current


class _Sets:
    """The three sets of the program, and Dykstra's projection onto where they meet."""

    def __init__(self, mask: torch.Tensor, per_row: torch.Tensor, per_column: torch.Tensor):
        self._mask, self._per_row, self._per_column = mask, per_row, per_column
        self._row_exists = mask.amax(-1, keepdim=True)

    def no_corrections(self) -> list[torch.Tensor]:
        return [torch.zeros_like(self._mask)] * 3

    def project(
        self, point: torch.Tensor, corrections: list[torch.Tensor], cycles: int
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        corrections = list(corrections)
        projections = (self._positive, self._columns_at_most_one, self._rows_of_one)
        for _ in range(cycles):
            for index, onto in enumerate(projections):
                moved = point + corrections[index]
                point = onto(moved)
                corrections[index] = moved - point
        return point, corrections

    def _positive(self, point: torch.Tensor) -> torch.Tensor:
        return point.clamp(min=0)

    def _columns_at_most_one(self, point: torch.Tensor) -> torch.Tensor:
        excess = (point.sum(-2, keepdim=True) - 1).clamp(min=0)
        return point - excess * self._per_row * self._mask

    def _rows_of_one(self, point: torch.Tensor) -> torch.Tensor:
        excess = point.sum(-1, keepdim=True) - self._row_exists
        return point - excess * self._per_column * self._mask


def starting_point(cost: torch.Tensor, valid: torch.Tensor, start: Start) -> torch.Tensor:
    """Assignment `[B, n, m]` to begin with; one per valid row, 0 elsewhere."""
    mask = valid.to(cost.dtype)
    if start is Start.UNIFORM:
        return mask / mask.sum(-1, keepdim=True).clamp(min=1)
    unwanted = cost.masked_fill(~valid, torch.inf)
    if start is Start.GREEDY:
        best_row = unwanted.argmin(-2, keepdim=True)
        others = torch.ones_like(valid).scatter(-2, best_row, False)
        left = unwanted.masked_fill(others, torch.inf)
        # A row that is no column's best keeps all its columns.
        unwanted = torch.where(left.isinf().all(-1, keepdim=True), unwanted, left)
    chosen = unwanted.argmin(-1, keepdim=True)
    return torch.zeros_like(cost).scatter(-1, chosen, 1) * mask


def exact_assignment(cost: torch.Tensor) -> torch.Tensor:
    """Column of each row of `[n, m]`, n <= m, in the cheapest assignment; int64 `[n]`.

    Raises:
        ValueError: more rows than columns, or a cost that is not finite.
    """
    if cost.shape[0] > cost.shape[1]:
        raise ValueError(f"{cost.shape[0]} templates cannot share {cost.shape[1]} proposals")
    matrix = cost.detach().double().cpu().numpy()
    if not np.isfinite(matrix).all():
        raise ValueError("a matching cost is not finite")
    rows, columns = linear_sum_assignment(matrix)
    result = torch.empty(cost.shape[0], dtype=torch.long)
    result[torch.from_numpy(rows)] = torch.from_numpy(columns)
    return result.to(cost.device)
