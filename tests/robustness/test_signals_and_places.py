"""Where and how a command is started and stopped: exit code and sentence, as a table."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from killing import Ended, command, in_process
from small_davis import RECIPE, write_davis
from strangers import METADATA, write_checkpoint


def closed_input() -> None:
    os.close(0)


def no_home() -> None:
    os.environ.pop("HOME", None)


def home_that_cannot_be_written() -> None:
    os.environ["HOME"] = "/proc/nowhere"
    os.environ["XDG_CACHE_HOME"] = os.environ["MPLCONFIGDIR"] = "/proc/nowhere"


def no_terminal_type() -> None:
    os.environ.pop("TERM", None)


def dumb_terminal() -> None:
    os.environ["TERM"] = "dumb"


def narrow_terminal() -> None:
    os.environ["COLUMNS"] = "1"


def c_locale() -> None:
    os.environ["LC_ALL"] = "C"


def private_umask() -> None:
    os.umask(0o077)


def no_temporary_folder() -> None:
    os.environ["TMPDIR"] = "/proc/nowhere"


def no_output() -> None:
    sys.stdout.flush()
    sys.stdout = None  # as Python has it after `>&-`


def no_output_at_all() -> None:
    no_output()
    sys.stderr = None


def folder_that_is_gone() -> None:
    place = tempfile.mkdtemp()
    os.chdir(place)
    os.rmdir(place)


def broken_pipe() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    _print_to(writing)


def full_device() -> None:
    _print_to(os.open("/dev/full", os.O_WRONLY))


def _print_to(handle: int) -> None:
    os.dup2(handle, 1)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115


FINE = (0, "")
SURROUNDINGS: list[tuple[Callable[[], None], int, str]] = [
    (closed_input, *FINE),
    (no_home, *FINE),
    (home_that_cannot_be_written, *FINE),
    (no_terminal_type, *FINE),
    (dumb_terminal, *FINE),
    (narrow_terminal, *FINE),
    (c_locale, *FINE),
    (private_umask, *FINE),
    (no_temporary_folder, *FINE),
    (no_output, *FINE),
    (no_output_at_all, *FINE),
    (
        folder_that_is_gone,
        1,
        "error: the folder that this shell is in is gone",
    ),
    (broken_pipe, 1, "error: Broken pipe: nobody reads any more what is written there"),
    (full_device, 1, "error: No space left on device: free some space"),
]


def within(surrounding: str, *arguments: object) -> None:
    """The command line in one of the surroundings."""
    globals()[surrounding]()
    command(*arguments)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    write_davis(root / "davis")
    write_checkpoint(root / "a.ckpt", METADATA)
    (root / "tiny.toml").write_text(RECIPE.replace("iterations = 1", "iterations = 5000"))
    return root


def val(root: Path) -> tuple[object, ...]:
    return ("--dataset", "davis2016", "--root", root / "davis", "--split", "val")


@pytest.mark.parametrize(
    ("surrounding", "code", "said"), SURROUNDINGS, ids=[row[0].__name__ for row in SURROUNDINGS]
)
def test_surroundings(
    world: Path, tmp_path: Path, surrounding: Callable[[], None], code: int, said: str
) -> None:
    for arguments in (
        ("infer", "--checkpoint", world / "a.ckpt", *val(world), "--out", tmp_path / "out"),
        ("evaluate", tmp_path / "out", *val(world), "--csv", tmp_path / "out.csv"),
    ):
        ended = in_process(within, surrounding.__name__, *arguments, watched=tmp_path)
        assert (ended.code, "Traceback" in ended.said) == (code, False), ended.said
        assert said in ended.said
        assert "Exception ignored" not in ended.said
    assert surrounding is folder_that_is_gone or (tmp_path / "out" / "run.json").exists()
    if surrounding is private_umask:
        modes = {path.stat().st_mode & 0o077 for path in tmp_path.rglob("*")}
        assert modes == {0}


def group(number: int, arguments: tuple[object, ...], seen: Path, watched: Path) -> Ended:
    """A command whose whole group of processes gets a signal once a file is there."""

    def send(pid: int) -> None:
        for _ in range(600):
            if seen.exists():
                break
            time.sleep(0.05)
        os.killpg(pid, number)

    return in_process(leading, *arguments, watched=watched, meanwhile=send)


def leading(*arguments: object) -> None:
    """The command line as the leader of a group of processes, as a shell starts it."""
    os.setsid()
    command(*arguments)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_signal_to_all_processes_of_a_training(
    world: Path, tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    arguments = (
        *("train", world / "tiny.toml", "--data", f"davis2016={world / 'davis'}"),
        *("--device", "cpu", "--workers", workers, "--set", "checkpoints.every=1"),
        *("--out", tmp_path / "run"),
    )
    ended = group(number, arguments, tmp_path / "run" / "resume.state", tmp_path)
    assert ended.code == 128 + number, ended.said
    last = ended.said.strip().splitlines()[-1]
    by = "" if number == signal.SIGINT else f" by {number.name}"
    assert re.fullmatch(rf"interrupted{by}; what is finished is kept, --resume goes on", last)
    assert "Traceback" not in ended.said
    assert not list((tmp_path / "run").glob(".partial*"))
