"""Independent work side by side, each piece in a process with its share of the processor.

Networks as small as the demo's gain nothing from a second thread, so that two trainings at once
take as long as one.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from typing import IO, Any, TypeVar, cast

from vostool.core.console import show_messages
from vostool.core.cores import available_cores
from vostool.core.errors import VostoolError
from vostool.core.interrupts import signals_interrupt

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Job = Callable[[], Result]
"""Something to do; must be picklable."""


def side_by_side(jobs: Mapping[str, Job[Result]], cores: int | None = None) -> dict[str, Result]:
    """Do all jobs at once, or one after the other where there is one core (or one job).

    The jobs' lines come out with their names in front. When one fails, or on Ctrl-C, the others
    get SIGTERM and are awaited, so that a training saves its state.

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
    context = multiprocessing.get_context("spawn")
    processes: list[Any] = []
    waiting: dict[Any, str] = {}
    try:
        for name, job in jobs.items():
            receiver, sender = context.Pipe(duplex=False)
            how = (log.getEffectiveLevel(), max(1, cores // len(jobs)))
            process = context.Process(target=_work, args=(name, job, how, sender))
            process.start()
            processes.append(process)
            sender.close()
            waiting[receiver] = name
        found = _results(waiting)
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()
    return {name: found[name] for name in jobs}


def _results(waiting: dict[Any, str]) -> dict[str, Any]:
    """Receive every job's result; raise the first error that comes in."""
    found = {}
    while waiting:
        ready: list[Any] = wait(list(waiting))
        for connection in ready:
            name = waiting.pop(connection)
            try:
                done, found[name] = connection.recv()
            except EOFError:
                raise VostoolError(
                    f"{name} was ended from outside", remedy="run again with --resume"
                ) from None
            if not done:
                raise found[name]
    return found


def _work(name: str, job: Job[Result], how: tuple[int, int], sender: Connection) -> None:
    """Do one job in a process of its own and send what came of it."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    level, threads = how
    torch.set_num_threads(threads)
    show_messages(level, cast(IO[str], _NamedLines(name)))
    try:
        with signals_interrupt():
            outcome: tuple[bool, Any] = (True, job())
    except VostoolError as error:
        outcome = (False, error)
    except BaseException as error:
        error.add_note(f"in {name}:\n{traceback.format_exc()}")
        outcome = (False, error)
    with contextlib.suppress(BrokenPipeError):
        sender.send(outcome)


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
