"""What every system promises, whichever there are: training and inference say the same."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from vostool.core import registry
from vostool.core.types import Clip, Fate
from vostool.models import FrameViews, Prediction, Segmenter
from vostool.nn.part_protocols import Pretrained

SYSTEMS = "vostool.models.systems"
SMALL = {
    "backbone": "mobilenetv2_035",
    "key_channels": 8,
    "value_channels": 16,
    "decoder_channels": 8,
    "channels": 16,
    "region_cells": 7,
    "width": 128,
    "windows": ((2, 4), (1, 2), (1, 2)),
}
"""Values that make a network small, of which each system takes those that it has."""


def small(name: str) -> nn.Module:
    torch.manual_seed(0)
    module = registry.load(SYSTEMS, name, kind="model")
    known = {key: value for key, value in SMALL.items() if key in module.Config.model_fields}
    return module.build(module.Config.model_validate(known)).eval()


def pair_of_frames(network: nn.Module) -> Clip:
    more = network.input_spec.remainder
    labels = torch.zeros(1, 2, 48 + more, 64 + more, dtype=torch.long)
    labels[:, :, 8:36, 4:24], labels[:, :, 12:44, 34:60] = 1, 2
    images = torch.rand(1, 2, 3, *labels.shape[2:], generator=torch.Generator().manual_seed(0))
    return Clip(images, labels, torch.ones(1, 2, dtype=torch.bool))


@pytest.mark.parametrize("name", registry.names(SYSTEMS))
def test_training_and_inference_agree_on_two_frames(name: str) -> None:
    network = small(name)
    assert isinstance(network, Segmenter)
    clip = pair_of_frames(network)
    with torch.no_grad():
        whole = network(clip)
        images = network.input_spec.normalise(clip.images)
        first, second = (FrameViews.whole(images[:, time], time) for time in (0, 1))
        given = (clip.labels[:, 0, None] == torch.arange(3)[:, None, None]).float()
        state = network.start()
        fates = [Fate.GIVEN, Fate.GIVEN]
        network.memorize(first, network.encode(first), given, state, fates)
        step = network.segment(second, network.encode(second), state)
    assert isinstance(whole, Prediction) and isinstance(step, Prediction)
    assert whole.logits is not None
    torch.testing.assert_close(whole.probabilities, whole.logits.float().softmax(2))
    torch.testing.assert_close(step.probabilities, whole.probabilities[:, 0], atol=1e-4, rtol=0)
    assert step.probabilities.dtype == torch.float32
    sums = step.probabilities.sum(1)
    torch.testing.assert_close(sums, torch.ones_like(sums), atol=1e-5, rtol=0)


def segmented(network: nn.Module, count: int, at_once: int | None) -> torch.Tensor:
    """What a network says of two views of the second of two frames, object chunks of a size."""
    size = [side + network.input_spec.remainder for side in (64, 96)]
    labels = torch.zeros(size, dtype=torch.long)
    for row in range(count):
        labels[8:40, 4 + 18 * row : 18 + 18 * row] = row + 1
    given = (
        torch.stack([labels, labels.flip(-1)])[:, None] == torch.arange(count + 1)[:, None, None]
    )
    images = torch.rand(2, 2, 3, *size, generator=torch.Generator().manual_seed(0))
    first, second = (
        dataclasses.replace(FrameViews.whole(image, time), objects_at_once=at_once)
        for time, image in enumerate(images)
    )
    state = network.start()
    fates = [Fate.GIVEN] * count
    network.memorize(first, network.encode(first), given.float(), state, fates)
    return network.segment(second, network.encode(second), state).probabilities


@pytest.mark.parametrize("name", registry.names(SYSTEMS))
@torch.no_grad()
def test_objects_in_chunks_change_nothing_but_rounding(name: str) -> None:
    network = small(name)
    together = segmented(network, 5, at_once=8)
    assert (together.amax((2, 3)) > together.amin((2, 3))).all()
    for at_once in (1, 2, None):
        found = segmented(network, 5, at_once)
        torch.testing.assert_close(found, together, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", registry.names(SYSTEMS))
@torch.no_grad()
def test_per_object_parts_see_no_more_objects_than_may_go_together(name: str) -> None:
    network = small(name)
    seen: list[int] = []

    def look(module: nn.Module, inputs: tuple[torch.Tensor], output: object) -> None:
        if inputs[0].shape[-1] >= 96 // 4:  # DMN-AOA's regions are many, but small
            seen.append(len(inputs[0]))

    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(look)
    segmented(network, 5, at_once=8)
    assert max(seen) >= 2 * 5, "views and objects"
    seen.clear()
    segmented(network, 5, at_once=2)
    assert max(seen) == 2 * 2


@pytest.mark.parametrize(
    ("views", "size", "expected"),
    [
        (1, (480, 864), 8),
        (1, (481, 913), 8),
        (2, (480, 912), 4),
        (1, (720, 1280), 3),
        (1, (1088, 1920), 1),
        (4, (1088, 1920), 1),
        (1, (64, 64), 8),
    ],
)
def test_larger_frames_take_fewer_objects_together(views, size, expected) -> None:
    frame = FrameViews.whole(torch.empty(views, 3, *size, device="meta"), 0)
    assert frame.chunk == expected
    rows = list(range(11))
    chunks = [list(part) for part in frame.chunks(rows)]
    assert [row for part in chunks for row in part] == rows
    assert max(map(len, chunks)) == expected


@pytest.mark.parametrize("name", registry.names(SYSTEMS))
def test_some_part_declares_itself_a_trunk_and_the_rest_is_head(name: str) -> None:
    network = small(name)
    trunks = [part for part in network.modules() if isinstance(part, Pretrained)]
    inside = {id(value) for part in trunks for value in part.pretrained_parameters()}
    outside = [value for value in network.parameters() if id(value) not in inside]
    assert inside and outside
    for part in trunks:
        last = {id(value) for value in part.last_stage()}
        assert last and last < inside
