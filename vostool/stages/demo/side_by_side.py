"""Independent work side by side, each piece in a process with its share of the processor.

Networks as small as the demo's gain nothing from a second thread, so that two trainings at once
take as long as one.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import IO, Any, TypeVar, cast

from vostool.core.bars import LiveBars
from vostool.core.console import live_bars, show_messages
from vostool.core.cores import available_cores
from vostool.core.errors import VostoolError
from vostool.core.interrupts import signals_interrupt
from vostool.stages.demo.sent_progress import Channel, SentBars, SentLines, Shown

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Job = Callable[[], Result]
"""Something to do; must be picklable."""


@dataclass(frozen=True)
class _How:
    """Logging level and threads of a job, and whether the parent shows its bars."""

    level: int
    threads: int
    live: bool


@dataclass(frozen=True)
class _Outcome:
    """A job's result, or the error that it ended with."""

    done: bool
    value: Any


def side_by_side(jobs: Mapping[str, Job[Result]], cores: int | None = None) -> dict[str, Result]:
    """Do all jobs at once, or one after the other where there is one core (or one job).

    The jobs' lines come out with their names in front; on a terminal and in notebooks, their bars
    move below each other. When one fails, or on Ctrl-C, the others get SIGTERM and are awaited, so
    that a training saves its state.

    Args:
        cores: to share out; default all that this process may use.

    Returns:
        Each job's result.

    Raises:
        VostoolError: a job's process died.
        Exception: whatever a job raises.
    """
    cores = available_cores() if cores is None else cores
    if min(cores, len(jobs)) < 2:
        return {name: job() for name, job in jobs.items()}
    with live_bars() as bars:
        return _side_by_side(jobs, max(1, cores // len(jobs)), bars)


def _side_by_side(
    jobs: Mapping[str, Job[Result]], threads: int, bars: LiveBars | None
) -> dict[str, Result]:
    context = multiprocessing.get_context("spawn")
    processes: list[Any] = []
    waiting: dict[Any, str] = {}
    try:
        for name, job in jobs.items():
            receiver, sender = context.Pipe(duplex=False)
            how = _How(log.getEffectiveLevel(), threads, bars is not None)
            process = context.Process(target=_work, args=(name, job, how, sender))
            process.start()
            processes.append(process)
            sender.close()
            waiting[receiver] = name
        found = _results(waiting, Shown(bars))
    except BaseException:
        for connection in waiting:
            connection.close()  # what is sent now finds nobody, instead of waiting to be read
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()
    return {name: found[name] for name in jobs}


def _results(waiting: dict[Any, str], shown: Shown) -> dict[str, Any]:
    """Receive every job's result; raise the first error that comes in."""
    found = {}
    while waiting:
        ready: list[Any] = wait(list(waiting))
        for connection in ready:
            name = waiting[connection]
            try:
                message = connection.recv()
            except EOFError:
                raise VostoolError(
                    f"{name} was ended from outside", remedy="run again with --resume"
                ) from None
            if not isinstance(message, _Outcome):
                shown.show(name, message)
                continue
            del waiting[connection]
            connection.close()
            if not message.done:
                raise message.value
            found[name] = message.value
    return found


def _work(name: str, job: Job[Result], how: _How, sender: Connection) -> None:
    """Do one job in a process of its own and send what came of it."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(how.threads)
    channel = Channel(sender)
    if how.live:
        show_messages(how.level, cast(IO[str], SentLines(channel)), SentBars(channel))
    else:
        show_messages(how.level, cast(IO[str], _NamedLines(name)))
    try:
        with signals_interrupt():
            outcome = _Outcome(True, job())
    except VostoolError as error:
        outcome = _Outcome(False, error)
    except BaseException as error:
        error.add_note(f"in {name}:\n{traceback.format_exc()}")
        outcome = _Outcome(False, error)
    channel.send(outcome)


def _end_with_parent() -> None:
    """Nobody would receive the result, nor tell this process to stop, after the parent's death."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


class _NamedLines:
    """Standard error with a name in front of every line; no terminal, hence no moving bars."""

    def __init__(self, name: str):
        self._name, self._rest = name, ""

    def write(self, text: str) -> int:
        """Write the lines that are complete, each at once."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            sys.stderr.write(f"{self._name}: {line}\n" if line else "\n")
        return len(text)

    def flush(self) -> None:
        """Pass it on."""
        sys.stderr.flush()
