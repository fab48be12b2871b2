"""Where results go: by rename to files, through to anything else, and never left half-done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vostool.core.errors import OutputError
from vostool.core.files import atomic_path, write_json, write_text


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o20666, os.makedev(1, 3))
        device.write_bytes(b"x")
    except OSError:
        pytest.skip("only root makes devices, and not everywhere")
    write_json(device, {"a": 1})
    assert device.is_char_device()
    assert [path.name for path in tmp_path.iterdir()] == ["null"]


def test_the_null_device_by_its_own_name() -> None:
    before = os.lstat("/dev/null")
    write_json(Path("/dev/null"), {"a": 1})
    assert os.path.samestat(os.lstat("/dev/null"), before)


def test_a_pipe_gets_everything(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "all of it\n" * 10_000)
    reader.join()
    assert got == ["all of it\n" * 10_000]
    assert pipe.is_fifo()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_device_is_one_sentence() -> None:
    with pytest.raises(OutputError, match=r"no space left.*/dev/full"):
        write_text(Path("/dev/full"), "x" * 100_000)


def test_the_names_of_standard_output(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom vostool.core.files import write_text\n"
        "write_text(Path('-'), 'one\\n')\nimport sys; sys.stdout.flush()\n"
        "write_text(Path('/dev/stdout'), 'two\\n')\n"
    )
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout == "one\ntwo\n"
    with (tmp_path / "out.txt").open("a") as out:
        subprocess.run(command, cwd=tmp_path, stdout=out, check=True)
    assert (tmp_path / "out.txt").read_text() == "one\ntwo\n"
    assert os.path.islink("/dev/stdout")
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def _write_and_wait(target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half of a much longer text")
        target.with_name("ready").touch()
        time.sleep(120)


def _started(target: Path) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=_write_and_wait, args=(target,))
    process.start()
    while not target.with_name("ready").exists():
        time.sleep(0.02)
    return process


def test_what_a_killed_process_left_goes_with_the_next_run(tmp_path: Path) -> None:
    target = tmp_path / "submission.zip"
    process = _started(target)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert len(list(tmp_path.glob(".partial-*"))) == 1
    with atomic_path(target) as temporary:
        assert temporary.suffix == ".zip"
        temporary.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ready", "submission.zip"]
    assert target.read_text() == "whole"


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    process = _started(target)
    try:
        write_text(target, "mine")
        (theirs,) = tmp_path.glob(".partial-*")
        assert theirs.read_text() == "half of a much longer text"
        assert target.read_text() == "mine"
    finally:
        process.kill()
        process.join()


def test_a_link_in_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    target, victim = tmp_path / "a.json", tmp_path / "victim"
    victim.write_text("precious")
    with atomic_path(target) as temporary:
        name = temporary.name
    target.unlink()
    (tmp_path / name).symlink_to(victim)
    write_text(target, "new")
    assert (victim.read_text(), target.read_text()) == ("precious", "new")
