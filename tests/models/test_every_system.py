"""What every system promises, whichever there are: training and inference say the same."""

from __future__ import annotations

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
