"""Merging methods: all of them by what the protocol says, then each against loops."""

from __future__ import annotations

import gc
import itertools
import weakref
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.ensembling.fitted import Fitted, FittedAbout
from vostool.ensembling.fusion import FusionNetwork
from vostool.ensembling.method import Members, Needs, choose_method, describe_methods
from vostool.ensembling.options import ENTRY_POINT_GROUP, method_names

NAMES = ("m0", "m1", "m2", "m3")
OPTIONS = {"weighted": {"weights": (1, 1, 1, 1)}}
"""What a method cannot do without, for four members."""


@pytest.fixture(scope="module", autouse=True)
def _fitted_file(tmp_path_factory):
    """An untrained network of four members, which gives them equal weights."""
    path = tmp_path_factory.mktemp("fitted") / "ensemble.safetensors"
    network = FusionNetwork(4)
    Fitted(FittedAbout(marks=NAMES), network.state_dict()).save(path)
    OPTIONS["learned"] = {"weights": path}
    yield
    del OPTIONS["learned"]


def soft(rng, members, labels=4, size=(7, 9)):
    logits = torch.from_numpy(rng.normal(size=(members, labels, *size)) * 2)
    return list(logits.softmax(1).float())


def one_hot(*masks, labels=3):
    rows = [torch.tensor(mask) for mask in masks]
    return [torch.stack([(row == label).float() for label in range(labels)]) for row in rows]


def merge(name, planes, options=None, probabilities=True):
    names = tuple(f"m{number}" for number in range(len(planes)))
    chosen = choose_method(name, OPTIONS.get(name) if options is None else options)
    accumulator = chosen.prepare(Members(names, probabilities))()
    for number, volume in enumerate(planes):
        accumulator.add(volume, number)
    return accumulator.result()


@pytest.mark.parametrize("name", method_names())
class TestEveryMethod:
    def test_planes_are_probabilities(self, rng, name):
        planes = soft(rng, 4)
        kept = [volume.clone() for volume in planes]
        merged = merge(name, planes)
        assert merged.shape == (4, 7, 9)
        assert merged.dtype == torch.float32
        assert merged.min() >= 0
        assert torch.allclose(merged.sum(0), torch.ones(7, 9), atol=1e-6)
        assert all(torch.equal(a, b) for a, b in zip(planes, kept)), "members are not modified"

    def test_members_of_equal_weight_can_come_in_any_order(self, rng, name):
        planes = soft(rng, 4)
        labels = [merge(name, order).max(0).indices for order in itertools.permutations(planes)]
        assert all(torch.equal(labels[0], other) for other in labels[1:])

    def test_it_is_described(self, name):
        described = {method: (about, options) for method, about, options in describe_methods()}
        about, options = described[name]
        assert about.endswith(".")
        assert all(len(meaning) > 10 for _, meaning in options)

    def test_unknown_options_and_no_members_are_refused(self, name):
        with pytest.raises(UsageError, match=f"method {name} has no option 'colour'"):
            choose_method(name, {"colour": "red"})
        with pytest.raises(UsageError, match="nothing to merge"):
            choose_method(name, OPTIONS.get(name)).prepare(Members(()))

    def test_what_needs_probabilities_says_so(self, name):
        chosen = choose_method(name, OPTIONS.get(name))
        masks = Members(("a", "b", "c", "d"), probabilities=False)
        if chosen.needs is Needs.MASKS:
            assert chosen.prepare(masks)
        else:
            with pytest.raises(UsageError, match="there are only masks"):
                chosen.prepare(masks)


@pytest.mark.parametrize("name", ["mean", "weighted", "vote"])
def test_no_member_is_held(rng, name):
    chosen = choose_method(name, OPTIONS.get(name))
    accumulator = chosen.prepare(Members(("a", "b", "c", "d")))()
    members = []
    for number in range(4):
        planes = soft(rng, 1)[0]
        members.append(weakref.ref(planes))
        accumulator.add(planes, number)
        del planes
        gc.collect()
        # A single one may stand for its sum.
        assert sum(member() is not None for member in members) <= (number == 0)


@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 2, 2), (3, 1, 0.5), (0, 1, 0)])
def test_weighted_mean(rng, weights):
    planes = soft(rng, 3)
    expected = np.average(np.stack(planes).astype(float), axis=0, weights=weights)
    merged = merge("weighted", planes, {"weights": weights})
    assert np.allclose(merged.numpy(), expected, atol=1e-6)
    if len(set(weights)) == 1:
        assert torch.allclose(merged, merge("mean", planes), atol=1e-6)


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (2, 1, 1, 1), (0.1, 0.2, 0.3, 0.3)])
def test_vote_of_masks_against_a_loop(rng, weights):
    masks = [rng.integers(0, 3, (8, 8)) for _ in range(4)]
    labels = merge("vote", one_hot(*masks), {"weights": weights}, False).max(0).indices
    for y, x in itertools.product(range(8), range(8)):
        named = [int(mask[y, x]) for mask in masks]
        votes = [sum(w for w, n in zip(weights, named) if n == label) for label in range(3)]
        winners = [label for label in range(3) if votes[label] > max(votes) - 1e-6]
        assert labels[y, x] == winners[0], "a tie goes to the background, then to the lower id"


def test_planes_of_a_vote_are_its_shares():
    planes = one_hot([[1, 0]], [[1, 2]], [[2, 2]], [[1, 0]])
    merged = merge("vote", planes, {}, False)
    expected = [[[0, 0.5]], [[0.75, 0]], [[0.25, 0.5]]]
    assert torch.allclose(merged, torch.tensor(expected), atol=1e-6)


def test_tied_votes_go_to_the_higher_mean_probability():
    first, second = torch.tensor([0.0, 0.52, 0.48]), torch.tensor([0.02, 0.04, 0.94])
    planes = [volume[:, None, None] for volume in (first, second)]
    assert merge("vote", planes, {}).argmax() == 2
    assert merge("vote", planes[::-1], {}).argmax() == 2
    third = torch.tensor([0.0, 0.51, 0.49])[:, None, None]
    assert merge("vote", [*planes, third], {}).argmax() == 1, "a majority needs no probability"
    assert merge("mean", [*planes, third]).argmax() == 2, "where the mean says otherwise"


@pytest.mark.parametrize("weights", [(2, 1), (1, 3), (5, 1, 1), (1, 0), (0, 1, 0)])
@pytest.mark.parametrize("probabilities", [True, False])
def test_a_vote_that_one_member_decides_is_refused(weights, probabilities):
    strongest = "abc"[weights.index(max(weights))]
    with pytest.raises(UsageError, match=f"{strongest} alone outvotes all others") as caught:
        choose_method("vote", {"weights": weights}).prepare(
            Members(tuple("abc")[: len(weights)], probabilities)
        )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("weights", [None, (1, 1), (3, 3, 0), (0.5, 0, 0.5, 0)])
def test_two_masks_have_no_majority(weights):
    names = tuple("abcd")[: len(weights or "ab")]
    vote = choose_method("vote", {"weights": weights})
    with pytest.raises(UsageError, match=r"no majority.*third member.*--save-probabilities"):
        vote.prepare(Members(names, probabilities=False))
    assert vote.prepare(Members(names)), "probabilities decide where they differ"


@pytest.mark.parametrize("weights", [(2, 1, 1), (1, 1, 1), (0.6, 0.1, 0.2, 0.3), (1,)])
def test_votes_with_a_majority_are_taken(weights):
    names = tuple("abcd")[: len(weights)]
    assert choose_method("vote", {"weights": weights}).prepare(Members(names, False))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "weights is missing"),
        ({"weights": "a,b"}, "a,b are not numbers"),
        ({"weights": "1,-1"}, "1,-1 make no sense"),
        ({"weights": (0, 0)}, "0,0 make no sense"),
        ({"weights": "nan,1"}, "nan,1 make no sense"),
        ({"weights": "inf,1"}, "inf,1 make no sense"),
    ],
)
def test_weights_that_make_no_sense(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        choose_method("weighted", options)


@pytest.mark.parametrize("name", ["weighted", "vote"])
def test_one_weight_per_member(name):
    with pytest.raises(UsageError, match=r"2 weights \(2,1\) for 3 members \(a, b, c\)"):
        choose_method(name, {"weights": "2,1"}).prepare(Members(("a", "b", "c")))


def test_an_option_of_other_methods_names_them():
    with pytest.raises(UsageError, match=r"it has none; .*vote and weighted take it"):
        choose_method("mean", {"weights": "2,1"})
    with pytest.raises(UsageError, match=r"unknown merging method 'meen'.*did you mean mean"):
        choose_method("meen")


def test_what_joins_must_be_a_method(monkeypatch):
    point = EntryPoint("theirs", "vostool.ensembling.weights", ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.raises(UsageError, match="theirs is no merging method: it has no NEEDS, Params"):
        choose_method("theirs")


def test_a_method_of_another_package(monkeypatch, rng):
    point = EntryPoint("theirs", "vostool.ensembling.methods.mean", ENTRY_POINT_GROUP)
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [point] * (group == ENTRY_POINT_GROUP)
    )
    assert "theirs" in method_names()
    planes = soft(rng, 2)
    assert torch.equal(merge("theirs", planes), merge("mean", planes))
