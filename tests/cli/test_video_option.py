"""`--video` is on every command that works on videos, and means the same on each."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest

from vostool.cli import main as module
from vostool.core import registry
from vostool.predictions.folder import PredictionFolder, PredictionWriter

ABOUT_VIDEOS = {"dataset", "predictions", "members", "source"}
"""Parameters of commands that work on the videos of something."""
WHOLE = {"package-submission", "check-submission"}
"""A server takes the whole split."""
COMMANDS = [name for name in registry.names("vostool.cli") if name not in module.HELPERS]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_that_work_on_videos_take_it(command: str) -> None:
    run = importlib.import_module(f"vostool.cli.{command.replace('-', '_')}").run
    parameters = inspect.signature(run).parameters
    if ABOUT_VIDEOS & parameters.keys() and command not in WHOLE:
        assert "video" in parameters


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for member in ("one", "two", "three"):
        for video in ("cat", "dog", "eel"):
            for frame in ("00000", "00001"):
                mask = np.zeros((20, 30), np.uint8)
                mask[2:12, 2:12], mask[18, 28] = 1, 1
                PredictionWriter(tmp_path / member).write_mask(video, frame, mask)
    return tmp_path


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        module.main([*arguments])
    return int(stopped.value.code or 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["postprocess", "one", "--steps", "drop-small"],
        ["ensemble", "one", "two", "three"],
        ["convert", "one", "--to", "layered"],
        ["export", "one"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_only_the_videos_named_are_written(folder, arguments, capsys) -> None:
    named = ["--video", "eel", "--video", "cat"]
    assert call(*arguments, *named, "--out", "out") == 0
    masks = folder / "out" / ("" if arguments[0] == "export" else "Annotations")
    assert sorted(path.name for path in masks.iterdir()) == ["cat", "eel"]
    assert call(*arguments, "--video", "cow", "--out", "other") == 2
    assert "no such video: cow (one): it has cat, dog, eel" in capsys.readouterr().err


def test_what_is_not_finished_counts_only_where_it_is_asked_for(folder) -> None:
    (folder / "one/run.json").write_text('{"videos": {"cow": {"status": "pending"}}}')
    PredictionFolder(folder / "one", ["cat"]).require_finished()
    assert call("export", "one", "--video", "cat", "--out", "out") == 0
