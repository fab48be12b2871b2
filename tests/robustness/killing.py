"""Commands in processes of their own, which may be killed before any change of the disk.

A server process imports everything once and forks for each command, which takes milliseconds then.
Changes (files opened for writing, renamed or removed, folders made or removed) are counted by an
audit hook of Python, so that a kill comes at the same place on every machine.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from ctypes import c_long
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors import safe_open

from vostool.cli.main import main

SERVER = multiprocessing.get_context("forkserver")
LIMIT_SECONDS = 120
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})
CLOCKS = ("seconds", "data_share", "minutes", "_per_second", "started", "finished", "rate")
"""How names of values end that differ between two runs: what a clock says."""
DIGEST = re.compile("[0-9a-f]{64}")
"""Of files that hold what a clock says, or tensors and texts in another order."""

Work = Callable[..., None]


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
        code: exit code; minus the number of a signal that ended it.
        said: standard output and standard error.
        changes: of the disk, as far as it came.
    """

    code: int
    said: str
    changes: int


@functools.cache
def _start_server() -> None:
    """Let it import everything; it ends with this process."""
    SERVER.set_forkserver_preload(["killing_preload"])
    with pytest.MonkeyPatch.context() as patch:
        # It does not know the paths that pytest has added.
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        forkserver.ensure_running()


def command(*arguments: object) -> None:
    """The command line."""
    main([str(argument) for argument in arguments])


def in_process(
    work: Work,
    *arguments: object,
    watched: Path,
    kill_at: int | None = None,
    meanwhile: Callable[[int], None] | None = None,
) -> Ended:
    """Call a function of a module in a process of its own.

    Args:
        watched: changes below this folder count.
        kill_at: the change before which the process is killed; 1 is the first.
        meanwhile: is called with the process's number while it runs.
    """
    _start_server()
    count = SERVER.Value(c_long, 0, lock=False)
    handle, name = tempfile.mkstemp()  # not beside the results, whose disk may be full
    os.close(handle)
    said = Path(name)
    process = SERVER.Process(
        target=_child, args=(work, arguments, str(watched), kill_at, str(said), count)
    )
    process.start()
    if meanwhile is not None and process.pid is not None:
        meanwhile(process.pid)
    process.join(LIMIT_SECONDS)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"{arguments} takes longer than {LIMIT_SECONDS} s")
    text = said.read_text(errors="replace")
    said.unlink()
    return Ended(process.exitcode or 0, text, count.value)


def _child(
    work: Work, arguments: tuple[Any, ...], watched: str, kill_at: int | None, said: str, count: Any
) -> None:
    handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    torch.set_num_threads(1)

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event == "open":
            if not isinstance(values[2], int) or not values[2] & WRITING:
                return
        elif event not in CHANGES:
            return
        if not isinstance(values[0], str | bytes | os.PathLike):
            return
        if os.fsdecode(values[0]).startswith(watched):
            count.value += 1
            if count.value == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    work(*arguments)


def contents(folder: Path) -> dict[str, Any]:
    """All files by name: bytes, or the values of a JSON text without what a clock says."""
    return {
        str(path.relative_to(folder)): _content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _content(path: Path) -> Any:
    if path.suffix == ".json":
        return _steady(json.loads(path.read_text()))
    if path.suffix == ".jsonl":
        return [_steady(json.loads(line)) for line in path.read_text().splitlines()]
    if path.suffix in (".ckpt", ".state", ".safetensors"):
        with safe_open(path, "numpy") as file:
            tensors = {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata()  # the order in which they are stored may differ
    return path.read_bytes()


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if not key.endswith(CLOCKS)}
    if isinstance(value, str) and DIGEST.fullmatch(value):
        return "digest"
    return [_steady(item) for item in value] if isinstance(value, list) else value
