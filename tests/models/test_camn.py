"""CAMN: what each part must and must not change, in training and on videos."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from vostool.core.types import Clip, Fate
from vostool.inference.engine import Member, run_video
from vostool.inference.prepare import prepare
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Context, Propagation, Report, Request
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.inference.wrappers import small_objects
from vostool.models import FrameViews, Segmenter
from vostool.models.systems import camn, stm

SMALL = {
    "backbone": "mobilenetv2_035",
    "width": 128,
    "matched": (8, 16, 32),
    "windows": ((2, 4), (1, 2), (1, 2)),
    "halved_windows": (1, 2),
    "embedding": 8,
    "plane_channels": 8,
    "memory_key_channels": 8,
    "memory_value_channels": 16,
    "shortcut": 16,
}
OFF = {"object_context": "off", "pyramid_attention": "off", "memory": "off"}
NECKS = ("none", "fpn", "fpn+pan")
SIZE = (49, 65)


def network(**values) -> nn.Module:
    torch.manual_seed(1)
    return camn.build(camn.Config(**(SMALL | values))).eval()


def random_clip(frames: int = 3, objects: int = 2, size: tuple[int, int] = SIZE) -> Clip:
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(1, frames, *size, dtype=torch.long)
    for frame, row in itertools.product(range(frames), range(objects)):
        left = 4 + 18 * row + 2 * frame
        labels[:, frame, 8:30, left : left + 14] = row + 1
    images = torch.rand(1, frames, 3, *size, generator=generator)
    return Clip(images, labels, torch.ones(1, objects, dtype=torch.bool))


def planes(labels: torch.Tensor, objects: int) -> torch.Tensor:
    """Labels `[V, H, W]` -> one-hot `[V, N + 1, H, W]`."""
    return (labels[:, None] == torch.arange(objects + 1)[:, None, None]).float()


def views(model: nn.Module, images: torch.Tensor, time: int) -> FrameViews:
    return FrameViews.whole(model.input_spec.normalise(images), time)


@torch.no_grad()
def step_by_step(model: nn.Module, clip: Clip) -> torch.Tensor:
    """Probabilities `[V, T-1, N+1, H, W]`; each clip of the batch is a view."""
    objects = clip.present.shape[1]
    state, masks, found = model.start(), planes(clip.labels[:, 0], objects), []
    for time in range(1, clip.images.shape[1]):
        before = views(model, clip.images[:, time - 1], time - 1)
        fate = Fate.GIVEN if time == 1 else Fate.KEEP
        model.memorize(before, model.encode(before), masks, state, [fate] * objects)
        now = views(model, clip.images[:, time], time)
        masks = model.segment(now, model.encode(now), state).probabilities
        found.append(masks)
    return torch.stack(found, 1)


def test_it_is_a_segmenter_that_sees_every_frame_at_sizes_of_aligned_corners() -> None:
    model = network()
    assert isinstance(model, Segmenter)
    assert model.input_spec.every_frame
    assert (model.input_spec.stride, model.input_spec.remainder) == (16, 1)
    features = model.encode(views(model, random_clip().images[:, 0], 0))
    sizes = [tuple(part.shape[2:]) for part in features.embeddings]
    assert sizes == [(13, 17), (7, 9), (4, 5)]  # 49 x 65 pixels


@pytest.mark.parametrize("neck", NECKS)
@pytest.mark.parametrize("parts", [{}, OFF, {"memory": "prior", "pyramid_attention": "off"}])
@torch.no_grad()
def test_training_pass_equals_a_video_frame_by_frame(neck, parts) -> None:
    model = network(neck=neck, **parts)
    wake(model)
    clip = random_clip()
    result = model(clip)
    assert result.logits is not None and result.logits.shape == (1, 2, 3, *SIZE)
    expected = step_by_step(model, clip)
    torch.testing.assert_close(result.probabilities, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(
        result.probabilities.sum(2), torch.ones(1, 2, *SIZE), atol=1e-5, rtol=0
    )


def wake(model: nn.Module) -> None:
    """Weights that begin at zero do something."""
    if model.joined is not None:
        nn.init.normal_(model.joined.reduce.weight, std=0.05)
        nn.init.normal_(model.joined.project.weight, std=0.05)
    context = model.encoder.object_context
    if context is not None:
        nn.init.normal_(context.attention.out.weight, std=0.05)


@pytest.mark.parametrize("neck", NECKS)
@torch.no_grad()
def test_an_untrained_memory_changes_nothing(neck) -> None:
    plain, whole = network(neck=neck, **OFF), network(neck=neck, **(OFF | {"memory": "multiply"}))
    missing, unexpected = whole.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert {key.split(".")[0] for key in missing} == set(whole.parts_that_may_be_new)
    clip = random_clip()
    assert torch.equal(whole(clip).logits, plain(clip).logits)
    wake(whole)
    assert not torch.allclose(whole(clip).logits, plain(clip).logits, atol=1e-4)


@torch.no_grad()
def test_order_of_objects_does_not_matter() -> None:
    model = network()
    wake(model)
    clip = random_clip(objects=3)
    swapped = torch.tensor([0, 3, 1, 2])
    other = Clip(clip.images, swapped[clip.labels], clip.present)
    expected = model(clip).logits
    torch.testing.assert_close(model(other).logits[:, :, swapped], expected, atol=1e-4, rtol=0)


@torch.no_grad()
def test_views_do_not_see_each_other() -> None:
    model = network()
    wake(model)
    clip = random_clip()
    flipped = Clip(clip.images.flip(-1), clip.labels.flip(-1), clip.present)
    both = step_by_step(model, Clip.collate([clip, flipped]))
    for index, one in enumerate((clip, flipped)):
        torch.testing.assert_close(both[[index]], step_by_step(model, one), atol=1e-3, rtol=0)


@torch.no_grad()
def test_a_late_object_joins_with_the_whole_frame() -> None:
    model = network()
    wake(model)
    clip = random_clip(frames=4)
    images = [views(model, clip.images[:, time], time) for time in range(4)]
    state = model.start()
    first = planes(clip.labels[:, 0] * (clip.labels[:, 0] == 1), 1)
    model.memorize(images[0], model.encode(images[0]), first, state, [Fate.GIVEN])
    assert model.segment(images[1], model.encode(images[1]), state).probabilities.shape[1] == 2
    both = planes(clip.labels[:, 1], 2)
    model.memorize(images[1], model.encode(images[1]), both, state, [Fate.REPLACE, Fate.GIVEN])
    found = model.segment(images[2], model.encode(images[2]), state).probabilities
    assert found.shape[1] == 3 and bool(found.isfinite().all())
    # The early object has reference pixels of both frames, the late one of the second only.
    pixels = state.references[0].pixels[0]
    assert len(pixels[1]) > len(pixels[2]) > 0
    assert state.stored[1].times == [0, 1] and state.stored[2].times == [1]
    model.memorize(images[2], model.encode(images[2]), found, state, [Fate.SKIP, Fate.SKIP])
    assert state.stored[1].times == [0] and state.stored[2].times == [1]
    assert torch.equal(state.labels, found.argmax(1))


@pytest.mark.parametrize("fraction", ["nothing", "one pixel", "everything"])
@torch.no_grad()
def test_objects_of_extreme_sizes(fraction) -> None:
    model = network()
    wake(model)
    clip = random_clip(objects=1)
    labels = torch.zeros_like(clip.labels)
    if fraction == "everything":
        labels += 1
    elif fraction == "one pixel":
        labels[..., 20, 20] = 1
    result = model(Clip(clip.images, labels, clip.present))
    assert bool(result.probabilities.isfinite().all())


@torch.no_grad()
def test_a_clip_without_objects_is_background() -> None:
    model = network()
    clip = random_clip(objects=2)
    nothing = Clip(clip.images, torch.zeros_like(clip.labels), torch.zeros_like(clip.present))
    result = model(nothing)
    assert bool((result.probabilities[:, :, 0] == 1).all())


@torch.no_grad()
def test_absent_objects_change_nothing() -> None:
    model = network()
    clip = random_clip(objects=2)
    rows = torch.tensor([0, 1, 3])
    wider = Clip(clip.images, rows[clip.labels], torch.tensor([[True, False, True]]))
    result = model(wider)
    expected = model(clip).logits
    torch.testing.assert_close(result.logits[:, :, rows], expected, atol=1e-3, rtol=0)
    assert bool((result.probabilities[:, :, 2] == 0).all())


def test_true_previous_masks_are_used_where_the_clip_has_them() -> None:
    model = network()
    clip = random_clip(frames=3)
    guided = Clip(clip.images, clip.labels, clip.present, clip.labels)
    moved = clip.labels.clone()
    moved[:, 1] = moved[:, 1].roll(9, -1)
    misled = Clip(clip.images, moved, clip.present, moved)
    with torch.no_grad():
        own, told = model(clip).logits, model(guided).logits
        torch.testing.assert_close(own[:, 0], told[:, 0])
        assert not torch.allclose(own[:, 1], told[:, 1], atol=1e-4)
        assert not torch.allclose(model(misled).logits[:, 1], told[:, 1], atol=1e-4)


@pytest.mark.parametrize("neck", NECKS)
def test_every_trainable_parameter_gets_a_gradient(neck) -> None:
    model = network(neck=neck, memory="prior").train()
    wake(model)
    result = model(random_clip())
    result.logits.square().mean().backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or bool(parameter.grad.isfinite().all()), name
        assert parameter.requires_grad or "bn" in name or ".1." in name, name


def test_computing_frames_again_changes_no_gradient() -> None:
    grads = []
    for again in (False, True):
        model = network(checkpoint_frames=again, **{**OFF, "memory": "multiply"}).train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        wake_seeded(model)
        model(random_clip(frames=3)).logits.square().mean().backward()
        grads.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert grads[0].keys() == grads[1].keys()
    for name, grad in grads[0].items():
        torch.testing.assert_close(grad, grads[1][name], atol=1e-5, rtol=1e-4)


def wake_seeded(model: nn.Module) -> None:
    torch.manual_seed(3)
    wake(model)


@torch.no_grad()
def test_training_takes_a_coarser_reference_grid_at_stride_4() -> None:
    model = network()
    clip = random_clip()
    masks = planes(clip.labels[:, 0], 2)
    frame = views(model, clip.images[:, 0], 0)
    pixels = {}
    for training in (False, True):
        state = model.train(training).start()
        model.memorize(frame, model.encode(frame), masks, state, [Fate.GIVEN] * 2)
        pixels[training] = [
            sum(len(part) for part in reference.pixels[0]) for reference in state.references
        ]
    assert pixels == {False: [13 * 17, 7 * 9, 4 * 5], True: [7 * 9, 7 * 9, 4 * 5]}


def test_wrong_choices_are_named() -> None:
    with pytest.raises(ValueError, match="windows"):
        camn.Config(windows=((2, 2), (1,), (1,)))
    with pytest.raises(ValueError, match="matched channels"):
        camn.Config(width=128, matched=(32, 64, 256))
    with pytest.raises(ValueError, match="rates"):
        camn.Config(local_rates=(0, 1, 1))


@pytest.mark.slow
def test_one_clip_can_be_learned() -> None:
    model = network().train()
    clip = random_clip()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, 1e-3)
    loss = torch.zeros(())
    for _ in range(100):
        loss = nn.functional.cross_entropy(model(clip).logits[0], clip.labels[0, 1:])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = step_by_step(model.eval(), clip)[0].argmax(1)
    for row in (1, 2):
        mine, true = found == row, clip.labels[0, 1:] == row
        assert float((mine & true).sum() / (mine | true).sum()) > 0.95
    assert float(loss.detach()) < 0.05


# In the engine


def squares(frames: int = 5):
    """A video of two squares, the second of which comes later; images, true masks, given masks."""
    rng = np.random.default_rng(0)
    images, truth = [], []
    for index in range(frames):
        image = rng.integers(90, 130, (48, 72, 3)).astype(np.uint8)
        mask = np.zeros((48, 72), np.uint8)
        mask[8:26, 6 + 3 * index : 26 + 3 * index] = 4
        if index >= 2:
            mask[26:44, 44:64] = 9
        image[mask == 4], image[mask == 9] = (220, 40, 40), (40, 220, 60)
        images.append(image)
        truth.append(mask)
    given = {0: truth[0], 2: np.where(truth[2] == 9, truth[2], 0).astype(np.uint8)}
    return ArraySource("v", images, given), truth


@pytest.mark.parametrize("feedback", ["own", "merged"])
def test_views_strategies_late_objects_and_another_network_in_step(feedback) -> None:
    source, truth = squares()
    model = network()
    with torch.no_grad():
        wake(model)
    other = stm.build(stm.Config(backbone="mobilenetv2_035", key_channels=4, value_channels=8))
    members = [
        Member(model, parse_strategies(("every:2", "first-previous")), name="camn"),
        Member(other.eval(), parse_strategies(("every:2",)), name="stm"),
    ]
    options = PropagationOptions(views="flip,0.75,1.0", feedback=feedback, max_memory=3)
    results = list(run_video(source, members, options, probabilities=True))
    assert len(results) == 5
    assert np.array_equal(results[0].mask, truth[0])
    assert np.array_equal(results[2].mask == 9, truth[2] == 9)
    for result in results:
        assert torch.allclose(result.probabilities.sum(0), torch.ones(48, 72), atol=1e-5)


def test_made_ready_for_inference_it_computes_the_same() -> None:
    source, _ = squares()
    model = network()
    with torch.no_grad():
        wake(model)
    strategies = parse_strategies(("every:2",))
    ready = prepare(model, torch.device("cpu"))
    plain, folded = (
        [r.probabilities for r in run_video(source, [Member(n, strategies)], probabilities=True)]
        for n in (model, ready)
    )
    for one, two in zip(plain, folded):
        assert (one - two).abs().max() < 5e-3


def test_small_objects_are_cropped_and_zoomed() -> None:
    source, truth = squares()
    report = Report()
    inside = Propagation([Member(network(), parse_strategies(("every:2",)))], PropagationOptions())
    options = small_objects.Options(largest_area=0.9, target_side=30)
    wrapped = small_objects.wrap(inside, options, Context(torch.device("cpu")))
    results = list(wrapped(source, Request(report=report)))
    assert {entry["object"] for entry in report.entries["small_objects"]} == {4, 9}
    assert np.array_equal(results[0].mask, truth[0]) and len(results) == 5


def test_sampled_vectors_are_of_training_alone() -> None:
    clip = random_clip()
    for training in (True, False):
        found = []
        for sampled in (True, False):
            model = network(neck="fpn", sampled_vectors=sampled, **OFF).train(training)
            for part in model.modules():
                if isinstance(part, nn.Dropout):
                    part.p = 0.0
            with torch.no_grad():
                found.append(model(clip).probabilities)
        assert torch.allclose(*found, atol=1e-4) != training
