"""Masks as runs: what a page unpacks is what was packed."""

from __future__ import annotations

import numpy as np
import pytest
from packed_masks import unpacked

from vostool.reporting.label_runs import pack, runs_of


def test_what_is_packed_is_unpacked(rng):
    noise = rng.integers(0, 255, (5, 7), dtype=np.uint8)
    blocks = np.zeros((5, 7), np.uint8)
    blocks[1:4, 2:5], blocks[4] = 3, 254
    masks = [noise, None, blocks, np.zeros((5, 7), np.uint8)]
    layer = pack([None if mask is None else runs_of(mask) for mask in masks])
    for mask, found in zip(masks, unpacked(layer, (5, 7)), strict=True):
        np.testing.assert_equal(found, mask)
    assert layer["counts"][1:] == [0, 8, 1]


def test_a_layer_without_masks():
    assert unpacked(pack([None, None]), (1, 1)) == [None, None]


def test_a_mask_without_pixels_is_refused():
    with pytest.raises(ValueError, match="0 pixels"):
        runs_of(np.zeros((0, 5), np.uint8))
