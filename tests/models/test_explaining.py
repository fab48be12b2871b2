"""Every system with a memory shows what it reads; DMN-AOA shows what it aligns."""

from __future__ import annotations

import pytest
import torch

from vostool.core import registry
from vostool.core.types import Fate
from vostool.models import FrameViews
from vostool.models.explaining import ShowsAlignment, ShowsRelevance
from vostool.recipe import SYSTEMS

SMALL = {
    "backbone": "mobilenetv2_035",
    "key_channels": 8,
    "value_channels": 16,
    "decoder_channels": 8,
    "channels": 16,
    "region_cells": 5,
}
"""Of which each system takes those that it has."""


def network(name: str):
    torch.manual_seed(0)
    module = registry.load(SYSTEMS, name, kind="model")
    known = {key: value for key, value in SMALL.items() if key in module.Config.model_fields}
    return module.build(module.Config.model_validate(known)).eval()


def after_three_frames(model):
    """Features, state and prediction of frame 3; an object in the upper left, one in the middle."""
    side = 16 * 4 + model.input_spec.remainder
    images = torch.rand(4, 1, 3, side, side)
    planes = torch.zeros(1, 3, side, side)
    planes[:, 1, 2:20, 2:20], planes[:, 2, 24:50, 20:60] = 1, 1
    planes[:, 0] = 1 - planes[:, 1:].sum(1)
    state = model.start()
    fates = [Fate.GIVEN, Fate.KEEP, Fate.REPLACE]
    with torch.inference_mode():
        for time, fate in enumerate(fates):
            frame = FrameViews.whole(images[time], time)
            model.memorize(frame, model.encode(frame), planes, state, [fate] * 2)
        frame = FrameViews.whole(images[3], 3)
        features = model.encode(frame)
        return features, state, model.segment(frame, features, state)


@pytest.mark.parametrize("name", registry.names(SYSTEMS))
def test_relevance_is_of_all_memory_frames_and_sums_to_one(name: str) -> None:
    model = network(name)
    assert isinstance(model, ShowsRelevance)
    features, state, prediction = after_three_frames(model)
    pixels = torch.zeros(prediction.probabilities.shape[-2:], dtype=torch.bool)
    pixels[3, 5] = True
    with torch.inference_mode():
        one = model.relevance(features, state, 1, pixels)
        every = model.relevance(features, state, 1, torch.ones_like(pixels))
    assert one is not None and every is not None
    assert one.times == (0, 1, 2)
    assert one.maps.shape[0] == 3
    assert float(one.maps.sum()) == pytest.approx(1, abs=1e-4)
    assert (one.maps >= 0).all()
    assert not torch.allclose(one.maps, every.maps)


def test_aligned_points_lie_in_their_boxes() -> None:
    model = network("dmn-aoa")
    assert isinstance(model, ShowsAlignment)
    features, state, prediction = after_three_frames(model)
    prediction.extras["matches"][0][1] = None
    with torch.inference_mode():
        found = model.aligned_points(features, state, prediction, 0, 4)
        assert model.aligned_points(features, state, prediction, 1, 4) is None
    assert found is not None
    assert found.template.shape == found.proposal.shape == (4, 2)
    for places in (found.template, found.proposal):
        assert ((places > 0) & (places < 1)).all()
    assert len(found.template.unique(dim=0)) == 4
