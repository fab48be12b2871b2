"""Warps move images, labels and boxes alike."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vostool.training.augmentation import warps
from vostool.training.augmentation.crop import draw_start, moved_box, union_box
from vostool.training.augmentation.motion import Motion, draw_path, draw_warps
from vostool.training.augmentation.warps import Warp

COLOURS = np.array([[0, 0, 0], [250, 0, 0], [0, 250, 0], [0, 0, 250]], np.uint8)


def blocks(height: int = 120, width: int = 160) -> np.ndarray:
    """Labels with three large shapes."""
    labels = np.zeros((height, width), np.uint8)
    cv2.rectangle(labels, (10, 10), (60, 70), 1, -1)
    cv2.circle(labels, (110, 60), 35, 2, -1)
    cv2.rectangle(labels, (40, 85), (150, 112), 3, -1)
    return labels


def interior(labels: np.ndarray, margin: int = 2) -> np.ndarray:
    """Pixels whose neighbourhood lies in the picture and has one label only."""
    kernel = np.ones((2 * margin + 1,) * 2, np.uint8)
    same = cv2.erode(labels, kernel) == cv2.dilate(labels, kernel)
    same[:margin] = same[-margin:] = same[:, :margin] = same[:, -margin:] = False
    return same


@given(seed=st.integers(0, 10**6), perspective=st.sampled_from([0.0, 0.1]))
@settings(max_examples=40, deadline=None)
def test_image_and_labels_move_alike(seed: int, perspective: float) -> None:
    rng = np.random.default_rng(seed)
    labels = blocks()
    motion = Motion(perspective=perspective, thin_plate=0.5)
    base = warps.shifting(-20, -5) @ warps.resizing(labels.shape, (180, 210))
    if rng.random() < 0.5:
        base = base @ warps.flipping(labels.shape[1])
    for warp in draw_warps(rng, motion, base, (128, 144), 3, continued=bool(seed % 2)):
        moved = warp.labels(labels)
        picture = warp.image(COLOURS[labels], fill=(0, 0, 0))
        inside = interior(moved)
        assert inside.sum() > 5000
        assert np.abs(picture[inside].astype(int) - COLOURS[moved[inside]]).max() <= 2


def test_shrinking_averages_and_stays_aligned() -> None:
    labels = cv2.resize(blocks(), (640, 480), interpolation=cv2.INTER_NEAREST)
    warp = Warp(warps.resizing(labels.shape, (60, 80)), (60, 80))
    moved, picture = warp.labels(labels), warp.image(COLOURS[labels])
    inside = interior(moved, 1)
    assert (COLOURS[moved[inside]] == picture[inside]).all()
    checkers = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (240, 320))
    grey = warp.image(np.repeat(checkers[..., None], 3, 2))
    assert grey.min() >= 120 and grey.max() <= 135


@pytest.mark.parametrize(
    ("matrix", "point", "expected"),
    [
        (warps.shifting(3, -2), (5, 5), (8, 3)),
        (warps.flipping(10), (0, 4), (9, 4)),
        (warps.resizing((10, 10), (20, 30)), (-0.5, 9.5), (-0.5, 19.5)),
        (warps.affine(90, 2, 0), (1, 0), (0, 2)),
        (warps.affine(0, 1, 45), (0, 1), (1, 1)),
        (warps.about(warps.affine(180, 1, 0), 4, 5), (4, 5), (4, 5)),
        (warps.corner_jitter(np.full((4, 2), 0.1), (20, 10)), (0, 0), (1, 2)),
    ],
)
def test_matrices_on_points(
    matrix: np.ndarray, point: tuple[float, float], expected: tuple[float, float]
) -> None:
    x, y, z = matrix @ (*point, 1)
    assert (x / z, y / z) == pytest.approx(expected, abs=1e-5)


def test_thin_plate_spline_reproduces_affine_displacements() -> None:
    """A spline through shifts that are affine in position is that affine map everywhere."""
    steps = np.linspace(0, 1, warps.TPS_GRID)
    x, y = np.meshgrid(steps, steps)
    shifts = np.stack([0.02 + 0.05 * x.ravel(), 0.03 * y.ravel() - 0.01 * x.ravel()], axis=1)
    size = 96, 144
    moved = warps.thin_plate_displacement(shifts, size)
    v, u = np.meshgrid((np.arange(96) + 0.5) / 96, (np.arange(144) + 0.5) / 144, indexing="ij")
    expected = np.stack([(0.02 + 0.05 * u) * 144, (0.03 * v - 0.01 * u) * 96], axis=-1)
    assert np.abs(moved - expected)[6:-6, 6:-6].max() < 0.05


def test_thin_plate_spline_solves_booksteins_equations() -> None:
    """Kernel r^2 log r and an affine part, through the control points (Bookstein, 1989)."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
        return distance**2 * np.log(np.maximum(distance, 1e-9))

    rng = np.random.default_rng(3)
    shifts = rng.normal(0, 0.03, (warps.TPS_GRID**2, 2))
    steps = np.linspace(0, 1, warps.TPS_GRID)
    control = np.stack([axis.ravel() for axis in np.meshgrid(steps, steps)], axis=1)
    affine = np.c_[np.ones(len(control)), control]
    system = np.block([[kernel(control, control), affine], [affine.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.r_[shifts, np.zeros((3, 2))])

    def spline(points: np.ndarray) -> np.ndarray:
        return np.c_[kernel(points, control), np.ones(len(points)), points] @ weights

    assert np.allclose(spline(control), shifts)
    coarse = (np.arange(warps.TPS_COARSE) + 0.5) / warps.TPS_COARSE
    query = np.stack([axis.ravel() for axis in np.meshgrid(coarse, coarse)], axis=1)
    assert np.allclose(warps._thin_plate_weights() @ shifts, spline(query), atol=1e-9)
    centres = (np.arange(96) + 0.5) / 96
    fine = np.stack([axis.ravel() for axis in np.meshgrid(centres, centres)], axis=1)
    expected = 96 * spline(fine).reshape(96, 96, 2)
    difference = np.abs(warps.thin_plate_displacement(shifts, (96, 96)) - expected)
    assert difference[4:-4, 4:-4].max() < 0.25
    assert np.abs(expected).max() > 5


@given(
    begin=st.integers(0, 90),
    size=st.integers(1, 60),
    length=st.integers(1, 150),
    seed=st.integers(0, 1000),
)
@settings(max_examples=200, deadline=None)
def test_window_keeps_the_box_and_the_image(begin: int, size: int, length: int, seed: int) -> None:
    extent = 100
    end = min(begin + size, extent)
    start = draw_start(np.random.default_rng(seed), (begin, end), length, extent)
    if length <= extent:
        assert 0 <= start <= extent - length
    else:
        assert extent - length <= start <= 0
    if end - begin <= length:
        assert start <= begin + 1e-9 and end <= start + length + 1e-9
    else:
        assert begin - 1e-9 <= start and start + length <= end + 1e-9


def test_union_box() -> None:
    a, b = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
    assert union_box([a, b]) is None
    a[3, 7], b[10, 2] = 1, 5
    assert union_box([a, b, np.zeros_like(a)]) == (2, 3, 8, 11)


def test_moved_box_encloses_moved_labels() -> None:
    labels = (blocks() == 1).astype(np.uint8)
    matrix = warps.resizing(labels.shape, (240, 320)) @ warps.flipping(160)
    box = moved_box(union_box([labels]) or (0, 0, 0, 0), matrix)
    assert box == pytest.approx(union_box([Warp(matrix, (240, 320)).labels(labels)]), abs=1.01)


def test_continued_paths_keep_their_direction() -> None:
    path = draw_path(np.random.default_rng(0), 5, 4, continued=True)
    steps = np.diff(path, axis=0)
    directions = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    assert np.allclose(directions, directions[:1])
    assert np.abs(path).max() <= 1
    lengths = np.linalg.norm(steps, axis=1)
    assert lengths.max() > 1.05 * lengths.min()
