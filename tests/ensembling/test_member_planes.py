"""Stored planes as merging methods take them."""

from __future__ import annotations

import numpy as np
import torch

from vostool.ensembling.member_planes import one_hot, soft_planes, with_labels
from vostool.predictions.quantise import STEP, to_uint8


def test_equal_bytes_are_decided_by_the_mask_and_nothing_else_changes(rng):
    stored = rng.integers(0, 200, (4, 6, 7)).astype(np.uint8)
    stored[:, 0, :] = 64
    stored[2, 1, 0], stored[3, 1, 0], stored[:2, 1, 0] = 100, 101, 0
    labels = stored.argmax(0).astype(np.uint8)
    labels[0] = rng.integers(0, 4, 7)
    labels[1, 0] = 2
    planes = soft_planes(stored, labels)
    assert planes.dtype == torch.float32
    assert np.array_equal(to_uint8(planes), stored)
    assert np.abs(planes.numpy() - stored / 255).max() < STEP / 2
    found = planes.max(0).indices.numpy()
    assert np.array_equal(found[0], labels[0]), "ties go to the mask"
    assert found[1, 0] == 3, "a single step does not"


def test_one_hot():
    planes = one_hot(np.array([[0, 2]], np.uint8), 4)
    assert planes.tolist() == [[[1, 0]], [[0, 0]], [[0, 1]], [[0, 0]]]


def test_masks_that_were_changed_win_over_their_planes():
    stored = np.array([[[10, 10]], [[200, 200]], [[45, 45]]], np.uint8)
    labels = np.array([[1, 2]], np.uint8)
    planes = with_labels(soft_planes(stored, labels), labels)
    assert planes[:, 0, 1].tolist() == [0, 0, 1]
    assert np.array_equal(to_uint8(planes[:, 0, 0]), stored[:, 0, 0])
