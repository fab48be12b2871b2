"""SCMN: what each part adds, priors in training and on videos."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
import torch
from torch import nn

from vostool.core.types import Clip, Fate
from vostool.models import FrameViews, Segmenter
from vostool.models.space_time import SpaceTimeNetwork
from vostool.models.systems import scmn, stm

SMALL = {
    "backbone": "mobilenetv2_035",
    "key_channels": 8,
    "value_channels": 16,
    "decoder_channels": 8,
}
GIVEN, KEEP, REPLACE, SKIP = Fate.GIVEN, Fate.KEEP, Fate.REPLACE, Fate.SKIP
THIN = {"name": "residual", "channels": 4}
PARTS = {"mixer": "convolution", "prior": "none", "refinement": "none"}


def network(trained: bool = True, **values) -> SpaceTimeNetwork:
    """A small SCMN; `trained` makes prior and refinement do something."""
    torch.manual_seed(1)
    found = scmn.build(scmn.Config(**SMALL, **{"refinement": THIN, **values})).eval()
    if trained and found.refinement is not None:
        nn.init.normal_(found.refinement.leave.weight, std=0.1)
    if trained and found.prior is not None:
        nn.init.normal_(found.prior.conv.weight, std=0.2)
    return found


def random_clip(frames: int = 3, objects: int = 2, previous: bool = False) -> Clip:
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(1, frames, 48, 80, dtype=torch.long)
    for frame in range(frames):
        for row in range(objects):
            left = 4 + 25 * row + 2 * frame
            labels[:, frame, 8:40, left : left + 16] = row + 1
    images = torch.rand(1, frames, 3, 48, 80, generator=generator)
    before = torch.cat([labels[:, :1], labels[:, :-1]], 1) if previous else None
    return Clip(images, labels, torch.ones(1, objects, dtype=torch.bool), before)


def one_hot(clip: Clip, frame: int) -> torch.Tensor:
    """Planes `[B, N + 1, H, W]`, background first."""
    rows = torch.arange(clip.present.shape[1] + 1)
    return (clip.labels[:, frame, None] == rows[:, None, None]).float()


@torch.no_grad()
def step_by_step(model: nn.Module, clip: Clip) -> torch.Tensor:
    """Logits of frames 1.. from encode / memorize / segment, all frames kept."""
    state, masks, result = model.start(), one_hot(clip, 0), []
    frames = views(model, clip)
    for before, now in pairwise(frames):
        fates = [KEEP] * (masks.shape[1] - 1)
        model.memorize(before, model.encode(before), masks, state, fates)
        prediction = model.segment(now, model.encode(now), state)
        result.append(prediction.logits)
        masks = prediction.probabilities
    return torch.stack(result, 1)


def views(model: nn.Module, clip: Clip) -> list[FrameViews]:
    images = model.input_spec.normalise(clip.images)
    return [FrameViews.whole(images[:, frame], frame) for frame in range(images.shape[1])]


@pytest.mark.parametrize("part", [None, *PARTS])
def test_without_its_own_prior_training_equals_frame_by_frame(part: str | None) -> None:
    model = network(**({part: PARTS[part]} if part else {}))
    assert isinstance(model, Segmenter)
    clip = random_clip(frames=4)
    with torch.no_grad():
        prediction = model(clip)
    ours, theirs = prediction.logits.softmax(2), step_by_step(model, clip).softmax(2)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    assert set(prediction.extras) == (set() if part == "refinement" else {"coarse"})


def test_without_its_parts_it_is_stm() -> None:
    ours = network(**PARTS)
    theirs = stm.build(stm.Config(**SMALL)).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    clip = random_clip()
    with torch.no_grad():
        assert torch.equal(ours(clip).logits, theirs(clip).logits)


def test_an_untrained_refinement_changes_nothing() -> None:
    refined = network(trained=False)
    plain = network(trained=False, refinement="none")
    plain.load_state_dict(
        {k: v for k, v in refined.state_dict().items() if not k.startswith("refinement.")}
    )
    clip = random_clip()
    with torch.no_grad():
        prediction = refined(clip)
        assert torch.equal(prediction.logits, plain(clip).logits)
        assert torch.equal(prediction.logits, prediction.extras["coarse"])
        assert torch.equal(step_by_step(refined, clip), step_by_step(plain, clip))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision(dtype: torch.dtype) -> None:
    clip, model = random_clip(previous=True), network(trained=False)
    with torch.autocast("cpu", dtype):
        prediction = model(clip)
        logits, coarse = prediction.logits, prediction.extras["coarse"]
        (logits.square().mean() + coarse.square().mean()).backward()
    assert logits.dtype == torch.float32
    assert torch.equal(logits, coarse)
    assert all(bool(value.grad.isfinite().all()) for value in model.parameters())


def test_coarse_logits_are_those_before_refinement() -> None:
    refined, clip = network(), random_clip(frames=2)
    with torch.no_grad():
        prediction = refined(clip)
        refined.refinement = None
        assert torch.equal(refined(clip).logits, prediction.extras["coarse"])
    assert not torch.equal(prediction.logits, prediction.extras["coarse"])


def test_full_size_has_the_published_parts() -> None:
    whole = scmn.build(scmn.Config(backbone="resnet18"))

    assert parameters(whole.mixer.aspp) == 7_274_496
    assert parameters(whole.prior) == 2_314
    assert parameters(whole.refinement) == 482_178


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.slow
def test_published_sizes_with_resnest101() -> None:
    trunk = {"backbone": "resnest101e"}
    with torch.device("meta"):  # without initialising a hundred million parameters
        network = stm.build(stm.Config(**trunk))
        four_branches = scmn.build(scmn.Config(**trunk, mixer={"rates": (1, 2, 4, 8)}))
    assert parameters(network) == 81_991_618
    assert parameters(network.encoder.query) == 30_073_184
    assert parameters(network.encoder.memory) == 30_073_184 + 2 * 128 * 49
    assert parameters(four_branches) == 87_824_322 + 2_314 + 482_178


@pytest.mark.parametrize("given", [False, True])
def test_every_parameter_gets_a_gradient(given: bool) -> None:
    model = network(trained=False).train()
    found = model(random_clip(previous=given))
    (found.logits.square().mean() + found.extras["coarse"].square().mean()).backward()
    missing = [name for name, value in model.named_parameters() if value.grad is None]
    assert not missing


def test_given_priors_are_used_where_the_clip_has_them() -> None:
    model, clip = network(), random_clip(previous=True)
    elsewhere = dataclasses.replace(clip, previous=clip.previous.flip(-1))
    with torch.no_grad():
        without = model(dataclasses.replace(clip, previous=None)).logits
        own, other = model(clip).logits, model(elsewhere).logits
    # The frame before the first segmented one has its mask given either way.
    torch.testing.assert_close(own[:, 0], without[:, 0])
    assert not torch.equal(own[:, 1], without[:, 1])
    assert not torch.equal(own[:, 0], other[:, 0])


@torch.no_grad()
def test_the_prior_is_the_last_frames_mask_even_if_no_memory_takes_it() -> None:
    model, clip = network(), random_clip(frames=3)
    frames = views(model, clip)
    features = [model.encode(frame) for frame in frames]

    def run(second_mask: torch.Tensor) -> torch.Tensor:
        state = model.start()
        model.memorize(frames[0], features[0], one_hot(clip, 0), state, [KEEP] * 2)
        model.memorize(frames[1], features[1], second_mask, state, [SKIP] * 2)
        assert [bank.times for bank in state.objects] == [[0], [0]]
        return model.segment(frames[2], features[2], state).probabilities

    here, there = run(one_hot(clip, 1)), run(one_hot(clip, 1).flip(-1))
    assert not torch.equal(here, there)
    assert model.input_spec.every_frame
    assert not network(prior="none").input_spec.every_frame


@torch.no_grad()
def test_a_lost_object_can_come_back() -> None:
    """A constraint that suppresses all must not act on an object whose last mask is empty."""
    model, clip = network(), random_clip(frames=2)
    free = network(prior="none")
    free.load_state_dict(
        {k: v for k, v in model.state_dict().items() if not k.startswith("prior.")}
    )
    nn.init.zeros_(model.prior.conv.weight)
    nn.init.constant_(model.prior.conv.bias, -50.0)
    frames, found = views(model, clip), []
    for one in (model, free):
        state = one.start()
        first, features = frames[0], [one.encode(frame) for frame in frames]
        masks = one_hot(clip, 0)
        one.memorize(first, features[0], masks, state, [KEEP] * 2)
        masks = torch.stack([masks[:, 0] + masks[:, 1], 0 * masks[:, 1], masks[:, 2]], 1)
        one.memorize(dataclasses.replace(first, time=1), features[0], masks, state, [SKIP] * 2)
        logits = one.segment(frames[1], features[1], state).logits
        found.append(logits[:, 1:])
    torch.testing.assert_close(found[0][:, 0], found[1][:, 0])
    assert not torch.allclose(found[0][:, 1], found[1][:, 1])


@pytest.mark.parametrize("pixels", [0, 1])
@torch.no_grad()
def test_empty_and_one_pixel_masks_work(pixels: int) -> None:
    model, clip = network(), random_clip(frames=3)
    labels = torch.where(clip.labels == 2, 0, clip.labels)
    if pixels:
        labels[:, 0, 20, 70] = 2
    clip = dataclasses.replace(clip, labels=labels)
    logits = model(clip).logits
    assert bool(logits.isfinite().all())
    ours, theirs = logits.softmax(2), step_by_step(model, clip).softmax(2)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@torch.no_grad()
def test_late_objects_and_views_have_their_own_prior() -> None:
    model, clip = network(), random_clip(frames=3)
    images = model.input_spec.normalise(clip.images)
    masks = torch.cat([one_hot(clip, 0), one_hot(clip, 0).flip(-1)])
    found = []
    for both in (True, False):
        shown = torch.cat([images, images.flip(-1)]) if both else images
        frames = [FrameViews.whole(shown[:, time], time) for time in range(3)]
        features = [model.encode(frame) for frame in frames]
        state, planes = model.start(), masks[: len(shown)]
        model.memorize(frames[0], features[0], planes[:, :2], state, [GIVEN])
        model.memorize(frames[1], features[1], planes, state, [REPLACE, GIVEN])
        found.append(model.segment(frames[2], features[2], state).probabilities)
    torch.testing.assert_close(found[0][:1], found[1], atol=1e-5, rtol=1e-5)
