"""Jobs in processes of their own: results, shares of the processor, errors and ends."""

from __future__ import annotations

import functools
import io
import logging
import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

import pytest
import torch

from vostool.core.console import level, progress, show_messages
from vostool.core.errors import DataError, VostoolError
from vostool.stages.demo.sent_progress import Channel, SentBars, SentLines
from vostool.stages.demo.side_by_side import side_by_side

log = logging.getLogger("vostool.job")


def _who() -> tuple[int, int]:
    """Process id and threads that torch uses in it."""
    return os.getpid(), torch.get_num_threads()


def _say(line: str) -> None:
    log.info(line)


def _fail(error: Exception) -> None:
    raise error


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_for_the_end(folder: Path) -> None:
    """Leave a file when SIGTERM comes, as a training saves its state."""

    def end(*_: object) -> None:
        (folder / "saved").touch()
        raise SystemExit(1)

    signal.signal(signal.SIGTERM, end)
    (folder / "ready").touch()
    time.sleep(120)


def _fail_when_ready(folder: Path) -> None:
    while not (folder / "ready").exists():
        time.sleep(0.05)
    raise DataError("no frames", where="video 3")


def test_jobs_get_processes_of_their_own_and_their_share_of_the_cores():
    found = side_by_side({"one": _who, "two": _who}, cores=4)
    assert list(found) == ["one", "two"]
    assert len({os.getpid(), found["one"][0], found["two"][0]}) == 3
    assert [threads for _, threads in found.values()] == [2, 2]


def test_one_core_or_one_job_needs_no_process():
    assert side_by_side({"one": _who, "two": _who}, cores=1)["two"][0] == os.getpid()
    assert side_by_side({"one": _who}, cores=4)["one"][0] == os.getpid()


def test_lines_carry_the_name_of_their_job(capfd):
    show_messages()
    jobs = {name: functools.partial(_say, f"loss [{name}]") for name in ("first", "second")}
    side_by_side(jobs, cores=2)
    shown = capfd.readouterr().err.splitlines()
    assert sorted(shown) == ["first: loss [first]", "second: loss [second]"]
    show_messages(level(quiet=True))
    side_by_side(jobs, cores=2)
    assert capfd.readouterr().err == ""


def _work(line: str) -> str:
    log.info(line)
    with progress("training", 8, "it") as bar:
        for _ in range(8):
            bar.advance(1, "loss 0.5")
    return line


class Terminal(io.StringIO):
    """What rich takes for a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_the_bars_of_all_jobs(monkeypatch, capfd):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    stream = Terminal()
    show_messages(level(), stream)
    jobs = {name: functools.partial(_work, f"seed of [{name}]") for name in ("first", "second")}
    assert side_by_side(jobs, cores=2) == {name: f"seed of [{name}]" for name in jobs}
    shown = stream.getvalue()
    assert capfd.readouterr().err == ""
    for name in jobs:
        assert f"{name}: seed of [{name}]" in shown
        (*_, last) = re.findall(rf"{name}: training.*", shown)
        assert "8/8" in last and "loss 0.5" in last


def test_what_nobody_reads_any_more_holds_nobody_up():
    receiver, sender = multiprocessing.Pipe(duplex=False)
    receiver.close()
    bar = SentBars(Channel(sender)).open("training", 8, "it")
    bar.advance(8)
    bar.close()
    lines = SentLines(Channel(sender))
    assert lines.write("x" * 100_000 + "\n") == 100_001  # more than a pipe holds


def test_an_error_keeps_its_sentence_and_lets_the_others_save_their_state(tmp_path):
    jobs = {
        "waits": functools.partial(_wait_for_the_end, tmp_path),
        "fails": functools.partial(_fail_when_ready, tmp_path),
    }
    with pytest.raises(DataError, match=r"^no frames \(video 3\)$") as raised:
        side_by_side(jobs, cores=2)
    assert raised.value.where == "video 3"
    assert (tmp_path / "saved").exists()


def test_a_defect_and_a_killed_process_say_which_job_it_was():
    defect = functools.partial(_fail, ZeroDivisionError("7 / 0"))
    with pytest.raises(ZeroDivisionError) as raised:
        side_by_side({"one": _who, "two": defect}, cores=2)
    assert any("in two:" in note and "_fail" in note for note in raised.value.__notes__)
    with pytest.raises(VostoolError, match="two was ended from outside: run again with --resume"):
        side_by_side({"one": _who, "two": _die}, cores=2)


def _start_two_that_wait(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
    jobs = {n: functools.partial(_wait_for_the_end, folder / n) for n in ("one", "two")}
    side_by_side(jobs, cores=2)


def test_jobs_end_with_the_process_that_waits_for_them(tmp_path):
    parent = multiprocessing.get_context("spawn").Process(
        target=_start_two_that_wait, args=(tmp_path,)
    )
    parent.start()
    _until(lambda: all((tmp_path / name / "ready").exists() for name in ("one", "two")))
    parent.kill()
    parent.join()
    _until(lambda: all((tmp_path / name / "saved").exists() for name in ("one", "two")))


def _until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "too late"
        time.sleep(0.05)
