"""What shells complete, asked as they ask; nothing that takes long is loaded for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from vostool.cli import _completion
from vostool.core import registry
from vostool.core.recipe_files import recipe_names
from vostool.datasets.catalogue import load_spec
from vostool.models import ENTRY_POINT_GROUP

ASK = """
import contextlib, io, json, os, sys
from vostool.cli.main import main
answers = {}
for line in json.loads(sys.argv[1]):
    words = ["vostool", *line.split(" ")]
    os.environ |= {"_VOSTOOL_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
    os.environ["COMP_CWORD"] = str(len(words) - 1)
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
        main([])
    answers[line] = shown.getvalue().split()
heavy = sorted({"torch", "torchvision", "timm", "pydantic_settings"} & set(sys.modules))
print(json.dumps([answers, heavy]))
"""


def ask(*lines: str, folder: os.PathLike[str]) -> dict[str, list[str]]:
    """Answers of a shell's completion to what is typed behind `vostool`."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(lines)],
        capture_output=True, text=True, check=True, cwd=folder,
    )  # fmt: skip
    answers, heavy = json.loads(done.stdout)
    assert not heavy
    return answers


def test_a_shell_gets_the_names_there_are(tmp_path) -> None:
    (tmp_path / "s.json").touch()
    (tmp_path / "tuned.toml").touch()
    (tmp_path / "notes.txt").touch()
    strategies = registry.names("vostool.inference.memory")
    expected = {
        "post": ["postprocess"],
        "infer --dataset davis": ["davis2016", "davis2017"],
        "infer --dataset davis2017 --split v": ["val"],
        "tune --dataset davis2016 --split ": [
            *load_spec("davis2016").splits, "s.json:train", "s.json:val"
        ],
        "train stm-r": [name for name in recipe_names() if name.startswith("stm-r")],
        "recipes inference/s": ["inference/scmn"],
        "recipes --diff stm-r50 famnet-r50-p": ["famnet-r50-pretrain"],
        "infer --recipe ": [*recipe_names("inference"), "tuned.toml"],
        "infer --memory e": ["early", "every"],
        "tune --memory every:5+": [f"every:5+{name}" for name in strategies],
        "infer --tta flip,0": ["flip,0.5", "flip,0.75"],
        "infer --network fam": ["famnet"],
        "postprocess preds --steps drop-small,": [
            f"drop-small,{name}"
            for name in registry.names("vostool.postprocess.steps")
            if name != "drop-small"
        ],
    }  # fmt: skip
    assert ask(*expected, folder=tmp_path) == expected


def test_networks_of_other_packages_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "vostool.models.systems.famnet", ENTRY_POINT_GROUP)
    found = {ENTRY_POINT_GROUP: [point]}
    monkeypatch.setattr(registry, "entry_points", lambda group: found.get(group, []))
    assert _completion.networks("the") == ["theirs"]


def test_the_data_set_of_the_project_says_the_splits(tmp_path, monkeypatch) -> None:
    from types import SimpleNamespace

    monkeypatch.chdir(tmp_path)
    context = SimpleNamespace(params={})
    assert _completion.splits(context, "") == []
    (tmp_path / "vostool.toml").write_text('dataset = "mose"\n')
    assert _completion.splits(context, "") == list(load_spec("mose").splits)
    context.params["dataset"] = "davis2020"
    assert _completion.splits(context, "") == []


def test_what_is_taken_already_is_not_offered_again() -> None:
    assert "none" in _completion.views("") and "flip,none" not in _completion.views("flip,")
    assert "flip,flip" not in _completion.views("flip,")
