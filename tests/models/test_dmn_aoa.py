"""DMN-AOA: its switches, the protocol, videos without proposals, and that it can learn."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from vostool.core.types import Clip, Fate, ObjectProposals
from vostool.models import FrameViews, Prediction, Segmenter
from vostool.models.proposal_network import ProposalNetwork, others_of
from vostool.models.systems import dmn_aoa
from vostool.training.checkpoints.checkpoint import load_start

SMALL = {
    "backbone": "mobilenetv2_035",
    "channels": 16,
    "key_channels": 8,
    "value_channels": 16,
    "decoder_channels": 8,
    "region_cells": 7,
}
SWITCHES = [
    {},
    {"template_mode": "first"},
    {"template_mode": "dynamic"},
    {"alignment": False},
    {"mask_prior": False},
    {"object_memory": False},
    {"matching": "nearest"},
    {"hard": "argmax"},
    {"refinement": False},
    {"training_proposals": "deterministic"},
    {"training_proposals": "oracle-jitter"},
]


def network(**values) -> ProposalNetwork:
    torch.manual_seed(0)
    return dmn_aoa.build(dmn_aoa.Config.model_validate({**SMALL, **values})).eval()


def moving_clip(clips: int = 1, frames: int = 3, objects: int = 2) -> Clip:
    """Coloured rectangles that move; the second clip lacks the last object."""
    labels = torch.zeros(clips, frames, 64, 96, dtype=torch.long)
    images = 0.3 + 0.05 * torch.rand(clips, frames, 3, 64, 96)
    for frame in range(frames):
        for row in range(objects):
            top, left = 8 + 4 * frame, 8 + 40 * row + 3 * frame
            labels[:, frame, top : top + 28, left : left + 24] = row + 1
    present = torch.ones(clips, objects, dtype=torch.bool)
    if clips > 1 and objects > 1:
        present[1, -1] = False
        labels[1][labels[1] == objects] = 0
    for row in range(objects):
        colour = torch.zeros(3)
        colour[row % 3] = 0.9
        images = torch.where(
            (labels == row + 1)[:, :, None], colour[:, None, None].expand_as(images), images
        )
    return Clip(images, labels, present)


def planes(clip: Clip, frame: int) -> torch.Tensor:
    rows = torch.arange(clip.present.shape[1] + 1)
    return (clip.labels[:, frame, None] == rows[:, None, None]).float()


def views(model: ProposalNetwork, clip: Clip) -> list[FrameViews]:
    images = model.input_spec.normalise(clip.images)
    return [FrameViews.whole(images[:, frame], frame) for frame in range(images.shape[1])]


@pytest.mark.parametrize("values", SWITCHES, ids=str)
def test_every_switch_trains_and_every_parameter_that_is_used_gets_a_gradient(values) -> None:
    model = network(**values).train()
    prediction = model(moving_clip(clips=2))
    assert prediction.probabilities.shape == (2, 2, 3, 64, 96)
    assert prediction.extras["coarse"].shape == (2, 2, 2, 16, 24)
    assert torch.isfinite(prediction.logits).all()
    similarities = [item.values for frame in prediction.extras["matching"] for item in frame]
    loss = prediction.logits.square().mean() + prediction.extras["coarse"].mean()
    (loss + sum(values.mean() for values in similarities)).backward()
    without = {name for name, value in model.named_parameters() if value.grad is None}
    assert all(torch.isfinite(v.grad).all() for v in model.parameters() if v.grad is not None)
    unused = ("decoder", "enter") if values.get("refinement") is False else ()
    if values.get("matching") == "nearest":
        unused += ("matcher.overlap_logit", "matcher.absent_similarity")
    if values.get("alignment") is False:
        assert not any("alignment" in name for name, _ in model.named_parameters())
    assert all(name.startswith(unused) for name in without), without


@pytest.mark.parametrize("values", SWITCHES, ids=str)
def test_in_evaluation_the_training_pass_equals_frame_by_frame(values) -> None:
    model = network(**values)
    assert isinstance(model, Segmenter)
    clip = moving_clip(frames=4)
    with torch.inference_mode():
        whole = model(clip)
        state, found = model.start(), planes(clip, 0)
        frames = views(model, clip)
        for before, now in pairwise(frames):
            fates = [Fate.GIVEN if before.time == 0 else Fate.KEEP] * 2
            model.memorize(before, model.encode(before), found, state, fates)
            prediction = model.segment(now, model.encode(now), state)
            found = prediction.probabilities
            expected = whole.probabilities[:, now.time - 1]
            assert torch.allclose(found, expected, atol=1e-5)
            assert torch.allclose(found.sum(1), torch.ones(1, 64, 96), atol=1e-5)


def one_step(
    model: ProposalNetwork, clip: Clip, given: tuple[ObjectProposals, ...] | None
) -> Prediction:
    first, second = views(model, clip)[:2]
    state = model.start()
    first = FrameViews(first.images, 0, first.content, given)
    second = FrameViews(second.images, 1, second.content, given)
    with torch.inference_mode():
        model.memorize(first, model.encode(first), planes(clip, 0), state, [Fate.GIVEN] * 2)
        return model.segment(second, model.encode(second), state)


def true_proposals(clip: Clip, frame: int, order: list[int]) -> ObjectProposals:
    """The true masks, in an order; one more that is nothing."""
    masks = torch.stack([clip.labels[0, frame] == row for row in order])
    nothing = torch.zeros(1, 64, 96, dtype=torch.bool)
    nothing[0, 50:60, 4:90] = True
    masks = torch.cat([masks, nothing])
    rows, columns = masks.any(2), masks.any(1)
    boxes = torch.tensor(
        [
            [c.nonzero().min(), r.nonzero().min(), c.nonzero().max() + 1, r.nonzero().max() + 1]
            for r, c in zip(rows, columns, strict=True)
        ],
        dtype=torch.float32,
    )
    return ObjectProposals(boxes, torch.ones(len(masks)), masks)


@pytest.mark.parametrize("order", [[1, 2], [2, 1]])
def test_given_proposals_are_matched_whatever_their_order(order: list[int]) -> None:
    model = network(proposals="detector", refinement=False)
    assert model.input_spec.proposals
    clip = moving_clip()
    found = one_step(model, clip, (true_proposals(clip, 1, order),))
    assert found.extras["matches"] == [[order.index(1), order.index(2)]]
    assert (found.probabilities[0].argmax(0) == clip.labels[0, 1]).float().mean() > 0.95


def test_without_any_proposal_an_object_carries_on_where_it_was() -> None:
    model = network(proposals="detector", refinement=False)
    clip = moving_clip()
    found = one_step(model, clip, (ObjectProposals.none(64, 96),))
    coarse = found.extras["coarse"][0]
    last = torch.nn.functional.avg_pool2d(planes(clip, 0)[:, 1:], 4)[0]
    assert torch.equal(coarse, (last >= 0.5).float())
    assert found.extras["matches"] == [[0, 1]]


def test_an_absent_object_takes_no_proposal_that_is_worse_than_absence() -> None:
    model = network(proposals="detector")
    with torch.no_grad():
        model.matcher.absent_similarity.fill_(2.0)
    clip = moving_clip()
    found = one_step(model, clip, (true_proposals(clip, 1, [1, 2]),))
    assert found.extras["matches"] == [[None, None]]
    assert found.extras["coarse"].abs().max() == 0


def test_more_objects_than_proposals_and_hundreds_of_proposals() -> None:
    model = network(proposals="detector")
    clip = moving_clip()
    some = true_proposals(clip, 1, [1])
    one = ObjectProposals(some.boxes[:1], some.scores[:1], some.masks[:1])
    found = one_step(model, clip, (one,))
    assert (
        sorted(found.extras["matches"][0], key=str) == [0, None]
        or None not in (found.extras["matches"][0])
    )  # unions and absence stand in for what is missing
    many = ObjectProposals(
        some.boxes.repeat(150, 1), some.scores.repeat(150), some.masks.repeat(150, 1, 1)
    )
    assert torch.isfinite(one_step(model, clip, (many,)).probabilities).all()


def test_others_is_the_largest_of_the_rest() -> None:
    masks = torch.rand(2, 4, 3, 5)
    for row in range(4):
        rest = torch.cat([masks[:, :row], masks[:, row + 1 :]], 1).amax(1)
        assert torch.equal(others_of(masks)[:, row], rest)
    assert others_of(masks[:, :1]).abs().max() == 0


@pytest.mark.slow
def test_one_clip_is_learned() -> None:
    torch.manual_seed(0)
    model = network(training_proposals="both").train()
    clip = moving_clip(frames=2)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    # A constant rate would leave it to rounding whether the end falls on one of the loss's peaks.
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, total_iters=100)
    for _ in range(100):
        prediction = model(clip)
        loss = torch.nn.functional.cross_entropy(
            prediction.logits.flatten(0, 1), clip.labels[:, 1:].flatten(0, 1)
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        labels = model.eval()(clip).logits.argmax(2)
    for row in (1, 2):
        one, other = labels == row, clip.labels[:, 1:] == row
        assert (one & other).sum() / (one | other).sum() > 0.9


def test_training_matches_the_proposals_that_come_with_a_clip() -> None:
    model = network(proposals="detector", training_proposals="detector").train()
    clip = moving_clip(clips=2)
    of_first = tuple(true_proposals(clip, frame, [1, 2]) for frame in range(3))
    found = model(dataclasses.replace(clip, proposals=(of_first, None)))
    for frame, (first, second) in enumerate(found.extras["matching"], start=1):
        for row in range(2):
            true = F.avg_pool2d((clip.labels[0, frame] == row + 1)[None, None].float(), 4)[0, 0]
            assert torch.equal(first.masks[row], true)
        # The second clip has none: they are made for it, true masks moved about among them.
        assert len(second.masks) > 5
    ignored = network(proposals="deterministic", training_proposals="deterministic").eval()
    with_proposals = ignored(dataclasses.replace(clip, proposals=(of_first, None)))
    assert torch.equal(with_proposals.logits, ignored(clip).logits)


def test_in_evaluation_given_proposals_are_used_as_frame_by_frame() -> None:
    model = network(proposals="detector")
    clip = moving_clip(frames=2)
    given = tuple(true_proposals(clip, frame, [2, 1]) for frame in range(2))
    whole = model(dataclasses.replace(clip, proposals=(given,)))
    assert torch.allclose(
        whole.probabilities[:, 0], one_step(model, clip, (given[1],)).probabilities, atol=1e-5
    )


def test_learning_from_a_detector_needs_one() -> None:
    with pytest.raises(ValueError, match="needs proposals"):
        dmn_aoa.Config(training_proposals="detector")


def test_a_network_with_alignment_is_a_start_for_one_without(tmp_path) -> None:
    whole, without = network(), network(alignment=False)
    new, unused = load_start(without, whole.state_dict(), tmp_path)
    assert (new, unused) == (["matcher"], [])
    torch.testing.assert_close(without.decoder.state_dict(), whole.decoder.state_dict())
