"""SA-V: masks of objects that overlap are read, written, scored, packed and made flat."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from layouts import SAV_NAMES, SAV_VIDEO, write_frames, write_layers, write_masks, write_sav
from toy import rectangle, toy_predictions, toy_truths

from vostool.core.errors import DataError
from vostool.core.output import Output
from vostool.datasets.catalogue import annotation, given_mask, load_videos
from vostool.datasets.selection import Selection
from vostool.media.layers import flatten
from vostool.media.masks import read_mask, write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.scoring.report import EvaluationReport
from vostool.stages.score.evaluate import evaluate
from vostool.stages.submit.check_submission import check_submission
from vostool.stages.submit.package_submission import package_submission


@pytest.fixture
def root(tmp_path) -> Path:
    write_sav(tmp_path / "SA-V")
    return tmp_path / "SA-V"


def score(predictions: Path, root: Path) -> EvaluationReport:
    return evaluate(predictions, Selection("sav", root, "val"))


@pytest.mark.parametrize("layered", [True, False])
def test_figures_equal_the_official_ones(root, tmp_path, layered):
    place = tmp_path / "preds" / SAV_VIDEO
    if layered:
        write_layers(place, toy_predictions(), SAV_NAMES)
    else:
        write_masks(place, dict(zip(SAV_NAMES, toy_predictions(), strict=True)))
    report = score(tmp_path / "preds", root)
    assert 100 * report.score == pytest.approx(65.393089, abs=1e-6)


def box(*place: int) -> np.ndarray:
    return rectangle(np.zeros((32, 32), np.uint8), 1, *place)


def write_small(root: Path, folder: Path, truths, predictions) -> None:
    """One video of 32 x 32 pixels; masks per object, given as lists over time."""
    names = [f"{4 * t:05d}" for t in range(len(truths[0]))]
    video = root / "sav_val"
    write_frames(video / "JPEGImages_24fps/v", dict.fromkeys(names, box(0, 0, 0, 0)))
    (video / "sav_val.txt").write_text("v\n")
    for number, (true, found) in enumerate(zip(truths, predictions, strict=True)):
        place = f"v/{number:03d}"
        write_masks(video / "Annotations_6fps" / place, dict(zip(names, true, strict=True)))
        write_masks(folder / place, dict(zip(names, found, strict=True)))


NONE, A = box(0, 0, 0, 0), box(4, 4, 12, 12)


def test_an_object_counts_from_its_first_sight(tmp_path):
    truth = [A, NONE, NONE, A, NONE, A]
    found = [A, NONE, box(4, 4, 8, 8), box(6, 4, 14, 12), NONE, NONE]
    write_small(tmp_path / "data", tmp_path / "preds", [truth], [found])
    figures = score(tmp_path / "preds", tmp_path / "data").figures
    assert 100 * figures["J"] == pytest.approx(53.333333, abs=1e-6)
    assert 100 * figures["F"] == pytest.approx(52.083333, abs=1e-6)


def test_overlapping_objects_are_scored_alone(tmp_path):
    first = [A] * 4
    second, found = [box(4, 4, 20, 20)] * 4, [box(4, 4, 20, 22)] * 4
    write_small(tmp_path / "data", tmp_path / "preds", [first, second], [first, found])
    _, row = score(tmp_path / "preds", tmp_path / "data").rows()
    assert 100 * row["J"] == pytest.approx(88.888889, abs=1e-6)
    assert 100 * row["F"] == pytest.approx(77.272727, abs=1e-6)


def test_where_one_label_is_needed_the_smaller_object_lies_on_top(tmp_path):
    large = box(4, 4, 20, 20)
    both = [[large] * 3, [A] * 3]
    write_small(tmp_path / "data", tmp_path / "preds", both, both)
    (video,) = load_videos("sav", tmp_path / "data", "val")
    expected = np.where(A == 1, 2, large)
    np.testing.assert_array_equal(annotation(video, "00004"), expected)
    np.testing.assert_array_equal(given_mask(video, "00000"), expected)
    folder = PredictionFolder(tmp_path / "preds")
    assert folder.is_layered("v")
    np.testing.assert_array_equal(folder.mask("v", "00000"), expected)
    equal = flatten({3: A == 1, 2: A == 1}, (32, 32))
    assert set(np.unique(equal)) == {0, 2}


def test_an_object_that_the_truth_lacks_is_left_out_with_a_note(tmp_path):
    truth = [A, NONE, NONE, NONE]
    write_small(tmp_path / "data", tmp_path / "preds", [truth, [A] * 4], [truth, [A] * 4])
    report = score(tmp_path / "preds", tmp_path / "data")
    assert report.score == 1.0
    assert any("official code aborts" in note for note in report.summary.notes)


def drop_object(folder: Path) -> None:
    shutil.rmtree(folder / SAV_VIDEO / "001")


def drop_mask(folder: Path) -> None:
    (folder / SAV_VIDEO / "001/00008.png").unlink()


def add_object(folder: Path) -> None:
    shutil.copytree(folder / SAV_VIDEO / "001", folder / SAV_VIDEO / "007")


def shrink(folder: Path) -> None:
    write_mask(folder / SAV_VIDEO / "001/00008.png", np.zeros((9, 9), np.uint8))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_object, f"9 missing masks of single objects ({SAV_VIDEO}/00000: object 2"),
        (drop_mask, f"1 missing masks of single objects ({SAV_VIDEO}/00008: object 2)"),
        (add_object, f"9 masks with unknown object ids ({SAV_VIDEO}/00000: 8"),
        (shrink, f"1 masks of the wrong size ({SAV_VIDEO}/00008, object 2: 9x9"),
    ],
)
def test_what_is_wrong_with_predictions_is_said(root, tmp_path, change, words):
    write_layers(tmp_path / "preds" / SAV_VIDEO, toy_predictions(), SAV_NAMES)
    change(tmp_path / "preds")
    with pytest.raises(DataError) as caught:
        score(tmp_path / "preds", root)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Annotations_6fps/sav_000001/001/00004.png", "object 001 of video sav_000001 has no mask"),
        ("sav_val.txt", "the list of videos is missing"),
        ("JPEGImages_24fps/sav_000001/00004.jpg", "masks of frame 00004 of video sav_000001"),
    ],
)
def test_what_is_wrong_with_the_data_is_said(root, path, words):
    (root / "sav_val" / path).unlink()
    with pytest.raises(DataError, match=words):
        load_videos("sav", root, "val")


def pack(root: Path, tmp_path: Path) -> tuple[Path, Selection]:
    write_layers(tmp_path / "preds" / SAV_VIDEO, toy_predictions(), SAV_NAMES)
    selection = Selection("sav", root, "val")
    package_submission(tmp_path / "preds", selection, Output(tmp_path / "a.zip"))
    return tmp_path / "a.zip", selection


def test_archive_has_a_mask_per_object_and_annotated_frame(root, tmp_path):
    archive, selection = pack(root, tmp_path)
    with zipfile.ZipFile(archive) as handle:
        names = handle.namelist()
        handle.extractall(tmp_path / "out")
    assert sorted(names) == sorted(
        f"{SAV_VIDEO}/{o}/{n}.png" for o in ("000", "001") for n in SAV_NAMES
    )
    assert not check_submission(archive, selection).problems
    assert 100 * score(tmp_path / "out", root).score == pytest.approx(65.393089, abs=1e-6)
    np.testing.assert_array_equal(
        read_mask(tmp_path / "out" / SAV_VIDEO / "001/00000.png"), toy_truths()[0] == 2
    )


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        (lambda name: name.replace("001/00008", "001/00009"), "this mask is missing"),
        (lambda name: f"sav_val/{name}", "lies in a folder of its own"),
        (lambda name: name.replace("/001/", "/002/"), "has no such object or frame"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said(root, tmp_path, rename, words):
    archive, selection = pack(root, tmp_path)
    with zipfile.ZipFile(archive) as handle, zipfile.ZipFile(tmp_path / "b.zip", "w") as other:
        for name in handle.namelist():
            other.writestr(rename(name), handle.read(name))
    problems = check_submission(tmp_path / "b.zip", selection).problems
    assert any(words in problem for problem in problems)


def test_a_mask_of_two_objects_in_one_folder_is_a_problem(root, tmp_path):
    archive, selection = pack(root, tmp_path)
    write_mask(tmp_path / "both.png", toy_truths()[1])
    with zipfile.ZipFile(archive) as handle, zipfile.ZipFile(tmp_path / "b.zip", "w") as other:
        for name in handle.namelist():
            data = handle.read(name)
            wrong = name.endswith("000/00004.png")
            other.writestr(name, (tmp_path / "both.png").read_bytes() if wrong else data)
    (problem,) = check_submission(tmp_path / "b.zip", selection).problems
    assert "000/00004.png: has 3 values, but object 000 alone belongs here" in problem
