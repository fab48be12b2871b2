"""`vostool report` and `vostool export-overlay`, on the generated data set."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vostool.cli.main import main
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask, write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.reporting.frames import spread
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data
from vostool.stages.score.evaluate import evaluate
from vostool.stages.score.report import ReportOptions, report

FRAMES = 6


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    options = DemoDataOptions(train_videos=1, valid_videos=2, frames=FRAMES, height=64, width=96)
    return make_demo_data(tmp_path_factory.mktemp("data"), options=options)


@pytest.fixture(scope="module")
def predictions(root, tmp_path_factory) -> Path:
    """`perfect` is the truth, `shifted` is the truth moved by four pixels."""
    folder = tmp_path_factory.mktemp("preds")
    truth = root / "valid" / "Annotations"
    for path in sorted(truth.rglob("*.png")):
        ids, place = read_mask(path), path.relative_to(truth)
        write_mask(folder / "perfect" / "Annotations" / place, ids)
        write_mask(folder / "shifted" / "Annotations" / place, np.roll(ids, 4, axis=1))
    return folder


def call(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def data(root: Path) -> list:
    return ["--dataset", "youtubevos2019", "--root", root, "--split", "valid"]


def test_report_compares_predictions(root, predictions, tmp_path, capsys):
    folders = [f"best={predictions / 'perfect'}", predictions / "shifted"]
    assert call("report", *folders, *data(root), "--out", tmp_path / "r", "--worst", 3) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "r" / "index.html")
    html = (tmp_path / "r" / "index.html").read_text()
    sources = re.findall(r'<img src="([^"]+)"', html)
    assert len([source for source in sources if "/truth/" in source]) == 2 * FRAMES + 3
    for source in sources:
        assert cv2.imread(str(tmp_path / "r" / source)).shape == (64, 96, 3)
    assert "100.0" in html
    for words in ("best", "shifted", "Worst frames", "object 1", "valid001", "<svg"):
        assert words in html


def test_report_figures_are_those_of_evaluate(root, predictions, tmp_path):
    found = report(
        [predictions / "perfect", predictions / "shifted"],
        Selection("youtubevos2019", root, "valid"),
        Output(tmp_path / "r"),
        options=ReportOptions(videos=0, frames=2, worst=0),
    ).scores
    assert found["perfect"].score == 1.0
    assert 0.3 < found["shifted"].score < 0.95
    ids = read_mask(root / "valid" / "Annotations" / "valid000" / "00005.png")
    truth, moved = ids == 1, np.roll(ids, 4, axis=1) == 1
    first = next(item for item in found["shifted"].objects if item.video == "valid000")
    assert first.shown["J"][0] == pytest.approx((truth & moved).sum() / (truth | moved).sum())


def test_a_folder_that_lacks_videos_is_not_scored_as_if_it_were_whole(
    root, predictions, tmp_path, capsys
):
    part = tmp_path / "part"
    shutil.copytree(predictions / "perfect" / "Annotations" / "valid000", part / "valid000")
    arguments = ["report", part, predictions / "shifted", *data(root), "--out", tmp_path / "r"]
    assert call(*arguments) == 1
    error = capsys.readouterr().err
    assert "part has 1 of 2 videos" in error
    assert "--allow-partial" in error
    assert not (tmp_path / "r").exists()
    assert call(*arguments, "--allow-partial") == 0
    html = (tmp_path / "r" / "index.html").read_text()
    assert "part (1 of 2 videos)" in html
    assert "shifted (" not in html
    assert "2 predictions of 1 of 2 videos" in html
    assert "valid001" not in html.replace(str(tmp_path), "")


def test_rows_are_compared_on_common_videos(root, predictions, tmp_path):
    part, videos = tmp_path / "part", Selection("youtubevos2019", root, "valid")
    shutil.copytree(predictions / "perfect" / "Annotations" / "valid000", part / "valid000")
    found = report(
        [part, predictions / "shifted"],
        videos,
        Output(tmp_path / "r"),
        options=ReportOptions(videos=0, frames=0, worst=0),
        allow_partial=True,
    ).scores
    alone = evaluate(predictions / "shifted", replace(videos, videos=("valid000",)))
    assert found["shifted"].figures == alone.figures
    assert found["shifted"].figures != evaluate(predictions / "shifted", videos).figures


def test_the_lowest_decay_is_the_best(tmp_path):
    """Two predictions of a DAVIS video: one gets worse, the other does not."""
    root, frames = tmp_path / "DAVIS", [f"{time:05d}" for time in range(8)]
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("v\n")
    (root / "JPEGImages" / "480p" / "v").mkdir(parents=True)
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 10:40] = 1
    for time, name in enumerate(frames):
        shown = np.full((40, 60, 3), 90, np.uint8)
        cv2.imwrite(str(root / "JPEGImages" / "480p" / "v" / f"{name}.jpg"), shown)
        write_mask(root / "Annotations" / "480p" / "v" / f"{name}.png", mask)
        write_mask(tmp_path / "steady" / "v" / f"{name}.png", np.roll(mask, 1, 1))
        write_mask(tmp_path / "decaying" / "v" / f"{name}.png", np.roll(mask, time, 1))
    where = ["--dataset", "davis2017", "--root", root, "--split", "val"]
    folders = [tmp_path / "steady", tmp_path / "decaying"]
    assert call("report", *folders, *where, "--out", tmp_path / "r", "--worst", 0) == 0
    html = (tmp_path / "r" / "index.html").read_text()
    heads = re.findall(r"<th>([^<]*)</th>", html)
    steady, decaying = re.findall(r"<tr><td>(?:steady|decaying)</td>(.*?)</tr>", html)[:2]
    column = heads.index("J-Decay") - 1
    cells = [re.findall(r"<td( class=\"best\")?>", row)[column] for row in (steady, decaying)]
    assert cells == [' class="best"', ""]


def test_pictures_are_drawn_anew(root, predictions, tmp_path):
    videos = Selection("youtubevos2019", root, "valid")
    options = ReportOptions(videos=1, frames=1, worst=0)
    folder = tmp_path / "p"
    shutil.copytree(predictions / "perfect", folder)
    report([folder], videos, Output(tmp_path / "r"), options=options)
    (picture,) = (tmp_path / "r" / "images" / "0").rglob("00000.jpg")
    before = picture.read_bytes()
    for path in folder.rglob("00000.png"):
        write_mask(path, np.zeros_like(read_mask(path)))
    report([folder], videos, Output(tmp_path / "r", overwrite=True), options=options)
    assert all(p.read_bytes() != before for p in (tmp_path / "r" / "images" / "0").rglob("*.jpg"))


def test_without_ground_truth_the_page_shows_frames_only(root, predictions, tmp_path, capsys):
    copied = tmp_path / "data"
    shutil.copytree(root, copied)
    for path in (copied / "valid" / "Annotations").rglob("*.png"):
        if path.stem == "00010":
            path.unlink()
    folder = predictions / "perfect"
    assert call("report", folder, *data(copied), "--out", tmp_path / "r") == 0
    assert "no complete ground truth" in capsys.readouterr().err
    html = (tmp_path / "r" / "index.html").read_text()
    assert "Frames" in html
    assert "Worst frames" not in html


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["a=PREDS/perfect", "a=PREDS/shifted"], 2, ["two predictions are called a"]),
        (["PREDS/none"], 1, ["no such prediction folder", "none"]),
        (["PREDS/perfect", "--shown-videos", "-1"], 2, ["cannot be negative"]),
        (["PREDS/perfect", "--split", "vaild"], 2, ["vaild", "known: train, valid"]),
    ],
)
def test_report_says_what_is_wrong(root, predictions, tmp_path, capsys, arguments, code, words):
    filled = [text.replace("PREDS", str(predictions)) for text in arguments]
    assert call("report", *data(root), "--out", tmp_path / "r", *filled) == code
    error = capsys.readouterr().err
    assert all(word in error for word in words)
    assert not (tmp_path / "r").exists()


def test_overlays_as_images(root, predictions, tmp_path, capsys):
    out = tmp_path / "look"
    folder = predictions / "perfect"
    arguments = ["export-overlay", folder, *data(root), "--out", out, "--video", "valid001"]
    assert call(*arguments, "--alpha", 1, "--quiet") == 0
    assert [path.name for path in out.iterdir()] == ["valid001"]
    assert len(list((out / "valid001").glob("*.jpg"))) == FRAMES
    drawn = cv2.imread(str(out / "valid001" / "00000.jpg"))[..., ::-1].astype(int)
    ids = PredictionFolder(folder).mask("valid001", "00000")
    frame = cv2.imread(str(root / "valid" / "JPEGImages" / "valid001" / "00000.jpg"))[..., ::-1]
    assert np.abs(drawn[ids == 1].mean(axis=0) - [128, 0, 0]).max() < 12
    assert np.abs(drawn[ids == 0] - frame[ids == 0].astype(int)).mean() < 6
    assert call(*arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert call(*arguments, "--overwrite") == 0


def test_overlays_as_a_movie(root, predictions, tmp_path, capsys):
    out = tmp_path / "look.mp4"
    arguments = ["export-overlay", predictions / "perfect", *data(root), "--out", out]
    assert call(*arguments, "--fps", 5) == 0
    assert f"2 videos, {2 * FRAMES} frames" in capsys.readouterr().out
    movie = cv2.VideoCapture(str(out))
    assert int(movie.get(cv2.CAP_PROP_FRAME_COUNT)) == 2 * FRAMES
    movie.release()
    assert call(*arguments) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--video", "none"], 2, ["no predictions of none", "valid000"]),
        (["--alpha", "2"], 2, ["--alpha 2.0", "0 to 1"]),
        (["--fps", "0"], 2, ["--fps"]),
        (["--contour", "-1"], 2, ["--contour"]),
        (["--split", "train"], 1, ["has no video valid000"]),
    ],
)
def test_export_says_what_is_wrong(root, predictions, tmp_path, capsys, arguments, code, words):
    folder = predictions / "perfect"
    out = tmp_path / "o"
    assert call("export-overlay", folder, *data(root), "--out", out, *arguments) == code
    error = capsys.readouterr().err
    assert all(word in error for word in words)
    assert not out.exists()


def test_spread_holds_both_ends():
    names = [str(number) for number in range(10)]
    assert spread(names, 4) == ["0", "3", "6", "9"]
    assert spread(names[:3], 4) == ["0", "1", "2"]
    assert spread(names, 0) == []
