"""Proposals reach networks through a wrapper; a detector is asked once per frame."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from moving_squares import squares
from safetensors.torch import save_file
from toy_networks import ColourDetector, ProposalChooser

from vostool.core.errors import CheckpointError, DataError, UsageError
from vostool.inference.engine import Member
from vostool.inference.options import InferenceOptions
from vostool.inference.proposing import Remembering, open_source
from vostool.inference.run import Propagation, Request
from vostool.inference.source import ArraySource
from vostool.inference.wrapper import nested
from vostool.inference.wrappers.proposals import WithDetector
from vostool.nn import mask_rcnn

CPU = torch.device("cpu")


def video(frames: int = 3):
    images, truth, _ = squares(frames, seed=0)
    return ArraySource("v", images, {0: truth[0]}), truth


def test_what_is_remembered_equals_what_was_found_and_is_asked_once() -> None:
    detector = ColourDetector()
    remembering = Remembering(detector)
    source, _ = video()
    for _ in range(2):
        for index, image in enumerate(source.images):
            found = remembering.proposals(image, "v", str(index))
            direct = ColourDetector().proposals(image, "v", str(index))
            assert torch.equal(found.masks, direct.masks)
            assert torch.equal(found.boxes, direct.boxes)
    assert detector.asked == [("v", "0"), ("v", "1"), ("v", "2")]
    remembering.proposals(source.images[0], "other", "0")
    assert detector.asked[-1] == ("other", "0")


def test_no_proposal_at_all_is_remembered_too() -> None:
    detector = ColourDetector()
    remembering = Remembering(detector)
    grey = np.full((20, 30, 3), 128, np.uint8)
    for _ in range(2):
        assert len(remembering.proposals(grey, "v", "0")) == 0
        assert remembering.proposals(grey, "v", "0").masks.shape == (0, 20, 30)
    assert len(detector.asked) == 1


def test_a_network_that_chooses_among_proposals_gets_them() -> None:
    source, truth = video()
    inside = Propagation([Member(ProposalChooser(), ())], InferenceOptions())
    request = Request()
    results = list(WithDetector(inside, ColourDetector())(source, request))
    for result, mask in zip(results, truth, strict=True):
        assert (result.mask == mask).mean() > 0.98
    assert request.report.entries["proposals"][0]["frames"] == 3


def test_proposals_lie_outside_of_crop_then_zoom() -> None:
    assert nested(["crop_zoom", "proposals"]) == ("proposals", "crop_zoom")
    with pytest.raises(ValueError, match="proposals cannot lie inside crop_zoom"):
        nested(["crop_zoom", "proposals"], ["crop_zoom", "proposals"])


def test_unknown_sources_and_missing_files_are_sentences(tmp_path) -> None:
    with pytest.raises(UsageError, match="unknown source of proposals 'maskrnn'"):
        open_source("maskrnn", [], CPU)
    with pytest.raises(UsageError, match="take 1 file"):
        open_source("maskrcnn", [], CPU)
    with pytest.raises(DataError, match="is missing"):
        open_source("maskrcnn", [tmp_path / "no.pth"], CPU)
    wrong = tmp_path / "wrong.safetensors"
    save_file({"a": torch.zeros(1)}, wrong)
    with pytest.raises(CheckpointError, match="holds no weights of maskrcnn"):
        open_source("maskrcnn", [wrong], CPU)
    save_file({"roi_heads.box_predictor.cls_score.bias": torch.zeros(2)}, wrong)
    with pytest.raises(CheckpointError, match="another network than maskrcnn"):
        open_source("maskrcnn", [wrong], CPU)


@pytest.mark.slow
def test_mask_rcnn_from_a_file_proposes_at_most_fifty_boxes_with_masks(tmp_path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "detector.safetensors"
    save_file(mask_rcnn.build(2).state_dict(), path)
    source = open_source("maskrcnn", [path], CPU)
    source.network.transform.min_size, source.network.transform.max_size = (96,), 160
    image = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
    found = source.proposals(image, "v", "0")
    assert len(found) <= 50
    assert found.masks.shape == (len(found), 60, 90)
    assert found.masks.flatten(1).any(1).all()
    assert json.dumps(found.scores.tolist())
    assert (found.boxes[:, 2] <= 90).all() and (found.boxes[:, 3] <= 60).all()
