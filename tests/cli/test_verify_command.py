"""`vostool verify`: what is lost, added, changed or made of something else is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_davis import write_davis
from torch import nn
from typer.testing import CliRunner

from vostool.cli.main import build_app
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.datasets.selection import Selection
from vostool.media.masks import write_mask
from vostool.predictions.manifest import NAME, file_digest
from vostool.predictions.run import Planned, PredictionRun
from vostool.stages.predict.baseline import baseline
from vostool.stages.predict.ensemble import ensemble
from vostool.stages.predict.postprocess import postprocess
from vostool.training.checkpoints.checkpoint import describe
from vostool.training.checkpoints.resuming import Progress, ResumeState
from vostool.training.checkpoints.run_folder import RunFolder
from vostool.training.loop.metrics_log import MetricsLog

IDS = ObjectIds((1,))


def found(folder: Path) -> tuple[int, dict[str, Any]]:
    """Exit code, and what --json says."""
    result = CliRunner().invoke(build_app("verify"), ["verify", str(folder), "--json", "-", "-q"])
    return result.exit_code, json.loads(result.stdout)


def write_predictions(root: Path, about: dict[str, Any] | None = None, **videos: int) -> Path:
    """Masks and probabilities of videos with that many frames."""
    planned = {n: Planned(tuple(map(str, range(k))), IDS) for n, k in (videos or {"v": 2}).items()}
    run = PredictionRun(Output(root), about or {}, {}, planned, inputs=[], probabilities=True)
    for name, plan in planned.items():
        for frame in plan.frames:
            run.writer.write_mask(name, frame, np.eye(4, 5, dtype=np.uint8))
            run.writer.write_probabilities(name, frame, np.zeros((2, 4, 5), np.uint8), IDS)
        run.finish(name, 0.0)
    return root


def test_what_was_written_passes(tmp_path: Path) -> None:
    assert found(write_predictions(tmp_path / "a", v=2, w=1)) == (
        0,
        {
            "folder": str(tmp_path / "a"),
            "ok": True,
            "files": 6,
            "named": 0,
            "faults": {},
            "notes": [],
        },
    )


def change(path: Path) -> None:
    write_mask(path, np.zeros((4, 5), np.uint8))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


DAMAGES: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    "a mask is gone": ("missing", "Annotations/v/1.png", Path.unlink),
    "probabilities are gone": ("missing", "Probabilities/v/0.npz", Path.unlink),
    "a mask is another": ("changed", "Annotations/v/0.png", change),
    "a bit is another": ("changed", "Probabilities/v/1.npz", flip),
    "a mask more": ("extra", "Annotations/v/7.png", change),
    "a video more": ("extra", "Annotations/other/0.png", change),
    "a file between videos": ("extra", "Annotations/0.png", change),
    "something else": ("extra", "Probabilities/v/notes.txt", lambda path: path.write_text("x")),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_named(tmp_path: Path, name: str) -> None:
    fault, place, damage = DAMAGES[name]
    damage(write_predictions(tmp_path) / place)
    code, said = found(tmp_path)
    assert (code, said["faults"]) == (1, {fault: [place]})
    result = CliRunner().invoke(build_app("verify"), ["verify", str(tmp_path)])
    assert result.exit_code == 1 and place in result.stdout


def test_masks_per_object_have_digests_too(tmp_path: Path) -> None:
    run = PredictionRun(Output(tmp_path), {}, {}, {"v": Planned(("0",), IDS)}, inputs=[])
    run.writer.write_layers("v", "0", {1: np.ones((4, 5), bool), 2: np.eye(4, 5, dtype=bool)})
    run.finish("v", 0.0)
    assert found(tmp_path)[0] == 0
    change(tmp_path / "Annotations/v/001/0.png")
    assert found(tmp_path)[1]["faults"] == {"changed": ["Annotations/v/001/0.png"]}


def test_what_is_not_finished_is_said_and_its_files_are_no_faults(tmp_path: Path) -> None:
    planned = {"v": Planned(("0", "1"), IDS), "w": Planned(("0",), IDS)}
    run = PredictionRun(Output(tmp_path), {}, {}, planned, inputs=[])
    run.writer.write_mask("v", "0", np.eye(4, dtype=np.uint8))
    code, said = found(tmp_path)
    assert (code, said["faults"]) == (1, {"unfinished": ["v", "w"]})


def test_manifests_of_before_digests_are_compared_by_names(tmp_path: Path) -> None:
    path = write_predictions(tmp_path, v=2) / NAME
    manifest = json.loads(path.read_text())
    del manifest["videos"]["v"]["digests"]
    path.write_text(json.dumps(manifest))
    code, said = found(tmp_path)
    assert code == 0 and "no digests of 1 videos" in said["notes"][0]
    assert (said["files"], said["named"]) == (0, 2)
    (tmp_path / "Annotations/v/0.png").rename(tmp_path / "Annotations/v/5.png")
    assert found(tmp_path)[1]["faults"] == {
        "missing": ["Annotations/v/0.png"],
        "extra": ["Annotations/v/5.png"],
    }


def test_the_oldest_manifests_say_how_many_masks_there_are(tmp_path: Path) -> None:
    path = write_predictions(tmp_path, v=3) / NAME
    path.write_text(json.dumps({"videos": {"v": {"frames": 3, "status": "finished"}}}))
    assert found(tmp_path)[1]["named"] == 3
    (tmp_path / "Annotations/v/0.png").unlink()
    code, said = found(tmp_path)
    assert (code, said["faults"]) == (1, {"missing": ["Annotations/v: 2 of 3 masks"]})


def test_sources_that_are_others_now_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    davis = Selection("davis2016", write_davis(tmp_path / "davis"), "val")
    baseline(davis, Output(Path("one")))
    postprocess(Path("one"), ["fill-holes"], Output(Path("two")))
    postprocess(Path("one"), ["drop-small"], Output(Path("three")))
    ensemble([Path("one"), Path("two"), Path("three")], Output(Path("all")))
    assert [found(Path(name))[0] for name in ("one", "two", "three", "all")] == [0, 0, 0, 0]
    baseline(davis, Output(Path("one"), overwrite=True))
    manifest = Path("one", NAME)  # which may be equal: the same masks in the same second
    manifest.write_text(
        manifest.read_text().replace('"started": "', '"started": "some days after ')
    )
    for name in ("two", "all"):
        code, said = found(Path(name))
        assert (code, said["faults"]) == (1, {"source": ["parent one"]})
    Path("one").rename("elsewhere")
    code, said = found(Path("two"))
    assert code == 0 and said["notes"] == ["the parent one is not here any more"]


def test_a_project_that_is_moved_as_a_whole_finds_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    davis = Selection("davis2016", write_davis(tmp_path / "davis"), "val")
    baseline(davis, Output(Path("one")))
    postprocess(Path("one"), ["fill-holes"], Output(Path("two")))
    monkeypatch.chdir(tmp_path)
    Path("project").rename("moved")
    assert found(Path("moved/two"))[1]["notes"] == []


def test_checkpoints_and_recipes_are_compared(tmp_path: Path) -> None:
    for name in ("a.ckpt", "a.toml"):
        (tmp_path / name).write_text("then")
    records = {
        name: {"path": str(tmp_path / name), "sha256": file_digest(tmp_path / name)}
        for name in ("a.ckpt", "a.toml")
    }
    about = {"checkpoints": [records["a.ckpt"]], "recipe": records["a.toml"]}
    write_predictions(tmp_path / "preds", about)
    assert found(tmp_path / "preds")[0] == 0
    (tmp_path / "a.ckpt").write_text("now")
    (tmp_path / "a.toml").unlink()
    code, said = found(tmp_path / "preds")
    assert (code, said["faults"]) == (1, {"source": [f"checkpoint {tmp_path / 'a.ckpt'}"]})
    assert said["notes"] == [f"the recipe {tmp_path / 'a.toml'} is not here any more"]


HOSTILE = [
    {"videos": {"../..": {"digests": {"Annotations": {"../x": "0"}}}}},
    {"videos": {"v": {"digests": [1]}}, "checkpoints": [{"path": 3}, 4], "parents": ["x", None]},
    {"videos": {"v": {"digests": {"Annotations": {"0.png": 3}}, "masks": [1, None]}}},
    {"recipe": {"path": "a\0b", "sha256": "x"}, "parents": [{"path": "/dev/zero"}]},
    {"videos": []},
]


@pytest.mark.parametrize("manifest", HOSTILE)
def test_manifests_of_strangers_lead_nowhere(tmp_path: Path, manifest: dict[str, Any]) -> None:
    (tmp_path / "x").write_text("outside")
    folder = tmp_path / "deep" / "preds"
    (folder / "Annotations" / "v").mkdir(parents=True)
    (folder / NAME).write_text(json.dumps(manifest))
    code, said = found(folder)
    assert code in (0, 1) and said["files"] == 0


def test_without_a_manifest_there_is_nothing_to_verify(tmp_path: Path) -> None:
    change(tmp_path / "Annotations/v/0.png")
    for folder, sentence in ((tmp_path, "no run.json"), (tmp_path / "gone", "no such folder")):
        result = CliRunner().invoke(build_app("verify"), ["verify", str(folder)])
        assert result.exit_code == 1 and sentence in result.stderr


def write_run(folder: Path) -> Path:
    """A training's folder with two checkpoints."""
    files, model = RunFolder(folder), nn.Linear(3, 2)
    for iteration in (1, 2):
        files.save(model, describe({}, iteration, {"J&F": 0.5}), best=iteration == 2)
    progress = Progress(recipe={}, iteration=2, best_score=0.5, processes=1, scaler={})
    optimiser = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}
    files.save_resume(ResumeState(model.state_dict(), optimiser, progress))
    MetricsLog(folder).write("train", 1, {"loss": 0.5})
    return folder


def test_a_training_as_it_was_written_passes(tmp_path: Path) -> None:
    code, said = found(write_run(tmp_path))
    # Two checkpoints, the best one, the state, the listing and the log.
    assert (code, said["files"], said["faults"]) == (0, 6, {})


def test_damage_of_a_training_is_named(tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / "iteration-00000001.ckpt").unlink()
    (tmp_path / "iteration-00000009.ckpt").write_bytes((tmp_path / "best.ckpt").read_bytes())
    data = bytearray((tmp_path / "resume.state").read_bytes())
    data[-1] ^= 1
    (tmp_path / "resume.state").write_bytes(bytes(data))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"iteration": 2, "ki')
    code, said = found(tmp_path)
    assert code == 1
    assert said["faults"].pop("missing") == ["iteration-00000001.ckpt"]
    assert said["faults"].pop("extra") == ["iteration-00000009.ckpt"]
    state, log = sorted(said["faults"].pop("damaged"), reverse=True)
    assert state.startswith("resume.state: the tensors are not those")
    assert log == "metrics.jsonl: line 2 of 2 is no record"
    assert not said["faults"]
