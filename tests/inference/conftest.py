"""Videos of coloured squares for the engine's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

COLOURS = {2: (230, 40, 40), 7: (40, 220, 60), 9: (60, 60, 240)}


def squares(frames: int, size=(50, 81), ids=(2, 7), starts=None, seed=0, drift=0):
    """Images, true id masks, and given masks per frame index, of squares that move right.

    Args:
        starts: id -> frame in which the square appears; default 0.
        drift: grey levels by which colours change per frame.
    """
    generator = np.random.default_rng(seed)
    starts = starts or {}
    images, truth, given = [], [], {}
    for t in range(frames):
        image = generator.integers(90, 130, (*size, 3)).astype(np.uint8)
        mask = np.zeros(size, np.uint8)
        for row, value in enumerate(ids):
            begin = starts.get(value, 0)
            if t < begin:
                continue
            y, x = 4 + 14 * row, 4 + 3 * (t - begin) + 5 * row
            mask[y : y + 12, x : x + 14] = value
            image[mask == value] = np.clip(np.array(COLOURS[value]) - drift * t, 0, 255)
            if t == begin:
                given[t] = given.get(t, np.zeros(size, np.uint8)) + (mask == value) * np.uint8(
                    value
                )
        images.append(image)
        truth.append(mask)
    return images, truth, given


@pytest.fixture(name="squares")
def _squares():
    return squares
