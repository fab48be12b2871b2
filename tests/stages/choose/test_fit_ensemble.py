"""`fit-ensemble` and what is done with its file: folders, in step, refusals, the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_davis import write_davis

from vostool.cli.main import main
from vostool.core.errors import DataError, OutputError, UsageError
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.datasets.selection import Selection
from vostool.ensembling.fitted import Fitted, FittedAbout, read_fitted
from vostool.ensembling.fitting import FitOptions
from vostool.ensembling.fusion import FusionNetwork
from vostool.ensembling.options import MergeOptions
from vostool.inference.engine import Member, run_video
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Propagation
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.media.masks import read_mask
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.stages.choose.fit_ensemble import fit_ensemble
from vostool.stages.predict.ensemble import ensemble

sys.path.insert(0, str(Path(__file__).parents[2] / "inference"))  # the stub network lives there

from colour_stub import ColourStub
from moving_squares import squares

QUICK = FitOptions(iterations=30, crop=16, learning_rate=1e-2, width=8)


@pytest.fixture
def davis(tmp_path) -> Selection:
    return Selection("davis2016", write_davis(tmp_path / "DAVIS"), "train")


def write_members(root: Path, selection: Selection, videos: str | None = None) -> list[Path]:
    """One member that is nearly right, one that is noise."""
    rng = np.random.default_rng(0)
    paths = [root / "good", root / "bad"]
    for path, strength in zip(paths, (0.8, 0.1)):
        writer = PredictionWriter(path)
        for video in selection.load():
            if videos is not None and video.name not in videos:
                continue
            for frame in video.frames:
                truth = read_mask(frame.annotation, video.encoding) > 0
                said = strength * truth + (1 - strength) * rng.random(truth.shape)
                planes = np.stack([1 - said, said])
                stored = (planes * 255).round().astype(np.uint8)
                writer.write_mask(video.name, frame.name, stored.argmax(0).astype(np.uint8))
                writer.write_probabilities(video.name, frame.name, stored, ObjectIds((1,)))
    return paths


def test_fitted_weights_and_network_are_better_than_the_mean(tmp_path, davis) -> None:
    members = write_members(tmp_path, davis)
    out = tmp_path / "fused.safetensors"
    report = fit_ensemble(members, davis, Output(out), options=QUICK)
    assert (report.folds, report.videos) == (3, 3)
    assert list(report.figures) == [*map(str, members), "mean", "weighted", "vote", "learned"]
    first = {way: next(iter(values.values())) for way, values in report.figures.items()}
    assert report.weights[0] > 0.7
    assert first["weighted"] > first["mean"]
    assert first["learned"] > first["mean"]
    fitted = read_fitted(out)
    assert fitted.about.marks == ("good", "bad")
    assert fitted.about.fitted_on["videos"] == ["a", "b", "c"]

    merge = MergeOptions(method="learned", weights=str(out))
    ensemble(members, Output(tmp_path / "ens"), merge=merge)
    made = PredictionFolder(tmp_path / "ens")
    planes = [PredictionFolder(m).probabilities("a", "00002")[0] for m in members]
    soft = torch.from_numpy(np.stack(planes).astype(np.float32) / 255)
    with torch.no_grad():
        expected = fitted.network()(soft)[1].argmax(0).numpy()
    assert (made.mask("a", "00002") == expected).mean() > 0.99
    with pytest.raises(UsageError, match="another order"):
        ensemble(members[::-1], Output(tmp_path / "other"), merge=merge)
    assert not (tmp_path / "other").exists()


def test_weights_alone_are_a_weighted_mean(tmp_path, davis) -> None:
    members = write_members(tmp_path, davis)
    out = tmp_path / "weights.safetensors"
    report = fit_ensemble(members, davis, Output(out), kind="weighted", options=QUICK, folds=0)
    assert not report.figures
    assert read_fitted(out).about.weights == report.weights
    for name, merge in (
        ("file", MergeOptions(method="learned", weights=str(out))),
        ("plain", MergeOptions(weights=report.weights)),
    ):
        ensemble(members, Output(tmp_path / name), merge=merge)
    one, two = PredictionFolder(tmp_path / "file"), PredictionFolder(tmp_path / "plain")
    assert all(np.array_equal(one.mask("b", f), two.mask("b", f)) for f in one.frames("b"))


def test_what_cannot_be_fitted_is_said(tmp_path, davis) -> None:
    members = write_members(tmp_path / "some", davis, videos="ab")
    out = Output(tmp_path / "f.safetensors")
    with pytest.raises(DataError, match="lack the videos c"):
        fit_ensemble(members, davis, out, options=QUICK)
    with pytest.raises(UsageError, match="one member"):
        fit_ensemble(members[:1], davis, out, options=QUICK)
    with pytest.raises(UsageError, match="two members are the same: good"):
        fit_ensemble([members[0], members[0]], davis, out, options=QUICK)
    (tmp_path / "f.safetensors").write_bytes(b"")
    with pytest.raises(OutputError, match="exists"):
        fit_ensemble(members, davis, out, options=QUICK)
    for path in (members[0] / "Probabilities").rglob("*.npz"):
        path.unlink()
    with pytest.raises(UsageError, match="no probabilities"):
        fit_ensemble(members, davis, Output(tmp_path / "g.safetensors"), options=QUICK)


def test_in_step_it_takes_the_place_of_the_mean(tmp_path) -> None:
    path = tmp_path / "f.safetensors"
    network = FusionNetwork(2)
    torch.nn.init.constant_(network.decide.bias, 0.0)
    with torch.no_grad():
        network.decide.bias[0] = 30.0  # all weight on the first member
    Fitted(FittedAbout(marks=("0123456789ab every:2", "b every:2")), network.state_dict()).save(
        path
    )
    images, _, given = squares(4, drift=8, starts={7: 0})
    source = ArraySource("v", images, given)
    memory = parse_strategies(["every:2"])
    members = [
        Member(ColourStub(60.0), memory, name="a", digest="0123456789abcdef" * 4),
        Member(ColourStub(5.0), memory, name="b"),
    ]
    options = PropagationOptions(merge=MergeOptions(method="learned", weights=str(path)))
    fused = [result.mask for result in run_video(source, members, options)]
    alone = [result.mask for result in run_video(source, members[:1])]
    assert all(np.array_equal(one, two) for one, two in zip(fused, alone))
    with pytest.raises(UsageError, match="fitted on other members"):
        Propagation([members[1], Member(ColourStub(1.0), memory, name="c")], options)


def test_the_command(tmp_path, davis, capsys) -> None:
    members = [str(path) for path in write_members(tmp_path, davis)]
    out = tmp_path / "f.safetensors"
    where = ["--dataset", "davis2016", "--root", str(davis.root), "--split", "train"]
    quick = ["--set", "iterations=2", "--set", "crop=16", "--set", "width=8", "--folds", "2"]
    with pytest.raises(SystemExit) as caught:
        main(["fit-ensemble", *members, *where, "--out", str(out), *quick])
    assert not caught.value.code
    printed = capsys.readouterr().out
    assert "2-fold cross-validation over 3 videos" in printed
    assert f"--method learned --weights {out}" in printed
    with pytest.raises(SystemExit) as caught:
        main(
            [
                "ensemble",
                *members,
                "--method",
                "learned",
                "--weights",
                str(out),
                "--out",
                str(tmp_path / "ens"),
            ]
        )
    assert not caught.value.code
    assert (
        json.loads((tmp_path / "ens" / "run.json").read_text())["settings"]["method"] == "learned"
    )
    with pytest.raises(SystemExit) as caught:
        main(
            [
                "fit-ensemble",
                *members,
                *where,
                "--out",
                str(tmp_path / "x"),
                "--set",
                "iterations=0",
            ]
        )
    assert caught.value.code == 2
