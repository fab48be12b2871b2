from __future__ import annotations

import io

import pytest

from vostool.core import console as module
from vostool.core.console import Console


def test_plain_lines_tell_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    with Console(stream=stream).progress("infer", 8, "frames") as bar:
        bar.advance(4, "bear")
        bar.advance(4)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "infer: 4/8 frames, 0.1 frames/s, 40 s left (bear)"
    assert lines[-1].startswith("infer: 8/8 frames")


def test_quiet_prints_warnings_only() -> None:
    stream = io.StringIO()
    console = Console(quiet=True, stream=stream)
    console.info("hidden")
    console.warn("seen [bracket]")
    with console.progress("x", 1) as bar:
        bar.advance()
    assert stream.getvalue() == "warning: seen [bracket]\n"
