from __future__ import annotations

import io
import logging
import subprocess
import sys
from types import SimpleNamespace
from typing import ClassVar

import pytest

from vostool.core import bars as module
from vostool.core.console import level, live_bars, progress, show_messages

log = logging.getLogger("vostool.part")


class Terminal(io.StringIO):
    """What rich takes for a terminal."""

    def isatty(self) -> bool:
        return True


def say() -> None:
    log.debug("detail")
    log.info("line [red]with brackets[/red] 42 " + "x" * 200)
    log.warning("seen [bracket]")
    with progress("infer", 8, "frames") as bar:
        bar.advance(8)


def test_plain_lines_tell_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    show_messages(level(), stream)
    with progress("infer", 8, "frames") as bar:
        bar.advance(4, "bear")
        bar.advance(4)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "infer: 4/8 frames, 10.0 s/frame, 40 s left (bear)"
    assert lines[-1].startswith("infer: 8/8 frames")


@pytest.mark.parametrize(
    ("how", "count"),
    [({"quiet": True}, 1), ({}, 3), ({"verbose": True}, 4), ({"quiet": True, "verbose": True}, 1)],
)
def test_each_message_is_one_line_and_quiet_leaves_warnings(how, count) -> None:
    stream = io.StringIO()
    show_messages(logging.DEBUG, io.StringIO())  # a second call takes the place of the first
    show_messages(level(**how), stream)
    say()
    lines = stream.getvalue().splitlines()
    assert len(lines) == count
    assert "warning: seen [bracket]" in lines
    assert ("line [red]with brackets[/red] 42 " + "x" * 200 in lines) is (count > 1)
    assert ("detail" in lines) is (count == 4)


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    show_messages(level(), stream)
    say()
    assert "━" in stream.getvalue()
    assert "8/8" in stream.getvalue()
    stream = Terminal()
    show_messages(level(quiet=True), stream)
    say()
    assert "8/8" not in stream.getvalue()


def test_several_bars_move_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    show_messages(level(), stream)
    with live_bars() as bars:
        assert bars is not None
        first, second = (bars.open(name, 4, "it") for name in ("one", "two"))
        first.advance(3, "loss 0.5")
        second.advance(4)
        bars.print("a line [b]")
        second.close()
    shown = stream.getvalue()
    assert all(text in shown for text in ("one", "3/4", "loss 0.5", "two", "4/4", "a line [b]"))
    for stream, how in ((io.StringIO(), level()), (Terminal(), level(quiet=True))):
        show_messages(how, stream)
        with live_bars() as bars:
            assert bars is None


class Tqdm:
    """Keeps what it is told."""

    made: ClassVar[list[Tqdm]] = []

    def __init__(self, **how: object):
        self.how, self.done, self.note, self.closed = how, 0, "", False
        self.made.append(self)

    def update(self, amount: int) -> None:
        self.done += amount

    def set_postfix_str(self, note: str, refresh: bool) -> None:
        self.note = note

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[Tqdm]:
    """A process that takes itself for a notebook's kernel; the bars it drew."""
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Tqdm))
    monkeypatch.setattr(Tqdm, "made", [])
    for handler in list(logging.getLogger("vostool").handlers):
        logging.getLogger("vostool").removeHandler(handler)
    return Tqdm.made


def test_a_notebook_has_bars_of_its_own_without_being_told(notebook: list[Tqdm]) -> None:
    with progress("infer", 8, "frames") as bar:
        bar.advance(3, "bear")
    (drawn,) = notebook
    assert drawn.how == {"total": 8, "desc": "infer", "unit": " frame"}
    assert (drawn.done, drawn.note, drawn.closed) == (3, "bear", True)
    with pytest.raises(ValueError, match="bad"), progress("infer", 8):
        raise ValueError("bad")
    assert notebook[1].closed
    show_messages(level(quiet=True))
    with progress("infer", 8) as bar:
        bar.advance()
    assert len(notebook) == 2


def test_ipython_in_a_terminal_is_no_notebook(notebook: list[Tqdm]) -> None:
    sys.modules["IPython"].get_ipython().config.clear()
    with progress("infer", 8) as bar:
        bar.advance()
    assert notebook == []


def test_used_from_python_it_is_silent_but_for_warnings() -> None:
    script = (
        "import logging; from vostool.core.console import progress;"
        "log = logging.getLogger('vostool.part'); log.info('hidden'); log.warning('seen');"
        "\nwith progress('x', 1) as bar: bar.advance()"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "seen\n")
