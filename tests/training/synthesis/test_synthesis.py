"""Clips synthesized from stills: labels follow pixels, occlusion order, areas, determinism."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vostool.training.augmentation.colour import ColourJitter
from vostool.training.augmentation.motion import Motion
from vostool.training.augmentation.warps import Warp, affine, shifting
from vostool.training.synthesis.pasting import (
    Layer,
    PasteOptions,
    cut_out,
    draw_layer,
    place_cutout,
)
from vostool.training.synthesis.synthesize import (
    SynthesisOptions,
    draw_paste_count,
    synthesize_clip,
)

COLOURS = np.array(
    [[0, 0, 0], [250, 0, 0], [0, 250, 0], [0, 0, 250], [250, 250, 0], [250, 0, 250]], np.uint8
)
STILL_COLOUR = ColourJitter(brightness=0, contrast=0, saturation=0)
PLAIN = SynthesisOptions(crop=(96, 112), colour=STILL_COLOUR, frame_colour=STILL_COLOUR)
NO_PASTE = PasteOptions(probability=0)


def still(seed: int, ids: tuple[int, ...] = (3, 7, 9)) -> tuple[np.ndarray, np.ndarray]:
    """An image whose colours say which object a pixel belongs to."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((150, 200), np.uint8)
    for value in ids:
        centre = rng.integers((40, 40), (160, 110))
        cv2.ellipse(mask, centre.tolist(), rng.integers(18, 35, 2).tolist(), 30, 0, 360, value, -1)
    table = np.zeros((256, 3), np.uint8)
    table[list(ids)] = COLOURS[1 : len(ids) + 1]
    return table[mask], mask


def pasted_square(colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((60, 60), np.uint8)
    mask[10:50, 10:50] = 1
    return np.where(mask[..., None] > 0, np.array(colour, np.uint8), 0).astype(np.uint8), mask


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_every_row_has_one_colour_in_all_frames(seed: int) -> None:
    """Rows follow their object through warps and occlusion; rows are 1..N, all large at first."""
    rng = np.random.default_rng(seed)
    image, mask = still(seed)
    cutouts = [
        cut_out(rng, *pasted_square((250, 250, 0))),
        cut_out(rng, *pasted_square((250, 0, 250))),
    ]
    images, labels = synthesize_clip(image, mask, rng, PLAIN, [c for c in cutouts if c])
    assert images.shape == (3, 96, 112, 3) and images.dtype == np.uint8
    assert labels.shape == (3, 96, 112) and labels.dtype == np.uint8
    rows, areas = np.unique(labels[0][labels[0] > 0], return_counts=True)
    assert rows.tolist() == list(range(1, len(rows) + 1)) and 1 <= len(rows) <= 3
    assert set(np.unique(labels)) <= {0, *rows.tolist()}
    assert areas.min() >= PLAIN.pixels(PLAIN.min_cropped_area)
    kernel = np.ones((5, 5), np.uint8)
    seen: dict[int, set[tuple[int, ...]]] = {}
    for picture, frame in zip(images, labels):
        inside = (cv2.erode(frame, kernel) == cv2.dilate(frame, kernel)) & (frame > 0)
        # Pasted squares that are not objects differ from everything by colour, so that a pixel of
        # a row with their colour would be a row that an occluder does not hide.
        for row, colour in zip(frame[inside], picture[inside]):
            seen.setdefault(int(row), set()).add(tuple((colour > 125).tolist()))
    assert all(len(colours) == 1 for colours in seen.values())
    assert len({next(iter(colours)) for colours in seen.values()}) == len(seen)


def test_same_generator_state_gives_the_same_clip() -> None:
    image, mask = still(1)
    one, two, other = (
        synthesize_clip(image, mask, np.random.default_rng(seed), PLAIN) for seed in (5, 5, 6)
    )
    assert (one[0] == two[0]).all()
    assert (one[1] == two[1]).all()
    assert (one[0] != other[0]).any()


def test_inputs_are_not_changed() -> None:
    image, mask = still(1)
    before = image.copy(), mask.copy()
    synthesize_clip(image, mask, np.random.default_rng(0), PLAIN)
    assert (image == before[0]).all()
    assert (mask == before[1]).all()


def test_small_objects_are_left_out() -> None:
    image, mask = still(2, ids=(4,))
    mask[0:6, 0:6] = 8
    options = PLAIN.model_copy(update={"paste": NO_PASTE})
    for seed in range(10):
        labels = synthesize_clip(image, mask, np.random.default_rng(seed), options)[1]
        assert set(np.unique(labels)) <= {0, 1}
        assert labels[0].any()


def test_without_objects_labels_are_empty() -> None:
    image, mask = still(2, ids=(4,))
    labels = synthesize_clip(image, mask * 0, np.random.default_rng(0), PLAIN)[1]
    assert not labels.any()


def test_at_most_max_objects_of_many() -> None:
    image, mask = np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100), np.uint8)
    for value in range(16):
        mask[value // 4 * 25 :, value % 4 * 25 :] = value + 1
    options = SynthesisOptions(crop=(96, 96), max_objects=5, min_area=200, paste=NO_PASTE)
    counts = {
        int(synthesize_clip(image, mask, np.random.default_rng(seed), options)[1][0].max())
        for seed in range(12)
    }
    assert max(counts) == 5


def test_no_motion_repeats_the_frame() -> None:
    motion = Motion(rotation=0, scale=(1, 1), shear=0, shift=0, thin_plate=0)
    image, mask = still(3)
    options = PLAIN.model_copy(update={"motion": motion, "paste": NO_PASTE})
    images, labels = synthesize_clip(image, mask, np.random.default_rng(0), options)
    assert (images == images[:1]).all()
    assert (labels == labels[:1]).all()


def test_an_object_of_one_half_stays_beside_the_other() -> None:
    """Mirrored clips mirror image and mask together."""
    image, mask = np.zeros((120, 120, 3), np.uint8), np.ones((120, 120), np.uint8)
    mask[:, 60:] = 2
    image[:, 60:] = 200
    options = PLAIN.model_copy(update={"flip": 1.0, "paste": NO_PASTE})
    images, labels = synthesize_clip(image, mask, np.random.default_rng(0), options)
    left = np.argwhere(labels[0] == 2)[:, 1].mean()
    assert left < np.argwhere(labels[0] == 1)[:, 1].mean()
    assert images[0][labels[0] == 2].mean() > 150


def test_later_layers_cover_earlier_ones(rng: np.random.Generator) -> None:
    layers = []
    for row, colour, place in ((1, (250, 0, 0), 0), (2, (0, 250, 0), 15)):
        cutout = cut_out(rng, *pasted_square(colour))
        assert cutout is not None
        layers.append(Layer(cutout, (place_cutout(cutout, shifting(place, place), (64, 64)),), row))
    image, labels = np.full((64, 64, 3), 9, np.uint8), np.full((64, 64), 3, np.uint8)
    for layer in layers:
        layer.paint(image, labels, 0)
    only_labels = np.full((64, 64), 3, np.uint8)
    for layer in layers:
        layer.paint_labels(only_labels, 0)
    # The cut leaves a margin of 2 pixels around the 40 x 40 squares.
    expected = np.full((64, 64), 3, np.uint8)
    expected[2:42, 2:42] = 1
    expected[17:57, 17:57] = 2
    assert (labels == expected).all()
    assert (only_labels == expected).all()
    for row, colour in ((1, (250, 0, 0)), (2, (0, 250, 0)), (3, (9, 9, 9))):
        core = cv2.erode((expected == row).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert np.abs(image[core] - np.array(colour)).max() <= 1


@given(
    x=st.floats(-60, 90), y=st.floats(-60, 90), turn=st.floats(-90, 90), scale=st.floats(0.4, 1.6)
)
@settings(max_examples=60, deadline=None)
def test_painting_a_window_equals_painting_the_picture(
    x: float, y: float, turn: float, scale: float
) -> None:
    """Also across the borders of the picture, and outside of it."""
    cutout = cut_out(np.random.default_rng(0), *pasted_square((250, 0, 0)))
    assert cutout is not None
    matrix, size = shifting(x, y) @ affine(turn, scale, 0), (64, 80)
    labels = np.zeros(size, np.uint8)
    place = place_cutout(cutout, matrix, size)
    Layer(cutout, (place,), 5).paint(np.zeros((*size, 3), np.uint8), labels, 0)
    whole = Warp(matrix, size).image(cutout.alpha, (0,)) >= 128
    # Sampling positions are rounded to 1/32 pixel, which moves single pixels of the outline.
    assert ((labels == 5) != whole).sum() <= 0.02 * whole.sum() + 2


def test_pasted_objects_move_by_small_steps(rng: np.random.Generator) -> None:
    cutout = cut_out(rng, *pasted_square((250, 0, 0)))
    assert cutout is not None
    options = PasteOptions(size=(0.2, 0.2), shift=0.05, near=1)
    moved = []
    for _ in range(50):
        layer = draw_layer(rng, cutout, 1, options, (100, 200), 4, (100, 50))
        centre = np.array(
            [(layer.cutout.alpha.shape[1] - 1) / 2, (layer.cutout.alpha.shape[0] - 1) / 2, 1]
        )
        points = np.array([p.warp.matrix @ centre + (p.x, p.y, 0) for p in layer.places if p])[
            :, :2
        ]
        steps = np.abs(np.diff(points, axis=0))
        # Speeds vary by up to a factor 2 around the mean of a path.
        assert (steps <= 2 * 0.05 * np.array([200, 100])).all()
        moved.append(steps.max())
    assert np.median(moved) > 2


def test_cut_out_takes_large_objects_only(rng: np.random.Generator) -> None:
    image, mask = still(4, ids=(5,))
    mask[:3, :3] = 9
    cutout = cut_out(rng, image, mask)
    assert cutout is not None
    assert (cutout.alpha > 0).sum() == (mask == 5).sum()
    assert cut_out(rng, image, (mask == 9).astype(np.uint8)) is None


def test_paste_count_follows_its_options(rng: np.random.Generator) -> None:
    drawn = [draw_paste_count(rng, PasteOptions()) for _ in range(600)]
    assert set(drawn) == {0, 1, 2, 3}
    assert 240 <= drawn.count(0) <= 360


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop": (8, 384)},
        {"scale": (1.5, 0.8)},
        {"frames": 1},
        {"paste": {"count": (3, 1)}},
        {"paste": {"size": (0, 1)}},
        {"motion": {"scale": (1.2, 0.9)}},
        {"motion": {"turn": 3}},
        {"max_objects": 0},
    ],
)
def test_contradictory_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SynthesisOptions.model_validate(wrong)


def test_sizes_that_differ_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="differ in size"):
        synthesize_clip(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8), np.uint8), rng, PLAIN)


def centres(labels: np.ndarray) -> np.ndarray:
    """Centroid (x, y) of row 1 in each frame."""
    found = [np.argwhere(frame == 1).mean(0)[::-1] for frame in labels]
    return np.array(found)


@pytest.mark.parametrize("continued", [0.0, 1.0])
def test_a_window_for_each_frame_moves_the_object_and_keeps_it_in_view(continued: float) -> None:
    """Without any other motion: the object moves as a whole, by what the window moves."""
    image, mask = np.zeros((150, 200, 3), np.uint8), np.zeros((150, 200), np.uint8)
    mask[60:90, 80:120] = 1
    still_motion = Motion(rotation=0, scale=(1, 1), shear=0, shift=0, thin_plate=0)
    plain = PLAIN.model_copy(
        update={"motion": still_motion, "continued": continued, "frames": 4, "scale": (1.5, 1.5)}
    )
    own = plain.model_copy(update={"window": 1.0})
    moved = []
    for seed in range(20):
        _, before = synthesize_clip(image, mask, np.random.default_rng(seed), plain)
        _, after = synthesize_clip(image, mask, np.random.default_rng(seed), own)
        assert (before == before[0]).all()
        assert np.array_equal(after[0], before[0])
        areas = (after == 1).sum((1, 2))
        assert np.abs(areas / areas[0] - 1).max() < 0.1
        path = centres(after)
        steps = np.diff(path, axis=0)
        if continued:
            assert np.abs(steps - steps.mean(0)).max() < 1
        moved += np.hypot(*steps.T).tolist()
    assert np.median(moved) > 5


def test_a_crossing_object_begins_beside_and_hides_later() -> None:
    """The still's object fills a middle box; a square comes over its centre in a drawn frame."""
    image, mask = np.zeros((150, 200, 3), np.uint8), np.zeros((150, 200), np.uint8)
    mask[55:95, 75:125] = 1
    still_motion = Motion(rotation=0, scale=(1, 1), shear=0, shift=0, thin_plate=0)
    paste = PasteOptions(probability=1, crossing=1.0, labelled=0.0, size=(0.3, 0.3))
    options = PLAIN.model_copy(
        update={"motion": still_motion, "paste": paste, "scale": (1.0, 1.0), "frames": 4}
    )
    hidden = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        cutout = cut_out(rng, *pasted_square((250, 250, 0)))
        assert cutout is not None
        _, free = synthesize_clip(image, mask, np.random.default_rng(seed), options)
        _, labels = synthesize_clip(image, mask, np.random.default_rng(seed), options, [cutout])
        lost = 1 - (labels == 1).sum((1, 2)) / (free == 1).sum((1, 2))
        assert lost[0] == 0
        hidden.append(lost.max())
    assert np.median(hidden) > 0.25


def test_clips_of_before_are_the_same() -> None:
    """Sums of labels and colours of the code before there were windows and crossings.

    Other random numbers would change them by far more than another build of OpenCV does.
    """
    before = ((18904, 3217095), (22102, 3147561), (8964, 2542971))
    for seed, sums in enumerate(before):
        rng = np.random.default_rng(seed)
        image, mask = still(seed)
        cutout = cut_out(rng, *pasted_square((250, 250, 0)))
        assert cutout is not None
        images, labels = synthesize_clip(image, mask, rng, PLAIN, [cutout])
        assert (labels.sum(dtype=int), images.sum(dtype=int)) == pytest.approx(sums, rel=1e-3)
