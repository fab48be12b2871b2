"""CFBI and CFBI+ as a whole: sizes, and values of the published code (commit 91fc6a3)."""

from __future__ import annotations

import pytest
import torch
from published import assert_summary, fill, normal, parameter, rectangles, renamed
from published_names import network_names
from torch import nn

from vostool.core.types import Fate
from vostool.models import FrameViews
from vostool.models.systems import camn
from vostool.nn.matching.distance import one_hot_instances

PLAIN = {"object_context": "off", "pyramid_attention": "off", "memory": "off"}
REFERENCE = rectangles(65, 65, (1, 8, 40, 6, 30), (2, 30, 60, 34, 58))
PREVIOUS = rectangles(65, 65, (1, 10, 42, 10, 34), (2, 28, 58, 38, 62))


@pytest.mark.parametrize(
    ("neck", "parameters", "tensors"), [("none", 66_045_376, 301), ("fpn", 74_063_604, 310)]
)
def test_as_many_parameters_as_published(neck, parameters, tensors) -> None:
    network = camn.build(camn.Config(neck=neck, **PLAIN))
    trained = [p for p in network.parameters() if p.requires_grad]
    assert sum(p.numel() for p in trained) == parameters
    # Published code holds the biases of all scales in two tensors, ours are two per scale.
    biases = 2 * len(network.matched) - 2
    assert len(trained) - biases == tensors
    head = sum(p.numel() for p in network.ensembler.parameters())
    if neck == "fpn":
        assert head == 13_389_870
    count = {
        name: sum(p.numel() for p in part.parameters() if p.requires_grad) / 1e6
        for name, part in network.encoder.named_children()
    }
    assert round(count["trunk"], 2) == 42.39
    assert (round(count["aspp"], 2), round(count["decoder"], 2)) == (15.53, 1.30)
    assert neck == "none" or round(count["pyramid"], 2) == 1.44


@torch.no_grad()
def published_network() -> nn.Module:
    network = camn.build(camn.Config(global_rates=(2, 1, 1), **PLAIN)).eval()
    fill(network, "net.", renamed(network_names()))
    background, foreground = (parameter(f"net.{name}", (3, 1, 1, 1)) for name in BIASES)
    for index, matched in enumerate(network.matched):
        matched.distance.background.copy_(background[index, 0, 0, 0])
        matched.distance.foreground.copy_(foreground[index, 0, 0, 0])
    return network


BIASES = ("bg_bias", "fg_bias")


@pytest.mark.slow
@torch.no_grad()
def test_published_values_end_to_end() -> None:
    network = published_network()
    frames = [
        FrameViews.whole(normal(f"net.img{index}", 1, 3, 65, 65), index) for index in range(3)
    ]
    state = network.start()
    for frame, labels, fate in (
        (frames[0], REFERENCE, Fate.GIVEN),
        (frames[1], PREVIOUS, Fate.KEEP),
    ):
        masks = one_hot_instances(labels, 3)
        network.memorize(frame, network.encode(frame), masks, state, [fate] * 2)
    prediction = network.segment(frames[2], network.encode(frames[2]), state)
    assert prediction.logits is not None
    # Corners are aligned: every fourth pixel is a pixel of stride 4.
    logits = prediction.logits[..., ::4, ::4]
    assert logits.shape == (1, 3, 17, 17)
    assert_summary(logits, "4.00779 4.43157 | 4.8745 4.88924 6.49703 5.95079", 1e-3)
    labels = prediction.probabilities.argmax(1)
    assert torch.bincount(labels.flatten()).tolist() == [117, 1788, 2320]
