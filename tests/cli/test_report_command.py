"""`vostool report` and `vostool export-overlay`, on the generated data set."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from packed_masks import unpacked

from vostool.cli.main import main
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask, write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.reporting import document
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


def images(page: Path) -> list[str]:
    """Addresses of the pictures that a page shows from the start."""
    return re.findall(r'<img src="([^"]+)"', page.read_text())


def drawn(page: Path) -> dict:
    """What the script of a video's page draws."""
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', page.read_text())
    found: dict = json.loads(text)
    return found


def test_report_compares_predictions(root, predictions, tmp_path, capsys):
    folders = [f"best={predictions / 'perfect'}", predictions / "shifted"]
    assert call("report", *folders, *data(root), "--out", tmp_path / "r", "--worst", 3) == 0
    page = tmp_path / "r" / "index.html"
    assert capsys.readouterr().out.strip() == str(page)
    html = page.read_text()
    shown = images(page)
    assert len([source for source in shown if "/objects/" in source]) == 3
    assert len(shown) == 3 + 2
    for source in shown:
        size = (135, 240, 3) if "/objects/" in source else (64, 96, 3)
        assert cv2.imread(str(page.parent / source)).shape == size
    assert "100.0" in html
    for words in ("best", "shifted", "What changed", "valid001", "<svg"):
        assert words in html
    pages = sorted(path.name for path in page.parent.glob("*.html"))
    assert [name[:8] for name in pages] == ["01-valid", "02-valid", "index.ht"]
    for name in pages[:2]:
        assert f'href="{name}' in html
        assert 'href="index.html"' in (page.parent / name).read_text()


def test_the_page_of_a_video_has_its_frames_masks_scores_and_changes(root, predictions, tmp_path):
    videos = Selection("youtubevos2019", root, "valid")
    folders = [predictions / "perfect", predictions / "shifted"]
    found = report(folders, videos, Output(tmp_path / "r"))
    (page,) = (tmp_path / "r").glob("*-valid000.html")
    said = drawn(page)
    names = [path.stem for path in sorted((predictions / "perfect/Annotations/valid000").iterdir())]
    assert (said["times"], said["shown"]) == (names, list(range(FRAMES)))
    for source in said["pictures"]:
        assert cv2.imread(str(tmp_path / "r" / source)).shape == (64, 96, 3)
    for k, label in enumerate(("perfect", "shifted")):
        for item in found.scores[label].objects:
            if item.video == "valid000":
                values = said["scores"][k][str(item.id)]["J"]
                shown = [values[names.index(frame)] for frame in item.frames]
                assert shown == pytest.approx(item.shown["J"].tolist(), abs=1e-4)
                assert values.count(None) == FRAMES - len(item.frames)
    for time, name in enumerate(names):
        one, two = (PredictionFolder(folder).mask("valid000", name) for folder in folders)
        runs = unpacked(said["predicted"][1], (64, 96))
        np.testing.assert_array_equal(runs[time], two)
        for number, shares in said["changes"]["0-1"].items():
            if int(number):
                first, second = one == int(number), two == int(number)
                both = (first | second).sum()
                wanted = (first ^ second).sum() / both if both else None
                assert shares[time] == pytest.approx(wanted, abs=1e-4)


def test_fewer_frames_than_there_are_keep_all_scores(root, predictions, tmp_path):
    options = ["--frames", 3, "--shown-videos", 1, "--worst", 0]
    folder = predictions / "shifted"
    assert call("report", folder, *data(root), "--out", tmp_path / "r", *options) == 0
    (page,) = (tmp_path / "r").glob("01-*.html")
    said = drawn(page)
    assert said["shown"] == [0, 2, 5]
    assert len(said["pictures"]) == len(said["truth"]["counts"]) == 3
    assert len(said["times"]) == len(next(iter(said["scores"][0].values()))["J"]) == FRAMES
    assert not (tmp_path / "r" / "pictures" / "objects").exists()


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
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', html)
    steady, decaying = re.findall(r'<tr><td class="text">(?:steady|decaying)</td>(.*?)</tr>', html)[
        :2
    ]
    column = heads.index("J-Decay") - 1
    cells = [re.findall(r"<td( class=\"best\")?>", row)[column] for row in (steady, decaying)]
    assert cells == [' class="best"', ""]


def test_an_earlier_report_leaves_nothing(root, predictions, tmp_path):
    videos = Selection("youtubevos2019", root, "valid")
    folder = tmp_path / "p"
    shutil.copytree(predictions / "perfect", folder)
    report([folder, predictions / "shifted"], videos, Output(tmp_path / "r"))
    for path in folder.rglob("*.png"):
        write_mask(path, np.zeros_like(read_mask(path)))
    options = ReportOptions(videos=1, frames=2, worst=1)
    for out in (Output(tmp_path / "r", overwrite=True), Output(tmp_path / "anew")):
        report([folder], videos, out, options=options)

    def files(top: Path) -> dict[Path, bytes]:
        return {p.relative_to(top): p.read_bytes() for p in top.rglob("*") if p.is_file()}

    assert files(tmp_path / "r") == files(tmp_path / "anew")
    assert len(files(tmp_path / "anew")) == 2 + 2 + 1 + 1


def without_truth(root: Path, copied: Path) -> Path:
    """The data without a listed mask."""
    shutil.copytree(root, copied)
    for path in (copied / "valid" / "Annotations").rglob("*.png"):
        if path.stem == "00010":
            path.unlink()
    return copied


def test_without_ground_truth_one_sees_what_changed(root, predictions, tmp_path, capsys):
    copied = without_truth(root, tmp_path / "data")
    folders = [predictions / "perfect", predictions / "shifted"]
    assert call("report", *folders, *data(copied), "--out", tmp_path / "r") == 0
    assert "no complete ground truth" in capsys.readouterr().err
    html = (tmp_path / "r" / "index.html").read_text()
    assert "What changed" in html and "perfect against shifted" in html
    assert "J&amp;F" not in html
    assert images(tmp_path / "r" / "index.html")
    ids = [PredictionFolder(folder).mask("valid000", "00010") for folder in folders]
    first, second = (mask == 1 for mask in ids)
    (page,) = (tmp_path / "r").glob("*-valid000.html")
    said = drawn(page)
    share = said["changes"]["0-1"]["1"][said["times"].index("00010")]
    assert share == pytest.approx((first ^ second).sum() / (first | second).sum(), abs=1e-4)
    assert said["measures"] == []


def test_one_prediction_without_ground_truth(root, predictions, tmp_path):
    copied = without_truth(root, tmp_path / "data")
    assert call("report", predictions / "shifted", *data(copied), "--out", tmp_path / "r") == 0
    html = (tmp_path / "r" / "index.html").read_text()
    assert "valid000" in html and "What changed" not in html
    assert len(list((tmp_path / "r").glob("0*.html"))) == 2


def test_a_single_file_holds_everything(root, predictions, tmp_path):
    out = tmp_path / "r.html"
    folders = [predictions / "perfect", predictions / "shifted"]
    assert call("report", *folders, *data(root), "--out", out, "--single-file") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    html = out.read_text()
    assert html.count('class="viewer"') == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in images(out))
    assert not re.search(r'href="(?!#)', html)
    assert call("report", *folders, *data(root), "--out", out, "--single-file") == 1
    assert call("report", *folders, *data(root), "--out", out, "--single-file", "--overwrite") == 0


def test_a_single_file_that_would_be_too_large_shows_fewer_frames(
    root, predictions, tmp_path, capsys, monkeypatch
):
    command = ["report", predictions / "shifted", *data(root), "--single-file", "--worst", 0]
    assert call(*command, "--out", tmp_path / "whole.html") == 0
    bound = (tmp_path / "whole.html").stat().st_size - 20_000
    monkeypatch.setattr(document, "SINGLE_FILE_BYTES", bound)
    capsys.readouterr()
    assert call(*command, "--out", tmp_path / "r.html") == 0
    said = capsys.readouterr().err
    assert (tmp_path / "r.html").stat().st_size <= bound
    shown = re.findall(r'"shown": (\[[^\]]*\])', (tmp_path / "r.html").read_text())
    count = sum(len(json.loads(text)) for text in shown)
    assert count < 2 * FRAMES
    assert f"it shows {count} of {2 * FRAMES} frames, evenly chosen" in said
    monkeypatch.setattr(document, "SINGLE_FILE_BYTES", 1000)
    assert call(*command, "--out", tmp_path / "least.html") == 0
    assert "all the same: show fewer videos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["a=PREDS/perfect", "a=PREDS/shifted"], 2, ["two predictions are called a"]),
        (["PREDS/none"], 1, ["no such prediction folder", "none"]),
        (["PREDS/perfect", "--shown-videos", "-1"], 2, ["cannot be negative"]),
        (["PREDS/perfect", "--single-file"], 2, ["end it in .html"]),
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
