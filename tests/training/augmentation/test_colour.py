"""Colour matrices do what their names say."""

import numpy as np
import pytest

from vostool.training.augmentation.colour import (
    LUMA,
    ColourJitter,
    compose,
    draw_jitter,
    grey_level,
    recolour,
)

NONE = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(60, 180, (20, 30, 3), dtype=np.uint8)


def test_no_jitter_changes_nothing(image: np.ndarray, rng: np.random.Generator) -> None:
    matrix = draw_jitter(rng, ColourJitter(**NONE), 100)
    assert (recolour(image, matrix) == image).all()


def test_grey_gives_equal_channels_and_keeps_luma(
    image: np.ndarray, rng: np.random.Generator
) -> None:
    grey = recolour(image, draw_jitter(rng, ColourJitter(**NONE, grey=1), 100))
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()
    assert np.abs(grey[..., 0] - image @ LUMA).max() <= 1


def test_brightness_is_a_factor(image: np.ndarray, rng: np.random.Generator) -> None:
    matrix = draw_jitter(rng, ColourJitter(**(NONE | {"brightness": 0.3})), 100)
    factor = matrix[0, 0]
    assert 0.7 <= factor <= 1.3
    assert np.abs(recolour(image, matrix) - image * factor).max() <= 0.51


def test_contrast_keeps_the_mean(image: np.ndarray, rng: np.random.Generator) -> None:
    level = grey_level(image)
    matrix = draw_jitter(rng, ColourJitter(**(NONE | {"contrast": 0.3})), level)
    changed = recolour(image, matrix)
    assert grey_level(changed) == pytest.approx(level, abs=0.6)
    assert changed.std() == pytest.approx(image.std() * matrix[0, 0], rel=0.05)


def test_hue_keeps_luma_and_leaves_grey_alone(rng: np.random.Generator) -> None:
    matrix = draw_jitter(rng, ColourJitter(**NONE, hue=0.2), 100)
    assert matrix[:, :3] @ (9, 9, 9) == pytest.approx([9, 9, 9], abs=1e-6)
    assert LUMA @ (matrix[:, :3] @ (90, 40, 20)) == pytest.approx(LUMA @ (90, 40, 20))
    assert np.abs(matrix[:, :3] - np.eye(3)).max() > 0.05


def test_composition_is_application_in_turn(image: np.ndarray, rng: np.random.Generator) -> None:
    first = draw_jitter(rng, ColourJitter(), 120)
    second = draw_jitter(rng, ColourJitter(hue=0.02), 120)
    in_turn = recolour(recolour(image, first), second).astype(int)
    assert np.abs(recolour(image, compose(second, first)) - in_turn).max() <= 2
