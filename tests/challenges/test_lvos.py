"""LVOS: the worked examples of its official code, its layouts, and what can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from layouts import write_json, write_lvos, write_lvos_predictions

from vostool.core.errors import DataError, UsageError
from vostool.datasets.catalogue import load_videos
from vostool.datasets.selection import Selection
from vostool.scoring.report import EvaluationReport
from vostool.stages.score.evaluate import evaluate


def score(tmp_path: Path, **arguments: object) -> EvaluationReport:
    write_lvos(tmp_path / "LVOS", **arguments)
    write_lvos_predictions(tmp_path / "preds")
    return evaluate(tmp_path / "preds", Selection("lvos", tmp_path / "LVOS", "valid"))


WHOLE = {"J&F-Mean": 0.722374, "J-Mean": 0.709416, "F-Mean": 0.735332, "V-Mean": 0.094604}
WHOLE |= {"J-seen-Mean": 0.633117, "F-seen-Mean": 0.674745}
WHOLE |= {"J-unseen-Mean": 0.785714, "F-unseen-Mean": 0.795918}


@pytest.mark.parametrize(
    ("frame_range", "wanted"),
    [
        ((1, 41, 9), WHOLE),
        ((1, 42, 9), WHOLE),
        (("1", "00000042", "9"), WHOLE),
        ((1, 41, 8), {"J&F-Mean": 0.702251}),
        ((1, 41, 10), {"J&F-Mean": 0.632077}),
        ((6, 41, 8), {"J-seen-Mean": 0.635281, "J&F-Mean": 0.721427}),
    ],
)
def test_figures_equal_the_official_ones(tmp_path, frame_range, wanted):
    figures = score(tmp_path, frame_range=frame_range).figures
    assert {name: figures[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)


def test_objects_equal_the_official_ones(tmp_path):
    first, second, third = score(tmp_path).rows()
    assert first["V"] == pytest.approx(0.378418, abs=1e-6)
    assert (second["V"], third["V"]) == (0, 0)
    assert [row["seen"] for row in (first, second, third)] == [True, True, False]
    (short, *_) = score(tmp_path, frame_range=(1, 41, 8)).rows()
    assert short["J-Mean"] == pytest.approx(0.393939, abs=1e-6)
    (long, other, _) = score(tmp_path, frame_range=(1, 41, 10)).rows()
    assert (long["J-Mean"], other["J-Mean"]) == pytest.approx((0.420455, 0.6875), abs=1e-6)


def test_a_range_on_which_the_official_code_fails_is_refused(tmp_path):
    write_lvos(tmp_path, (1, 41, 7))
    with pytest.raises(DataError, match=r"object 1 of video vid has 8 frames.*frame_nums says 7"):
        load_videos("lvos", tmp_path, "valid")


@pytest.mark.parametrize("name", ["lvos", "lvosv2"])
@pytest.mark.parametrize(("folder", "split"), [("val", "valid"), ("valid", "val"), ("val", "val")])
def test_both_spellings_of_the_validation_split(tmp_path, name, folder, split):
    write_lvos(tmp_path, folder=folder)
    videos = load_videos(name, tmp_path, split)
    assert [video.name for video in videos] == ["vid", "vid2"]
    assert videos[0].objects[0].scored.count == 7


def test_without_a_meta_file_masks_say_what_is_scored(tmp_path):
    whole = score(tmp_path)
    (tmp_path / "LVOS/valid/valid_meta.json").unlink()
    again = evaluate(tmp_path / "preds", Selection("lvos", tmp_path / "LVOS", "valid"))
    assert again.figures == pytest.approx(whole.figures)


def test_without_unseen_videos_means_are_over_the_seen_and_it_is_said(tmp_path):
    write_lvos(tmp_path / "LVOS")
    (tmp_path / "LVOS/unseen_videos.txt").write_text("")
    write_lvos_predictions(tmp_path / "preds")
    report = evaluate(tmp_path / "preds", Selection("lvos", tmp_path / "LVOS", "valid"))
    assert report.figures["J-Mean"] == report.figures["J-seen-Mean"]
    assert any("no object of unseen videos" in note for note in report.summary.notes)


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ({"1": {"frame_range": {"start": 1, "end": 46}}}, ""),
        ({"1": {"frame_range": {"start": 2, "end": 41}}}, "frames that the video does not have: 2"),
        ({"1": {"frame_range": {"start": 1}}}, "end must be a number"),
        ({"1": {"frame_range": {"start": 1, "end": "x"}}}, "end must be a number"),
        ({"1": {}}, 'has no table "frame_range"'),
        ({"0": {"frame_range": {"start": 1, "end": 41}}}, r"an id must lie in 1\.\.254"),
    ],
)
def test_meta_files_that_do_not_fit_are_refused(tmp_path, objects, words):
    write_lvos(tmp_path)
    meta = tmp_path / "valid/valid_meta.json"
    write_json(meta, {"videos": {"vid": {"objects": objects}}})
    if not words:
        assert len(load_videos("lvos", tmp_path, "valid")) == 1
        return
    with pytest.raises(DataError, match=words) as caught:
        load_videos("lvos", tmp_path, "valid")
    assert "video vid" in str(caught.value)
    assert "valid_meta.json" in str(caught.value)


def test_the_frames_that_count_are_the_data_sets_own(tmp_path):
    write_lvos(tmp_path / "LVOS")
    write_lvos_predictions(tmp_path / "preds")
    selection = Selection("lvos", tmp_path / "LVOS", "valid")
    with pytest.raises(UsageError, match="--count-first"):
        evaluate(tmp_path / "preds", selection, count_first=True)
    report = evaluate(tmp_path / "preds", selection, measure="davis")
    assert report.figures["J-Mean"] == pytest.approx((0.633117 * 2 + 0.785714) / 3, abs=1e-6)
