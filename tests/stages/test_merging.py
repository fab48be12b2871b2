"""`infer` in step against `infer` member by member and `ensemble`, on disk, with the stub."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.ensembling.fitted import Fitted, FittedAbout
from vostool.ensembling.folder_members import FolderMembers
from vostool.ensembling.fusion import FusionNetwork
from vostool.ensembling.options import MergeOptions
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict import networks as stage
from vostool.stages.predict.ensemble import ensemble
from vostool.stages.predict.infer import InferenceSettings, infer

sys.path.insert(0, str(Path(__file__).parents[1] / "inference"))  # the stub network lives there

from colour_stub import ColourStub
from moving_squares import write_video

STRATEGIES = ("every:2", "first-previous")
COMMON = {"precision": "fp32", "device": "cpu", "views": "flip", "save_probabilities": True}


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """Files that load as stubs, one sharp and one soft."""
    paths = [tmp_path / "sharp.ckpt", tmp_path / "soft.ckpt"]
    for path in paths:
        path.write_text(path.stem)
    sharpness = {"sharp": 60.0, "soft": 5.0}
    monkeypatch.setattr(
        stage, "load_segmenter", lambda path: (ColourStub(sharpness[path.stem]), {})
    )
    return paths


@pytest.mark.parametrize(
    "merge", [{"weights": "4,1,0.5,2"}, {"method": "vote", "weights": "2,3,2,2"}], ids=str
)
def test_in_step_equals_member_by_member_and_ensemble(tmp_path, checkpoints, merge):
    video, _ = write_video(tmp_path / "data", "v", 6, drift=8, starts={7: 2})
    settings = InferenceSettings.of(memory=STRATEGIES, merge=merge, **COMMON)
    infer(checkpoints, [video], Output(tmp_path / "step"), settings)
    parts = []
    for checkpoint, strategy in itertools.product(checkpoints, STRATEGIES):
        parts.append(tmp_path / f"part{len(parts)}")
        alone = InferenceSettings.of(memory=(strategy,), **COMMON)
        infer([checkpoint], [video], Output(parts[-1]), alone)
    ensemble(parts, Output(tmp_path / "out"), merge=MergeOptions(**merge), save_probabilities=True)
    step, after = PredictionFolder(tmp_path / "step"), PredictionFolder(tmp_path / "out")
    assert step.manifest["settings"]["merge"]["weights"] == merge["weights"]
    differ = 0
    for frame in step.frames("v"):
        ours, theirs = (folder.probabilities("v", frame)[0].astype(int) for folder in (step, after))
        assert np.abs(ours - theirs).max() <= 1
        first = PredictionFolder(parts[0]).probabilities("v", frame)[0]
        differ = max(differ, np.abs(ours - first).max())
    assert differ > 10, "members differ, so that weights matter"


@pytest.mark.parametrize(
    ("merge", "sentence"),
    [
        ({"weights": "2,1"}, r"2 weights \(2,1\) for 4 members \(\S*sharp.ckpt every:2, "),
        ({"method": "vote", "weights": "9,1,1,1"}, "every:2 alone outvotes all others"),
        ({"method": "meen"}, "did you mean mean"),
        ({"method": "mean", "colour": 1}, "method mean has no option 'colour'"),
    ],
)
def test_what_cannot_be_merged_is_said_before_anything_is_written(
    tmp_path, checkpoints, merge, sentence
):
    video, _ = write_video(tmp_path / "data", "v", 2)
    settings = InferenceSettings.of(memory=STRATEGIES, merge=merge, **COMMON)
    with pytest.raises(UsageError, match=sentence):
        infer(checkpoints, [video], Output(tmp_path / "out"), settings)
    assert not (tmp_path / "out").exists()


def test_what_was_fitted_on_folders_goes_for_the_same_run_in_step_and_for_no_other(
    tmp_path, checkpoints
):
    video, _ = write_video(tmp_path / "data", "v", 5, drift=8, starts={7: 2})
    memory = ("every:2",)
    parts = [tmp_path / path.stem for path in checkpoints]
    for checkpoint, part in zip(checkpoints, parts):
        infer([checkpoint], [video], Output(part), InferenceSettings.of(memory=memory, **COMMON))
    network = FusionNetwork(2, 8)
    torch.manual_seed(0)
    torch.nn.init.normal_(network.decide.weight)
    about = FittedAbout(marks=FolderMembers(parts).members.marks, width=8)
    Fitted(about, network.state_dict()).save(tmp_path / "f.safetensors")
    merge = {"method": "learned", "weights": str(tmp_path / "f.safetensors")}

    ensemble(parts, Output(tmp_path / "out"), merge=MergeOptions(**merge), save_probabilities=True)
    settings = InferenceSettings.of(memory=memory, merge=merge, **COMMON)
    infer(checkpoints, [video], Output(tmp_path / "step"), settings)
    step, after = PredictionFolder(tmp_path / "step"), PredictionFolder(tmp_path / "out")
    same = [(step.mask("v", f) == after.mask("v", f)).mean() for f in step.frames("v")]
    assert len(same) == 5 and min(same) > 0.98, "planes in folders are rounded"

    others = [
        (checkpoints, {"memory": ("every:3",)}),
        (checkpoints, {"memory": memory, "views": "none"}),
        (checkpoints, {"memory": ("every:2", "visible")}),
    ]
    for networks, changed in others:
        other = InferenceSettings.of(**{**COMMON, "merge": merge, **changed})
        with pytest.raises(UsageError, match="fitted on other members"):
            infer(networks, [video], Output(tmp_path / "no"), other)
    with pytest.raises(UsageError, match="another order"):
        infer(checkpoints[::-1], [video], Output(tmp_path / "no"), settings)
    with pytest.raises(UsageError, match="fitted on other members"):
        ensemble(
            [parts[0], tmp_path / "step"], Output(tmp_path / "no"), merge=MergeOptions(**merge)
        )
    assert not (tmp_path / "no").exists()
