"""Inputs and weights that are rebuilt from names, for comparison with published code's values.

A named array is standard normal, of numpy's RandomState seeded with the CRC-32 of its name.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import nn


def normal(name: str, *shape: int) -> torch.Tensor:
    """Standard normal float32 of a name."""
    seed = zlib.crc32(name.encode())
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))


def parameter(name: str, shape: Iterable[int]) -> torch.Tensor:
    """Value of a parameter or buffer by the name that published code has for it."""
    values = normal(name, *shape)
    kind = name.rpartition(".")[2]
    if kind in ("alpha",) or (kind == "weight" and values.ndim == 1):
        return 1 + 0.1 * values
    if kind == "running_var":
        return 1 + 0.1 * values.abs()
    if kind == "weight":
        return values / np.sqrt(np.prod(values.shape[1:]))
    return 0.1 * values


def fill(module: nn.Module, prefix: str, official: Callable[[str], str] = lambda key: key) -> None:
    """Give every tensor of a module the value of its published name.

    Args:
        official: our key -> the published key below `prefix`.
    """
    state = module.state_dict()
    values = {
        key: parameter(prefix + official(key), value.shape)
        for key, value in state.items()
        if "num_batches" not in key
    }
    module.load_state_dict(values, strict=False)


def renamed(parts: Mapping[str, str]) -> Callable[[str], str]:
    """Keys by replacing their beginnings; the longest that fits counts."""

    def official(key: str) -> str:
        for ours in sorted(parts, key=len, reverse=True):
            if key.startswith(ours):
                return parts[ours] + key[len(ours) :]
        return key

    return official


def rectangles(height: int, width: int, *parts: tuple[int, int, int, int, int]) -> torch.Tensor:
    """Labels int64 `[1, H, W]`: 0, and `(value, top, bottom, left, right)` with ends exclusive."""
    labels = torch.zeros(1, height, width, dtype=torch.long)
    for value, top, bottom, left, right in parts:
        labels[:, top:bottom, left:right] = value
    return labels


def summary(values: torch.Tensor, count: int) -> list[float]:
    """Mean, population standard deviation, and entries spread over the flat array.

    Entry j is the first one larger than 0.001 in size at or after index j * size / 5.
    """
    flat = values.detach().double().flatten()
    spread = []
    for j in range(1, count - 1):
        rest = flat[j * len(flat) // 5 :]
        spread.append(float(rest[rest.abs() > 0.001][0]))
    return [float(flat.mean()), float(flat.std(correction=0)), *spread]


def assert_summary(values: torch.Tensor, expected: str, tolerance: float = 1e-4) -> None:
    """Compare with `mean std | v1 .. vn`."""
    wanted = [float(word) for word in expected.replace("|", " ").split()]
    np.testing.assert_allclose(summary(values, len(wanted)), wanted, rtol=0, atol=tolerance)
