"""Scoring prediction folders: figures, layouts, and everything that can be wrong with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vostool.core.errors import DataError, UsageError
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask, write_mask
from vostool.stages.score.evaluate import evaluate

FRAMES = 6
SIZE = (36, 64)


def masks_of(ids: tuple[int, ...]) -> list[np.ndarray]:
    """Squares side by side that move right."""
    masks = []
    for time in range(FRAMES):
        mask = np.zeros(SIZE, np.uint8)
        for row, value in enumerate(ids):
            mask[4 + 10 * row : 12 + 10 * row, 4 + 2 * time : 16 + 2 * time] = value
        masks.append(mask)
    return masks


def write_masks(folder: Path, masks: list[np.ndarray]) -> None:
    for time, mask in enumerate(masks):
        write_mask(folder / f"{time:05d}.png", mask)


def write_images(folder: Path) -> None:
    folder.mkdir(parents=True)
    for time in range(FRAMES):
        Image.new("RGB", SIZE[::-1], (time, 0, 0)).save(folder / f"{time:05d}.jpg")


@pytest.fixture
def davis(tmp_path) -> Path:
    """Two videos in the DAVIS 2017 layout."""
    root = tmp_path / "DAVIS"
    for name, ids in (("one", (1,)), ("two", (1, 2))):
        write_images(root / "JPEGImages" / "480p" / name)
        write_masks(root / "Annotations" / "480p" / name, masks_of(ids))
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("one\ntwo\n")
    return root


@pytest.fixture
def predictions(tmp_path) -> Path:
    """Perfect predictions for them, in the layout of other tools."""
    folder = tmp_path / "preds"
    write_masks(folder / "one", masks_of((1,)))
    write_masks(folder / "two", masks_of((1, 2)))
    return folder


def test_perfect_predictions_score_one(davis, predictions):
    report = evaluate(predictions, Selection("davis2017", davis, "val"))
    assert report.figures["J-Mean"] == report.figures["F-Mean"] == report.score == 1.0
    assert [(item.video, item.id) for item in report.objects] == [
        ("one", 1),
        ("two", 1),
        ("two", 2),
    ]
    assert report.objects[0].frames == ("00001", "00002", "00003", "00004")


@pytest.mark.parametrize("layout", ["Annotations", "Annotations/480p"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_layouts_and_threads_give_the_same(davis, predictions, tmp_path, layout, jobs):
    write_mask(predictions / "two" / "00002.png", np.roll(masks_of((1, 2))[2], 3, 1))
    plain = evaluate(predictions, Selection("davis2017", davis, "val"))
    shutil.copytree(predictions, tmp_path / "other" / layout)
    other = evaluate(tmp_path / "other", Selection("davis2017", davis, "val"), jobs=jobs)
    assert plain.summary == other.summary
    assert plain.score < 1


def test_first_and_last_frame_do_not_count(davis, predictions):
    for name in ("00000", "00005"):
        write_mask(predictions / "one" / f"{name}.png", np.zeros(SIZE, np.uint8))
    assert evaluate(predictions, Selection("davis2017", davis, "val")).score == 1.0
    report = evaluate(predictions, Selection("davis2017", davis, "val"), count_first=True)
    assert report.objects[0].shown["J"].tolist() == [0, 1, 1, 1, 1]


def test_an_object_that_is_not_predicted_scores_zero(davis, predictions):
    write_masks(predictions / "two", masks_of((1,)))
    report = evaluate(predictions, Selection("davis2017", davis, "val"))
    assert [float(item.shown["J"].mean()) for item in report.objects] == [1, 1, 0]


def test_chosen_videos_only(davis, predictions):
    shutil.rmtree(predictions / "one")
    report = evaluate(predictions, Selection("davis2017", davis, "val", videos=["two"]))
    assert {item.video for item in report.objects} == {"two"}
    with pytest.raises(UsageError, match=r"no such video: three.*one, two"):
        evaluate(predictions, Selection("davis2017", davis, "val", videos=["two", "three"]))


def unlink_one(folder: Path) -> None:
    (folder / "two" / "00003.png").unlink()


def drop_video(folder: Path) -> None:
    shutil.rmtree(folder / "two")


def add_video(folder: Path) -> None:
    write_masks(folder / "three", masks_of((1,)))


def add_frame(folder: Path) -> None:
    write_mask(folder / "one" / "00099.png", np.zeros(SIZE, np.uint8))


def shrink(folder: Path) -> None:
    write_mask(folder / "one" / "00002.png", np.zeros((18, 32), np.uint8))


def shrink_last(folder: Path) -> None:
    write_mask(folder / "one" / "00005.png", np.zeros((18, 32), np.uint8))


def add_id(folder: Path) -> None:
    mask = masks_of((1,))[2]
    mask[0, :2] = 3
    write_mask(folder / "one" / "00002.png", mask)


def truncate(folder: Path) -> None:
    path = folder / "one" / "00002.png"
    path.write_bytes(path.read_bytes()[:-30])


def wrong_colours(folder: Path) -> None:
    Image.new("RGB", SIZE[::-1], (1, 2, 3)).save(folder / "one" / "00002.png")


CORRUPTIONS = [
    (unlink_one, "1 missing frames (two/00003)", False),
    (drop_video, "1 missing videos (two)", False),
    (add_video, "1 unknown videos (three)", True),
    (add_frame, "1 unknown frames (one/00099)", True),
    (shrink, "1 masks of the wrong size (one/00002: 18x32 instead of 36x64)", False),
    (shrink_last, "1 masks of the wrong size (one/00005: 18x32 instead of 36x64)", False),
    (add_id, "1 masks with unknown object ids (one/00002: 3)", True),
    (truncate, "1 unreadable masks", False),
    (wrong_colours, "colours that stand for no object: (1, 2, 3)", False),
]


@pytest.mark.parametrize(("corrupt", "words", "can_be_allowed"), CORRUPTIONS)
def test_what_is_wrong_is_said(davis, predictions, tmp_path, corrupt, words, can_be_allowed):
    corrupt(predictions)
    output = tmp_path / "scores.json"
    with pytest.raises(DataError) as caught:
        evaluate(predictions, Selection("davis2017", davis, "val"), json=output)
    assert words in str(caught.value)
    assert str(predictions) in str(caught.value)
    assert not output.exists()
    if can_be_allowed:
        report = evaluate(predictions, Selection("davis2017", davis, "val"), allow_extra=True)
        assert report.figures["J-Mean"] == 1.0
        assert any(words in note for note in report.summary.notes)
    else:
        with pytest.raises(DataError):
            evaluate(predictions, Selection("davis2017", davis, "val"), allow_extra=True)


def test_all_problems_are_said_at_once_with_counts(davis, predictions):
    for time in range(FRAMES):
        (predictions / "two" / f"{time:05d}.png").rename(predictions / "two" / f"x{time}.png")
    shrink(predictions)
    with pytest.raises(DataError) as caught:
        evaluate(predictions, Selection("davis2017", davis, "val"))
    message = str(caught.value)
    assert "6 missing frames (two/00000, two/00001" in message
    assert "and 1 more" in message
    assert "6 unknown frames" in message
    assert "1 masks of the wrong size" in message
    assert "\n" not in message


def test_outputs(davis, predictions, tmp_path):
    arguments = {"json": tmp_path / "a" / "scores.json", "csv": tmp_path / "scores.csv"}
    report = evaluate(predictions, Selection("davis2017", davis, "val"), **arguments)
    value = json.loads(arguments["json"].read_text())
    assert value["figures"]["J&F-Mean"] == report.score
    assert len(arguments["csv"].read_text().splitlines()) == 1 + len(report.objects)


def test_files_that_are_read_are_not_replaced(davis, predictions):
    (predictions / "run.json").write_text("{}")
    for name in (predictions / "run.json", davis / "ImageSets" / "2017" / "val.txt"):
        before = name.read_bytes()
        with pytest.raises(UsageError, match="replace a file of what is read"):
            evaluate(predictions, Selection("davis2017", davis, "val"), json=name)
        assert name.read_bytes() == before


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_below_one_are_refused(davis, predictions, jobs):
    with pytest.raises(UsageError, match="--jobs"):
        evaluate(predictions, Selection("davis2017", davis, "val"), jobs=jobs)


def test_nothing_is_scored_without_ground_truth(davis, predictions):
    for name in ("one", "two"):
        for path in sorted((davis / "Annotations" / "480p" / name).glob("*.png"))[1:]:
            path.unlink()
    with pytest.raises(DataError, match=r"no annotated frame that counts.*train, val"):
        evaluate(predictions, Selection("davis2017", davis, "val"))


def make_davis_2016(davis: Path) -> None:
    """The first video in the DAVIS 2016 layout, too."""
    lists = davis / "ImageSets" / "2016"
    lists.mkdir()
    (lists / "val.txt").write_text("one\n")
    for path in sorted((davis / "Annotations" / "480p" / "one").glob("*.png")):
        grey = Image.fromarray(read_mask(path) * np.uint8(255))
        (grey.convert("LA") if path.stem == "00002" else grey).save(path)


@pytest.mark.parametrize(
    ("what", "words"),
    [("smooth", "one/00003: 3 grey levels"), ("several", "one/00003: ids 1, 2"), ("2", "ids 2")],
)
def test_davis_2016_is_not_binarised_silently(davis, predictions, what, words):
    make_davis_2016(davis)
    shutil.rmtree(predictions / "two")
    path = predictions / "one" / "00003.png"
    mask = read_mask(path)
    if what == "smooth":
        mask = mask * np.uint8(255)
        mask[0, :2] = (100, 180)
        Image.fromarray(mask).save(path)
    else:
        mask[0, 0] = 2
        write_mask(path, mask if what == "several" else 2 * (mask > 0).astype(np.uint8))
    for allowed in (False, True):
        with pytest.raises(DataError) as caught:
            evaluate(predictions, Selection("davis2016", davis, "val"), allow_extra=allowed)
        assert words in str(caught.value)
        assert "make one object of several first" in str(caught.value)


@pytest.mark.parametrize("allowed", [False, True])
def test_void_is_no_prediction(davis, predictions, allowed):
    """255 is 'ignore' in ground truth; in a prediction it is an id that no video has."""
    path = predictions / "one" / "00003.png"
    mask = read_mask(path)
    mask[0, :3] = 255
    write_mask(path, mask)
    videos = Selection("davis2017", davis, "val")
    if allowed:
        report = evaluate(predictions, videos, allow_extra=True)
        assert report.score == 1.0
        assert any("one/00003: 255" in note for note in report.summary.notes)
    else:
        with pytest.raises(DataError, match=r"unknown object ids.*one/00003: 255"):
            evaluate(predictions, videos)


@pytest.mark.parametrize("value", [1, 255])
def test_davis_2016_takes_0_and_1_or_0_and_255(davis, predictions, value):
    """Truth is 0/255 in mode L, once in mode LA; predictions are 0/1 or 0/255."""
    make_davis_2016(davis)
    for path in sorted((predictions / "one").glob("*.png")):
        Image.fromarray(read_mask(path) * np.uint8(value)).save(path)
    report = evaluate(
        predictions, Selection("davis2016", davis, "val", videos=["one"]), allow_extra=True
    )
    assert report.score == 1.0


@pytest.fixture
def youtube(tmp_path) -> Path:
    """One video with ids 2 and 5, the second late; id 5 has fewer annotated frames."""
    root = tmp_path / "YouTubeVOS"
    write_images(root / "train" / "JPEGImages" / "clip")
    masks = masks_of((2, 5))
    for mask in masks[:2]:
        mask[mask == 5] = 0
    write_masks(root / "train" / "Annotations" / "clip", masks)
    names = [f"{time:05d}" for time in range(FRAMES)]
    objects = {
        "2": {"category": "cat", "frames": names},
        "5": {"category": "yak", "frames": names[2:5]},
    }
    meta = {"videos": {"clip": {"objects": objects}}}
    (root / "train" / "meta.json").write_text(json.dumps(meta))
    write_masks(tmp_path / "preds" / "clip", masks)
    return root


def test_youtube_vos_late_object_and_gaps_in_ids(youtube, tmp_path):
    report = evaluate(tmp_path / "preds", Selection("youtubevos2019", youtube, "train"))
    frames = {item.id: item.frames for item in report.objects}
    assert frames == {
        2: ("00001", "00002", "00003", "00004", "00005"),
        5: ("00003", "00004"),
    }
    assert report.summary.figures["G"] == 1.0
    counted = evaluate(
        tmp_path / "preds", Selection("youtubevos2019", youtube, "train"), count_first=True
    )
    assert [len(item.frames) for item in counted.objects] == [6, 3]


def test_youtube_vos_unseen_categories_of_a_split_file(youtube, tmp_path):
    write_masks(tmp_path / "preds" / "clip", [mask * (mask == 2) for mask in masks_of((2, 5))])
    split = tmp_path / "split.json"
    lists = {"train": [], "val": ["clip"], "unseen_categories": ["yak"]}
    split.write_text(json.dumps({"dataset": "youtubevos2019", "seed": 0, **lists}))
    report = evaluate(tmp_path / "preds", Selection("youtubevos2019", youtube, f"{split}:val"))
    figures = report.summary.figures
    assert (figures["J-seen"], figures["J-unseen"], figures["G"]) == (1.0, 0.0, 0.5)


def test_a_split_with_hidden_masks_is_refused(youtube, tmp_path):
    """As in the real validation set, only the frames in which objects start have masks."""
    for time in (1, 3, 4, 5):
        (youtube / "train" / "Annotations" / "clip" / f"{time:05d}.png").unlink()
    with pytest.raises(DataError, match=r"no complete ground truth.*4 listed.*clip/00001"):
        evaluate(tmp_path / "preds", Selection("youtubevos2019", youtube, "train"))


def test_real_osvos_masks_have_their_known_score(shared_data, tmp_path):
    """Mean J 0.78 with all its ids taken as foreground, as the collection's README says."""
    videos = Selection("davis2016", shared_data / "DAVIS", "val")
    masks = shared_data / "third-party" / "osvos"
    with pytest.raises(
        DataError, match=r"several objects.*ids 1, 2.*one object.*make one object of"
    ):
        evaluate(masks, videos)
    for path in masks.rglob("*.png"):
        target = tmp_path / path.relative_to(masks)
        write_mask(target, (read_mask(path) > 0).astype(np.uint8))
    report = evaluate(tmp_path, videos)
    assert len(report.objects) == 6
    assert report.figures["J-Mean"] == pytest.approx(0.78, abs=0.005)


def test_real_copies_of_the_first_mask_have_their_known_score(shared_data, tmp_path):
    """Mean J 0.31; the masks are the data set's own files, 0/255 in mode L."""
    masks = shared_data / "DAVIS" / "Annotations" / "480p"
    for folder in sorted((shared_data / "third-party" / "osvos").iterdir()):
        (tmp_path / folder.name).mkdir()
        for path in sorted((masks / folder.name).glob("*.png")):
            (tmp_path / folder.name / path.name).symlink_to(masks / folder.name / "00000.png")
    report = evaluate(tmp_path, Selection("davis2016", shared_data / "DAVIS", "val"))
    assert report.figures["J-Mean"] == pytest.approx(0.31, abs=0.005)


def test_real_late_objects_score_one_against_themselves(shared_data):
    root = shared_data / "BMS26"
    report = evaluate(root / "valid", Selection("youtubevos2018", root, "valid"), allow_extra=True)
    late = [item for item in report.objects if item.frames]
    assert report.summary.figures["J-Mean"] == report.summary.figures["F-Mean"] == 1.0
    assert 0 < len(late) < len(report.objects)
    assert any("left out of all means" in note for note in report.summary.notes)
