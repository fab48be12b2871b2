"""What is said to be finished is on the disk: the order of the system's calls tells."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from vostool.core import durable
from vostool.core.errors import OutputError
from vostool.core.files import atomic_path, write_text
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.media.masks import write_mask
from vostool.predictions.manifest import NAME
from vostool.predictions.run import Planned, PredictionRun
from vostool.training.checkpoints.checkpoint import describe, save_checkpoint
from vostool.training.loop import metrics_log
from vostool.training.loop.metrics_log import MetricsLog, read_metrics

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is synchronised there")
Calls = list[tuple[str, str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What is synchronised and renamed, by the file's last name, in order."""
    made: Calls = []
    sync, rename = os.fsync, os.replace

    def noted_sync(handle: int) -> None:
        made.append(("sync", Path(os.readlink(f"/proc/self/fd/{handle}")).name))
        sync(handle)

    def noted_rename(source: Path, target: Path) -> None:
        made.append(("rename", Path(target).name))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_rename)
    return made


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc")


@needs_proc
def test_a_file_is_on_the_disk_before_its_name_and_its_name_before_the_return(
    tmp_path: Path, calls: Calls
) -> None:
    folder = tmp_path / "folder"
    write_text(folder / "a.json", "{}")
    (first, content), renamed, named = calls
    assert (first, renamed, named) == ("sync", ("rename", "a.json"), ("sync", "folder"))
    assert content.startswith(".partial-")
    calls.clear()
    save_checkpoint(folder / "a.ckpt", torch.nn.Linear(1, 1), describe({}, 0, {}))
    assert [kind for kind, _ in calls] == ["sync", "rename", "sync"]


@needs_proc
def test_masks_are_synchronised_together_and_before_the_manifest_says_finished(
    tmp_path: Path, calls: Calls
) -> None:
    frames = ("0", "1", "2")
    planned = {"v": Planned(frames, ObjectIds((1,)))}
    run = PredictionRun(Output(tmp_path), {}, {}, planned, inputs=[], probabilities=True)
    calls.clear()
    for frame in frames:
        run.writer.write_mask("v", frame, np.ones((4, 5), np.uint8))
        planes = np.zeros((2, 4, 5), np.uint8)
        run.writer.write_probabilities("v", frame, planes, ObjectIds((1,)))
    assert not [name for kind, name in calls if kind == "sync"]
    calls.clear()
    run.finish("v", 0.0)
    said = calls.index(("rename", NAME))
    before = sorted(name for kind, name in calls[:said] if not name.startswith(".partial-"))
    assert before == sorted(
        [*(f"{f}.png" for f in frames), *(f"{f}.npz" for f in frames), "v", "v"]
    )
    assert calls[said + 1] == ("sync", tmp_path.name)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EINVAL, None), (errno.EIO, OSError), (errno.ENOSPC, OutputError)],
)
def test_a_disk_that_says_no_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type | None
) -> None:
    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    write_text(tmp_path / "a", "old")
    monkeypatch.setattr(os, "fsync", fail)
    if expected is None:  # a file system without it
        write_text(tmp_path / "a", "new")
        assert (tmp_path / "a").read_text() == "new"
    else:
        with pytest.raises(expected):
            write_text(tmp_path / "a", "new")
        assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_many_files_are_synchronised_and_errors_of_any_are_raised(tmp_path: Path) -> None:
    for number in range(20):
        write_mask(tmp_path / str(number % 3) / f"{number}.png", np.ones((2, 2), np.uint8))
    durable.make_durable(tmp_path.rglob("*.png"))
    with pytest.raises(FileNotFoundError):
        durable.make_durable([*tmp_path.rglob("*.png"), tmp_path / "gone.png"])


class Killed(BaseException):
    """Stands for a process that ends at once."""


def killed_in(name: str) -> Callable[..., None]:
    def end(*_: object, **__: object) -> None:
        raise Killed(name)

    return end


def test_a_log_that_is_taken_up_again_loses_nothing_when_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MetricsLog(tmp_path)
    for iteration in (1, 2, 3):
        log.write("train", iteration, {"loss": 0.5})
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed_in("rename"))
        with pytest.raises(Killed):
            MetricsLog(tmp_path, resume_at=2)
    path = tmp_path / metrics_log.FILE_NAME
    assert [record["iteration"] for record in read_metrics(path)] == [1, 2, 3]
    with path.open("a") as file:
        file.write('{"iteration": 4, "kin')  # killed in the middle of a line
    again = MetricsLog(tmp_path, resume_at=2)
    for iteration in (3, 4):
        again.write("train", iteration, {"loss": 0.5})
    assert [record["iteration"] for record in read_metrics(path)] == [1, 2, 3, 4]


def test_what_is_not_durable_is_whole_all_the_same(tmp_path: Path, calls: Calls) -> None:
    with atomic_path(tmp_path / "a", durable=False) as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"
    assert calls == [("rename", "a")]
