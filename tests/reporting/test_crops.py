"""Pictures of single objects, and frames fitted into a size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vostool.reporting.crops import FIRST_ONLY, HEIGHT, SECOND_ONLY, WIDTH, Crop, crop_box
from vostool.reporting.video_view import fit, shown_size, spread


@pytest.mark.parametrize("size", [(480, 854), (100, 40), (30, 300), (1, 1)])
def test_a_crop_holds_the_object_and_lies_inside(size, rng):
    for _ in range(20):
        pixels = np.zeros(size, bool)
        for _ in range(2):
            pixels[rng.integers(size[0]), rng.integers(size[1])] = True
        top, left, bottom, right = crop_box(pixels)
        assert 0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]
        assert pixels[top:bottom, left:right].sum() == pixels.sum()
    assert crop_box(np.zeros(size, bool)) == (0, 0, *size)


def test_a_crop_has_the_pictures_proportions_where_the_frame_allows_it():
    pixels = np.zeros((1000, 1000), bool)
    pixels[400:600, 450:480] = True
    top, left, bottom, right = crop_box(pixels)
    assert (right - left) / (bottom - top) == pytest.approx(WIDTH / HEIGHT, rel=0.01)
    assert (top + bottom) / 2 == pytest.approx(500, abs=1)


def test_colours_tell_too_much_from_missed():
    image = np.full((90, 160, 3), 100, np.uint8)
    mask, truth = np.zeros((2, 90, 160), np.uint8)
    mask[30:60, 40:100], truth[30:60, 60:120] = 5, 5
    drawn = Crop(5, image, mask, truth).draw()
    assert drawn.shape == (HEIGHT, WIDTH, 3)
    colours = {tuple(colour) for colour in drawn.reshape(-1, 3).tolist()}
    for colour in (FIRST_ONLY, SECOND_ONLY):
        mixed = tuple(np.rint(0.4 * 100 + 0.6 * np.array(colour)).astype(int).tolist())
        assert mixed in colours
    assert {(255, 255, 255), (100, 100, 100)} < colours
    alone = Crop(5, image, mask, None).draw().reshape(-1, 3)
    border = (0, 0, 0)
    assert {tuple(c) for c in alone.tolist()} <= {(255, 255, 255), (100, 100, 100), border}


def test_frames_are_fitted_without_stretching():
    image = np.full((20, 10, 3), 200, np.uint8)
    fitted = fit(image, (20, 20), cv2.INTER_AREA)
    assert fitted[:, 5:15].min() == 200 and fitted[:, :5].max() == fitted[:, 15:].max() == 0
    mask = np.eye(6, dtype=np.uint8) * 9
    assert fit(mask, (6, 6), cv2.INTER_NEAREST) is mask
    assert set(np.unique(fit(mask, (3, 5), cv2.INTER_NEAREST))) <= {0, 9}


@pytest.mark.parametrize(
    ("size", "shown"), [((480, 854), (640, 360)), ((900, 90), (64, 640)), ((48, 64), (64, 48))]
)
def test_pictures_are_small(size, shown):
    assert shown_size(size) == shown


def test_spread_holds_both_ends():
    names = [str(number) for number in range(10)]
    assert spread(names, 4) == ["0", "3", "6", "9"]
    assert spread(names[:3], 4) == ["0", "1", "2"]
    assert spread(names, 0) == []
