"""Entry point: finds the commands, runs one, turns errors into one sentence and an exit code."""

from __future__ import annotations

import importlib
import sys

import typer

from vostool.core import registry
from vostool.core.errors import VostoolError

HELPERS = {"main", "options"}
INTERRUPTED = 130


def build_app() -> typer.Typer:
    """A Typer application with one command per module of this package."""
    app = typer.Typer(
        name="vostool",
        help="Take part in semi-supervised video object segmentation challenges.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in registry.names("vostool.cli"):
        if name not in HELPERS:
            module = importlib.import_module(f"vostool.cli.{name.replace('-', '_')}")
            app.command(name, help=module.__doc__)(module.run)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failure, 2 wrong usage, 130 interrupted."""
    app = build_app()
    try:
        app(arguments, prog_name="vostool")
    except VostoolError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("interrupted; finished work is kept, --resume continues", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
