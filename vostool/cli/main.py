"""Entry point: finds the commands, runs one, turns errors into one sentence and an exit code."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from vostool import __version__
from vostool.core import registry
from vostool.core.allocator import keep_freed_memory
from vostool.core.errors import VostoolError

HELPERS = {"main", "options"}
INTERRUPTED = 130


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"vostool {__version__}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """A Typer application with one command per module of this package."""
    app = typer.Typer(
        name="vostool",
        help="Take part in semi-supervised video object segmentation challenges.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_common)
    for name in registry.names("vostool.cli"):
        if name not in HELPERS:
            module = importlib.import_module(f"vostool.cli.{name.replace('-', '_')}")
            app.command(name, help=module.__doc__)(_explained(module.run))
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failure, 2 wrong usage, 130 interrupted."""
    keep_freed_memory()
    build_app()(arguments, prog_name="vostool")


def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options before the command."""


def _explained(run: Callable[..., None]) -> Callable[..., None]:
    """`run` with a user's mistakes and interrupts as one line and an exit code."""

    @functools.wraps(run)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            run(*args, **kwargs)
        except VostoolError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(error.exit_code) from None
        except KeyboardInterrupt:
            print("interrupted; what is finished is kept, --resume goes on", file=sys.stderr)
            raise SystemExit(INTERRUPTED) from None

    return wrapped
