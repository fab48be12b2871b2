"""Masks in other tools' forms, made of known ids, must come back as these ids."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from small_davis import write_davis

from vostool.core.errors import DataError, UsageError
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.media.masks import DAVIS_PALETTE, read_mask, write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.foreign.values import (
    COLOURS,
    EDGES,
    JOINED,
    NEAR_COLOURS,
    UNKNOWN,
    VOID_CLEARED,
    WHITE,
)
from vostool.stages.predict import import_masks as stage
from vostool.stages.predict.import_masks import import_masks

FRAMES = 3


@pytest.fixture
def truth() -> list[np.ndarray]:
    """Two objects, ids 1 and 3, that move and touch, uint8 [48, 64] each."""
    masks = []
    for time in range(FRAMES):
        mask = np.zeros((48, 64), np.uint8)
        mask[8:30, 5 + time : 25 + time] = 1
        mask[20:40, 25 + time : 50 + time] = 3
        masks.append(mask)
    return masks


def imported(source: Path, tmp_path: Path, selection=None, **options):
    result = import_masks(source, Output(tmp_path / "out"), selection, **options)
    folder = PredictionFolder(tmp_path / "out")
    videos = {name: [folder.mask(name, f) for f in folder.frames(name)] for name in folder.videos()}
    return result, videos


def equal(masks, truth) -> bool:
    return len(masks) == len(truth) and all(
        np.array_equal(a, b) for a, b in zip(masks, truth, strict=True)
    )


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.mark.parametrize("first", [0, 1])
def test_a_folder_per_object(truth, tmp_path, first):
    for time, mask in enumerate(truth):
        for number, value in enumerate((1, 3), start=first):
            save(tmp_path / f"in/clip/{number:03d}/{time:05d}.png", (mask == value) * np.uint8(255))
    result, videos = imported(tmp_path / "in", tmp_path)
    wanted = [np.choose(mask, [0, 1, 0, 2]).astype(np.uint8) for mask in truth]
    assert equal(videos["clip"], wanted)
    assert not result.faults and len(result.done[JOINED]) == FRAMES


def test_an_image_per_object(truth, tmp_path):
    for time, mask in enumerate(truth):
        for value in (1, 3):
            save(tmp_path / f"in/clip/{time:05d}_{value}.png", (mask == value) * np.uint8(255))
    assert equal(imported(tmp_path / "in", tmp_path)[1]["clip"], truth)


def test_colours_near_the_palette_with_smooth_edges(truth, tmp_path):
    for time, mask in enumerate(truth):
        colours = DAVIS_PALETTE[mask].astype(np.float32)
        noise = np.random.default_rng(time).integers(-5, 6, colours.shape)
        smooth = cv2.GaussianBlur(colours, (3, 3), 0) + noise
        save(tmp_path / f"in/clip/{time:05d}.png", smooth.clip(0, 255).astype(np.uint8))
    result, videos = imported(tmp_path / "in", tmp_path)
    assert not result.faults and set(result.done) == {NEAR_COLOURS, EDGES}
    for mask, wanted in zip(videos["clip"], truth, strict=True):
        assert set(np.unique(mask)) == {0, 1, 3}
        wrong = (mask != wanted).astype(np.uint8)
        # Only pixels beside another object may differ.
        assert not cv2.erode(wrong, np.ones((3, 3))).any() and wrong.mean() < 0.03


def test_exact_colours_are_taken_as_they_are(truth, tmp_path):
    truth[0][0, 0] = 2  # of one pixel, yet an object
    for time, mask in enumerate(truth):
        save(tmp_path / f"in/clip/{time:05d}.png", DAVIS_PALETTE[mask])
    result, videos = imported(tmp_path / "in", tmp_path)
    assert equal(videos["clip"], truth) and set(result.done) == {COLOURS}


def test_white_and_smoothed_white(truth, tmp_path):
    wanted = [(mask == 1).astype(np.uint8) for mask in truth]
    for time, mask in enumerate(wanted):
        save(tmp_path / f"in/hard/{time:05d}.png", mask * np.uint8(255))
        soft = cv2.GaussianBlur(mask * np.float32(255), (5, 5), 0)
        save(tmp_path / f"in/soft/{time:05d}.png", soft.round().astype(np.uint8))
    result, videos = imported(tmp_path / "in", tmp_path)
    assert equal(videos["hard"], wanted)
    assert len(result.done[WHITE]) == 2 * FRAMES and len(result.done[EDGES]) == FRAMES
    for mask, right in zip(videos["soft"], wanted, strict=True):
        assert (mask != right).sum() <= 4  # the corners of the rectangle


def test_void_becomes_background(truth, tmp_path):
    for time, mask in enumerate(truth):
        marked = mask.copy()
        marked[:6] = 255
        save(tmp_path / f"in/clip/{time:05d}.png", marked)
    result, videos = imported(tmp_path / "in", tmp_path)
    assert equal(videos["clip"], truth) and len(result.done[VOID_CLEARED]) == FRAMES


@pytest.mark.parametrize("form", ["ids", "objects", "archive"])
def test_numpy_stacks(truth, tmp_path, form):
    source = tmp_path / "in"
    source.mkdir()
    wanted = truth
    if form == "ids":
        np.save(source / "clip.npy", np.stack(truth).astype(np.int64))
    elif form == "objects":
        np.save(source / "clip.npy", np.stack([[mask == 1, mask == 3] for mask in truth]))
        wanted = [np.choose(mask, [0, 1, 0, 2]).astype(np.uint8) for mask in truth]
    else:
        np.savez(source / "clip.npz", **{f"{time:05d}": mask for time, mask in enumerate(truth)})
    result, videos = imported(source, tmp_path)
    assert equal(videos["clip"], wanted) and not result.faults
    assert PredictionFolder(tmp_path / "out").frames("clip") == ("00000", "00001", "00002")


def test_pickled_stacks_are_not_opened(tmp_path):
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in/clip.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        imported(tmp_path / "in", tmp_path)


def test_numbers_are_filled_up(truth, tmp_path):
    for time, mask in enumerate(truth):
        write_mask(tmp_path / f"in/clip/{time}.png", mask)
    result, videos = imported(tmp_path / "in", tmp_path)
    assert equal(videos["clip"], truth) and len(result.done[stage.PADDED]) == FRAMES


def test_the_data_set_says_names_sizes_and_ids(tmp_path):
    root = write_davis(tmp_path / "data", train="a", val="d")
    selection = Selection("davis2016", root, "val")
    wanted = []
    for time in range(4):
        stored = root / f"Annotations/480p/d/{time:05d}.png"
        wanted.append((np.asarray(Image.open(stored)) > 0).astype(np.uint8))
        large = wanted[-1].repeat(2, 0).repeat(2, 1) * np.uint8(255)
        save(tmp_path / f"in/d/mask_{time}.png", large)
    save(tmp_path / "in/d/mask_9.png", large)
    save(tmp_path / "in/other/0.png", large)
    before = {path: path.read_bytes() for path in (tmp_path / "in").rglob("*.png")}
    result, videos = imported(tmp_path / "in", tmp_path, selection, drop_extra=True)
    assert equal(videos["d"], wanted) and not result.faults
    assert {kind: len(places) for kind, places in result.done.items()} == {
        stage.DROPPED_VIDEOS: 1,
        stage.DROPPED_FRAMES: 1,
        stage.RENAMED: 4,
        WHITE: 4,
        stage.RESIZED: 4,
    }
    assert {path: path.read_bytes() for path in (tmp_path / "in").rglob("*.png")} == before


def test_what_cannot_be_repaired_is_one_line_per_kind(truth, tmp_path):
    root = write_davis(tmp_path / "data", train="a", val="d")
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    for time in range(2):
        save(tmp_path / f"in/d/{time:05d}.png", noise)
    result = import_masks(
        tmp_path / "in", Output(tmp_path / "out"), Selection("davis2016", root, "val")
    )
    assert {kind: len(places) for kind, places in result.faults.items()} == {
        stage.MISSING_FRAMES: 2,
        UNKNOWN: 2,
    }
    assert result.masks == 0 and not list((tmp_path / "out").rglob("*.png"))


def test_bad_places_are_sentences(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no masks are found"):
        import_masks(tmp_path / "empty", Output(tmp_path / "out"))
    with pytest.raises(DataError, match="no such folder"):
        import_masks(tmp_path / "none", Output(tmp_path / "out"))
    write_mask(tmp_path / "in/clip/0.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(UsageError, match="lies in what is read"):
        import_masks(tmp_path / "in", Output(tmp_path / "in/out"))
    assert read_mask(tmp_path / "in/clip/0.png").shape == (4, 4)
