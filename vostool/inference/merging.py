"""Who is merged in a run: one member per network and memory strategy, the mean of its views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from vostool.ensembling.marks import run_mark
from vostool.ensembling.method import Accumulator, Members
from vostool.ensembling.running_mean import RunningMean
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.strategy import Strategy, strategy_text


def start_of_merging(
    networks: Sequence[tuple[str, str, Sequence[Strategy]]], options: PropagationOptions
) -> Callable[[], Accumulator]:
    """What starts an accumulator for each frame.

    Args:
        networks: name, digest ("" where there is none) and memory strategies of each; members are
            numbered network by network.
        options: how members are merged, and the views that each of them has.

    Raises:
        UsageError: unknown method or option, or one that does not fit these members.
    """
    names, marks = [], []
    views = options.views.written
    for number, (name, digest, strategies) in enumerate(networks, start=1):
        known = name or f"network {number}"
        texts = [strategy_text(strategy) for strategy in strategies]
        names += [f"{known} {text}" for text in texts]
        marks += [run_mark(digest or known, text, views) for text in texts]
    return options.merge.choose().prepare(Members(tuple(names), marks=tuple(marks)))


class MemberMeans:
    """The mean of each member over its views."""

    def __init__(self) -> None:
        self._means: dict[int, RunningMean] = {}

    def add(self, planes: torch.Tensor, member: int) -> None:
        """Add one view `[N+1, H, W]` of a member."""
        self._means.setdefault(member, RunningMean()).add(planes)

    def items(self) -> Iterator[tuple[int, torch.Tensor]]:
        """Number and mean `[N+1, H, W]` of each member that was added, by number."""
        for member in sorted(self._means):
            yield member, self._means[member].mean()
