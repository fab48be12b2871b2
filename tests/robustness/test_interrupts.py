"""SIGTERM and SIGHUP end commands as Ctrl-C does: a sentence, 128 + signal, nothing partial."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vostool.cli import main as module
from vostool.core.interrupts import Interrupted, signals_interrupt
from vostool.training.loop.interrupt import listen

COMMAND = """
import time
from pathlib import Path
import typer
from vostool.cli import main as module
from vostool.core.files import atomic_path

def work(target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        print("ready", flush=True)
        time.sleep(60)

def build_app(only=None):
    app = typer.Typer()
    app.command()(module._explained(work))
    return app

module.build_app = build_app
module.main()
"""


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    """No signal is ignored, as some are for programs in the background or under nohup."""
    usual = {signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_command_ends_in_a_sentence_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path / "out.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert list(tmp_path.iterdir()) != []
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    by = "" if name == "SIGINT" else f" by {name}"
    assert said == f"interrupted{by}; nothing half-done is left\n"
    assert process.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_every_command_runs_under_that_mechanism(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def app(*_: object, **__: object) -> None:
        seen.append([signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)])

    monkeypatch.setattr(module, "build_app", lambda only: app)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    module.main([])
    assert all(callable(handler) for handler in seen[0])
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_only_the_first_signal_interrupts() -> None:
    cleaned_up = []
    with pytest.raises(Interrupted) as caught, signals_interrupt():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            cleaned_up.append(True)
    assert cleaned_up == [True]
    assert caught.value.number == signal.SIGTERM


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_interrupt(), listen() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


FORK = """
import os, signal, time
from vostool.core.interrupts import signals_interrupt
with signals_interrupt():
    ready, tell = os.pipe()
    child = os.fork()
    if not child:
        os.write(tell, b"x")  # Python forgets signals that come while it forks
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    os.kill(child, signal.SIGTERM)
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_ends_by_the_signal_itself() -> None:
    shown = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True)
    assert (shown.stdout, shown.stderr) == (f"{int(signal.SIGTERM)}\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_training_grants_the_wish_with_the_signals_code(number: signal.Signals) -> None:
    with signals_interrupt(), listen() as stop:
        os.kill(os.getpid(), number)
        assert stop.asked  # and the step in hand went on
    with pytest.raises(Interrupted) as caught:
        stop.grant()
    assert caught.value.number == number
