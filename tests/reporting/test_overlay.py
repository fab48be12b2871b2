"""Overlays and movies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vostool.core.errors import OutputError, UsageError
from vostool.media.masks import DAVIS_PALETTE
from vostool.reporting.movie import write_movie
from vostool.reporting.overlay import contour_of, contour_width, draw_overlay


def test_overlay_mixes_the_palette_colour_and_leaves_the_background(rng):
    image = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    ids = np.zeros((20, 30), np.uint8)
    ids[5:15, 5:15], ids[8:12, 20:28] = 1, 7
    drawn = draw_overlay(image, ids, alpha=0.25, contour=1)
    np.testing.assert_array_equal(drawn[ids == 0], image[ids == 0])
    wanted = np.rint(0.75 * image[10, 10].astype(float) + 0.25 * DAVIS_PALETTE[1].astype(float))
    np.testing.assert_array_equal(drawn[10, 10], wanted)
    np.testing.assert_array_equal(drawn[5, 5:15], np.tile(DAVIS_PALETTE[1], (10, 1)))
    np.testing.assert_array_equal(drawn[8:12, 20], np.tile(DAVIS_PALETTE[7], (4, 1)))
    plain = draw_overlay(image, ids, alpha=0.0, contour=0)
    np.testing.assert_array_equal(plain, image)


def test_contour_against_a_loop(rng):
    ids = (rng.random((12, 15)) < 0.5).astype(np.uint8) * rng.integers(1, 3, (12, 15)).astype(
        np.uint8
    )
    for width in (1, 2):
        found = contour_of(ids, width)
        for row in range(12):
            for column in range(15):
                window = ids[
                    max(0, row - width) : row + width + 1,
                    max(0, column - width) : column + width + 1,
                ]
                wanted = ids[row, column] > 0 and (window != ids[row, column]).any()
                assert found[row, column] == wanted


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="mask"):
        draw_overlay(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.uint8))


@pytest.mark.parametrize(("height", "width"), [(96, 1), (480, 2), (1080, 4)])
def test_contours_grow_with_the_image(height, width):
    assert contour_width(np.zeros((height, 10, 3), np.uint8)) == width


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_movie_can_be_read_back(tmp_path, suffix):
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    images = [np.full((33, 48, 3), colour, np.uint8) for colour in colours]
    images.append(np.full((16, 24, 3), colours[0], np.uint8))  # another size is fitted in
    assert write_movie(tmp_path / f"m{suffix}", images, 5.0) == 4
    movie = cv2.VideoCapture(str(tmp_path / f"m{suffix}"))
    for colour in [*colours, colours[0]]:
        read, frame = movie.read()
        assert read
        assert frame.shape == (32, 48, 3)
        assert np.abs(frame[16, 24, ::-1].astype(int) - colour).max() < 40
    assert not movie.read()[0]


def test_movie_errors_leave_nothing_behind(tmp_path):
    with pytest.raises(UsageError, match=r"\.mp4"):
        write_movie(tmp_path / "m.xyz", [], 5.0)
    with pytest.raises(OutputError, match="no frame"):
        write_movie(tmp_path / "m.mp4", [], 5.0)
    assert not list(tmp_path.iterdir())
