"""Two processes in one output folder: the second is refused; a dead one does not count."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_davis import write_davis

from vostool.core import folder_lock
from vostool.core.errors import DataError, OutputError, UsageError
from vostool.core.folder_lock import sole_owner
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.downloads.catalogue import Archive
from vostool.downloads.fetching import FetchOptions
from vostool.downloads.install import WORK_FOLDER, install
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict import convert, export_masks
from vostool.stages.predict.baseline import baseline
from vostool.stages.predict.ensemble import ensemble
from vostool.stages.predict.import_masks import import_masks
from vostool.stages.predict.postprocess import postprocess
from vostool.stages.score.export_overlay import export_overlay
from vostool.stages.score.report import report

HOLD = """
import sys, time
from pathlib import Path
from vostool.core.folder_lock import sole_owner
with sole_owner(Path(sys.argv[1]), sys.argv[2]):
    print("ready", flush=True)
    time.sleep(60)
"""


@contextmanager
def owner(folder: Path, part: str = "") -> Iterator[subprocess.Popen]:
    """Another process that owns a folder."""
    command = [sys.executable, "-c", HOLD, str(folder), part]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def davis(tmp_path_factory: pytest.TempPathFactory) -> Selection:
    return Selection("davis2016", write_davis(tmp_path_factory.mktemp("davis")), "val")


def test_every_stage_refuses_a_folder_in_use(davis: Selection, tmp_path: Path) -> None:
    one = baseline(davis, Output(tmp_path / "one"))
    stages = {
        "baseline": lambda output: baseline(davis, output),
        "ensemble": lambda output: ensemble([one], output),
        "postprocess": lambda output: postprocess(one, ["fill-holes"], output),
        "report": lambda output: report([one], davis, output),
        "export-overlay": lambda output: export_overlay(one, davis, output),
        "export": lambda output: export_masks.export_masks(one, export_masks.Form.NUMPY, output),
        "convert": lambda output: convert.convert(one, convert.Form.LAYERED, output),
        "import": lambda output: import_masks(one, output),
        "postprocess --explain": lambda output: postprocess(
            one, ["fill-holes"], Output(tmp_path / "two", overwrite=True), explain=output
        ),
    }
    with owner(tmp_path / "out") as process:
        said = rf"process {process.pid} on .* is writing into this folder \(.*out\): wait for it"
        for how in ({}, {"resume": True}, {"overwrite": True}):
            for stage in stages.values():
                with pytest.raises(OutputError, match=said):
                    stage(Output(tmp_path / "out", **how))
        assert [path.name for path in (tmp_path / "out").iterdir()] == [folder_lock.NAME]
    for stage in stages.values():
        stage(Output(tmp_path / "out"))
        assert not list((tmp_path / "out").glob(f"{folder_lock.NAME}*"))
        shutil.rmtree(tmp_path / "out")


def test_an_archive_is_installed_by_one_process_at_a_time(tmp_path: Path) -> None:
    archive = Archive("a.zip", ("http://127.0.0.1:9/a.zip",), folder="a")
    lock = tmp_path / WORK_FOLDER / "a.zip.lock"
    with owner(lock), pytest.raises(OutputError, match=r"is writing into .*a\.zip\.lock\)"):
        install(archive, tmp_path)
    with pytest.raises(DataError, match=r"cannot download a\.zip"):
        install(archive, tmp_path, options=FetchOptions(attempts=1))
    assert not lock.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_owner_left_is_no_obstacle(
    davis: Selection, tmp_path: Path, number: int
) -> None:
    with owner(tmp_path / "out") as process:
        process.send_signal(number)
        process.wait()
    assert (tmp_path / "out" / folder_lock.NAME).exists()
    baseline(davis, Output(tmp_path / "out"))
    assert not (tmp_path / "out" / folder_lock.NAME).exists()
    assert PredictionFolder(tmp_path / "out").videos() == ("d",)


def test_parts_of_one_run_are_one_owner(tmp_path: Path) -> None:
    with owner(tmp_path, "0-of-2"):
        with sole_owner(tmp_path, "1-of-2"):
            pass
        for part in ("", "0-of-2", "1-of-3"):
            with pytest.raises(OutputError, match="is writing"), sole_owner(tmp_path, part):
                pass
    with owner(tmp_path), pytest.raises(OutputError), sole_owner(tmp_path, "0-of-2"):
        pass
    assert list(tmp_path.glob("*")) == list(tmp_path.glob(f"{folder_lock.NAME}*"))


def test_no_folder_stays_where_nothing_was_written(davis: Selection, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in what is read"):
        baseline(davis, Output(davis.root / "a" / "b"))
    assert not (davis.root / "a").exists()
    with sole_owner(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / folder_lock.NAME).exists()
    assert list(tmp_path.iterdir()) == []


class TestWithoutLocksOfTheSystem:
    """As on file systems that have none: the file alone counts."""

    @pytest.fixture(autouse=True)
    def _none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folder_lock, "fcntl", None)

    def write(self, folder: Path, host: str, process: object) -> None:
        text = json.dumps({"host": host, "process": process})
        (folder / folder_lock.NAME).write_text(text)

    def test_a_living_process_and_another_host(self, tmp_path: Path) -> None:
        for host, process in ((socket.gethostname(), os.getppid()), ("elsewhere", 1)):
            self.write(tmp_path, host, process)
            with (
                pytest.raises(OutputError, match=f"process {process} on {host}.*if it is no more"),
                sole_owner(tmp_path),
            ):
                pass

    def test_a_dead_process(self, tmp_path: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            process.wait()
        self.write(tmp_path, socket.gethostname(), process.pid)
        with sole_owner(tmp_path):
            pass

    @pytest.mark.parametrize("text", ["", "[1]", "{", "9" * 5000])
    def test_a_file_that_says_nothing(self, tmp_path: Path, text: str) -> None:
        (tmp_path / folder_lock.NAME).write_text(text)
        with sole_owner(tmp_path):
            pass
