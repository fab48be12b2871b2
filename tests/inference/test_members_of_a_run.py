"""Members of a run: who they are, and the mean over their views."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from vostool.core.errors import UsageError
from vostool.ensembling.options import MergeOptions
from vostool.inference.merging import MemberMeans, start_of_merging
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.strategy import parse_strategies


def test_a_member_is_a_network_with_one_memory_strategy():
    strategies = parse_strategies(["every:5", "first-previous"])
    networks = [("a", "", strategies), ("", "", strategies)]
    assert start_of_merging(networks, PropagationOptions(merge={"weights": "4,3,2,1"}))
    with pytest.raises(
        UsageError,
        match=r"2 weights \(2,1\) for 4 members "
        r"\(a every:5, a first-previous, network 2 every:5, network 2 first-previous\)",
    ):
        start_of_merging(networks, PropagationOptions(merge={"weights": "2,1"}))


def test_member_means_are_in_the_order_of_members(rng):
    views = torch.from_numpy(rng.random((4, 3, 5, 6)))
    means = MemberMeans()
    for member, view in zip((1, 0, 1, 0), views):
        means.add(view, member)
    (zero, first), (one, second) = means.items()
    assert (zero, one) == (0, 1)
    assert torch.allclose(first, (views[1] + views[3]) / 2)
    assert torch.allclose(second, (views[0] + views[2]) / 2)


def test_a_member_is_marked_by_its_checkpoint_and_strategy(monkeypatch):
    seen = []
    monkeypatch.setattr(MergeOptions, "choose", lambda self: SimpleNamespace(prepare=seen.append))
    strategies = parse_strategies(["every:5"])
    start_of_merging(
        [("a", "0123456789abcdef" * 4, strategies), ("b", "", strategies), ("", "", strategies)],
        PropagationOptions(views="1.0,flip"),
    )
    expected = ("0123456789ab every:5 flip,1", "b every:5 flip,1", "network 3 every:5 flip,1")
    assert seen[0].marks == expected
