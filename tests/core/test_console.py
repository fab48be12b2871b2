from __future__ import annotations

import io
import logging
import subprocess
import sys

import pytest

from vostool.core import console as module
from vostool.core.console import level, progress, show_messages

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


def test_used_from_python_it_is_silent_but_for_warnings() -> None:
    script = (
        "import logging; from vostool.core.console import progress;"
        "log = logging.getLogger('vostool.part'); log.info('hidden'); log.warning('seen');"
        "\nwith progress('x', 1) as bar: bar.advance()"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "seen\n")
