"""`infer --crop-zoom`: verdicts in run.json and on screen, resuming, contradictions."""

from __future__ import annotations

import json

import pytest
from colour_stub import ColourStub
from moving_squares import write_video

from vostool.core.errors import DataError, UsageError
from vostool.core.output import Output
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict import networks as stage
from vostool.stages.predict.infer import InferenceSettings, infer

FAST = {"precision": "fp32", "device": "cpu"}
ZOOM = CropZoomOptions(least_height=32, zoom_height=48, zoom_width=80)
SMALL = InferenceSettings.of(crop_zoom=ZOOM, save_probabilities=True, **FAST)


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A file that loads as the stub."""
    path = tmp_path / "stub.ckpt"
    path.write_text("stub")
    monkeypatch.setattr(stage, "load_segmenter", lambda path: (ColourStub(), {"name": "stub"}))
    return path


@pytest.fixture
def video(tmp_path):
    """One small video; object 7 appears late."""
    return write_video(tmp_path / "data", "a", 4, starts={7: 1})


def written(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.suffix in (".png", ".npz")
    }


def test_verdicts_are_in_the_manifest_and_on_screen(tmp_path, checkpoint, video, caplog):
    caplog.set_level("DEBUG", logger="vostool")
    infer([checkpoint], [video[0]], Output(tmp_path / "out"), SMALL)
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    verdicts = manifest["videos"]["a"]["wrappers"]["crop_zoom"]
    assert [(item["object"], item["rule"], item["zoomed"]) for item in verdicts] == [
        (2, "eligible", True),
        (7, "eligible", True),
    ]
    assert manifest["settings"]["crop_zoom"]["zoom_height"] == 48
    assert manifest["settings"]["crop_zoom"]["tracker"] == "mask-box"
    assert "a: object 2: zoomed: it is small throughout" in caplog.text
    folder = PredictionFolder(tmp_path / "out")
    for frame, mask in video[1].items():
        assert (folder.mask("a", frame) != mask).mean() < 0.01
        planes, _ = folder.probabilities("a", frame)
        assert abs(planes.astype(int).sum(0) - 255).max() <= 2


def test_without_an_eligible_object_files_are_the_same(tmp_path, checkpoint, video):
    plain = InferenceSettings.of(save_probabilities=True, **FAST)
    none = InferenceSettings.of(
        crop_zoom=ZOOM.model_copy(update={"largest_side": 5}), save_probabilities=True, **FAST
    )
    infer([checkpoint], [video[0]], Output(tmp_path / "plain"), plain)
    infer([checkpoint], [video[0]], Output(tmp_path / "none"), none)
    assert written(tmp_path / "none") == written(tmp_path / "plain")


def test_resuming_keeps_verdicts_and_refuses_other_thresholds(tmp_path, checkpoint, video):
    infer([checkpoint], [video[0]], Output(tmp_path / "out"), SMALL)
    before = json.loads((tmp_path / "out" / "run.json").read_text())["videos"]
    result = infer([checkpoint], [video[0]], Output(tmp_path / "out", resume=True), SMALL)
    assert result.videos == ()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["videos"] == before
    without = InferenceSettings.of(save_probabilities=True, **FAST)
    with pytest.raises(UsageError, match="crop_zoom was"):
        infer([checkpoint], [video[0]], Output(tmp_path / "out", resume=True), without)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model_files": {"vit": ["x.onnx"]}}, "names vit, which nothing uses"),
        ({"crop_zoom": {}, "model_files": {"vit": ["x.onnx"]}}, "names vit, which nothing"),
        ({"crop_zoom": {"tracker": "vit"}}, r"vostool download vittrack"),
        ({"crop_zoom": {"tracker": "transt"}}, "unknown tracker"),
    ],
)
def test_contradictions_are_refused_before_anything_is_made(
    tmp_path, checkpoint, video, values, words
):
    with pytest.raises(UsageError, match=words):
        infer(
            [checkpoint],
            [video[0]],
            Output(tmp_path / "out"),
            InferenceSettings.of(**values, **FAST),
        )
    assert not (tmp_path / "out").exists()


def test_a_missing_model_file_is_named(tmp_path, checkpoint, video):
    missing = tmp_path / "no.onnx"
    settings = InferenceSettings.of(
        crop_zoom={"tracker": "vit"}, model_files={"vit": [missing]}, **FAST
    )
    with pytest.raises(DataError, match=rf"is missing: .*{missing.name}"):
        infer([checkpoint], [video[0]], Output(tmp_path / "out"), settings)
    assert not (tmp_path / "out").exists()
