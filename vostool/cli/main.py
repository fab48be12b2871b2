"""Entry point: finds the commands, runs one, turns errors into one sentence and an exit code."""

from __future__ import annotations

import errno
import functools
import importlib
import inspect
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from vostool import __version__
from vostool.core import registry
from vostool.core.allocator import keep_freed_memory
from vostool.core.errors import VostoolError, is_lost_loading_process, is_out_of_memory, printable
from vostool.core.interrupts import SHELL_BASE, exit_code, signals_interrupt

_KEPT = "what is finished is kept, --resume goes on"
_NOTHING_KEPT = "nothing half-done is left"
HELPERS = {"main", "options"}
STAGES = ("demo", "data", "train", "predict", "choose", "score", "submit")
"""Packages of `vostool.stages` in the order of `--help`; each command names its own as `STAGE`."""
FAILURE = 1

_SYSTEM_REMEDIES = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "this link leads to itself, remove it",
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some space and run the same command again",
    errno.EIO: "the disk or the network reports an error",
    errno.EROFS: "choose another place",
    errno.EACCES: "check who may read and write there",
    errno.EPERM: "check who may read and write there",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.EPIPE: "nobody reads any more what is written there",
}
"""What to do about errors of the operating system that no code of ours expected."""

_SYSTEM_LIBRARY = re.compile(r"(\S+\.(?:so|dylib)[.\d]*): cannot open shared object file")
"""What the loader says where a Python package is installed and a library under it is not."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"vostool {__version__}")
        raise typer.Exit


def build_app(only: str | None = None) -> typer.Typer:
    """A Typer application with one command per module of this package.

    Args:
        only: the command that is called, if it is known: the others, and what they need to describe
            their options, are then not imported.
    """
    app = typer.Typer(
        name="vostool",
        help="Take part in semi-supervised video object segmentation challenges.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_common)
    names = [name for name in registry.names("vostool.cli") if name not in HELPERS]
    modules = {
        name: importlib.import_module(f"vostool.cli.{name.replace('-', '_')}")
        for name in ([only] if only in names else names)
    }
    for name, module in sorted(modules.items(), key=lambda item: STAGES.index(item[1].STAGE)):
        panel = stage_title(module.STAGE)
        app.command(name, help=module.__doc__, rich_help_panel=panel)(_explained(module.run))
    return app


def stage_title(stage: str) -> str:
    """What a stage is about, as its package says it in its first line."""
    about = importlib.import_module(f"vostool.stages.{stage}").__doc__ or stage
    return about.partition("\n")[0].removesuffix(".")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failure, 2 wrong usage, 128 + signal interrupted."""
    keep_freed_memory()
    _have_streams()
    with signals_interrupt(), _sentences(resumable=False):
        try:
            given = sys.argv[1:] if arguments is None else arguments
            build_app(given[0] if given else None)(arguments, prog_name="vostool")
        finally:
            _flush_results()


def _have_streams() -> None:
    """Let there be something to print to, where a shell closed it, and let it take any text."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error has it


def _flush_results() -> None:
    """Write out what was printed while an error can still be explained."""
    if sys.stdout is None or sys.stdout.closed:
        return
    try:
        sys.stdout.flush()
    except OSError:
        # Python would try again when it ends, and complain in its own way.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options before the command."""


def _explained(run: Callable[..., None]) -> Callable[..., None]:
    """`run` with a user's mistakes and interrupts as one line and an exit code."""
    resumable = "resume" in inspect.signature(run).parameters

    @functools.wraps(run)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        with _sentences(resumable):
            run(*args, **kwargs)

    return wrapped


@contextmanager
def _sentences(resumable: bool) -> Iterator[None]:
    """Turn what a user can act on into one line on standard error and an exit code.

    Anything else is a defect of ours and keeps its traceback.
    """
    try:
        yield
    except VostoolError as error:
        _end(f"error: {error}", error.exit_code)
    except KeyboardInterrupt as interrupt:
        code = exit_code(interrupt)
        by = "" if code == exit_code(KeyboardInterrupt()) else f" by {_signal_name(code)}"
        _end(f"interrupted{by}; {_KEPT if resumable else _NOTHING_KEPT}", code)
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        _end(f"error: {sentence}", FAILURE)


def _sentence(error: Exception) -> str | None:
    """What to say of an error that no code of ours raised; None where only a traceback helps."""
    if is_out_of_memory(error):
        return (
            "not enough memory: use fewer objects at once (--objects-at-once 1), smaller frames "
            "(--short-side), a bounded memory (--max-memory), fewer views (--tta) or a smaller "
            "batch, or close other programs"
        )
    if isinstance(error, OSError) and error.errno in _SYSTEM_REMEDIES:
        where = f" ({printable(str(error.filename))})" if error.filename is not None else ""
        return f"{error.strerror}{where}: {_SYSTEM_REMEDIES[error.errno]}"
    if isinstance(error, FileNotFoundError) and _is_homeless():
        return "the folder that this shell is in is gone: change into another one (cd)"
    if isinstance(error, UnicodeEncodeError):
        bad = printable(error.object[error.start : error.end])
        return f"a name holds {bad}, which is no text: rename it, or set PYTHONUTF8=1"
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):
        return f"{printable(str(error))}: {_SYSTEM_REMEDIES[errno.ELOOP]}"
    if is_lost_loading_process(error):
        return (
            "a process that loads clips was killed, most likely for want of memory: use fewer "
            "--workers (0 needs none), and give containers more shared memory (--shm-size)"
        )
    missing = _SYSTEM_LIBRARY.search(str(error)) if isinstance(error, ImportError) else None
    if missing is None:
        return None
    return (
        f"the system library {printable(missing[1])} is missing: install it with the system's "
        "package manager; if it is one of OpenCV's (libGL, libgthread, libSM), "
        "`pip install opencv-python-headless` instead of opencv-python needs none"
    )


def _is_homeless() -> bool:
    """Whether somebody removed the current folder."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _signal_name(code: int) -> str:
    return signal.Signals(code - SHELL_BASE).name


def _end(line: str, code: int) -> None:
    print(line, file=sys.stderr)
    raise SystemExit(code) from None
