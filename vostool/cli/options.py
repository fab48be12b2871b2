"""Options that several commands share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vostool.cli import _completion
from vostool.core import console
from vostool.core.console import ResultConsole
from vostool.core.files import STANDARD_OUTPUT

if TYPE_CHECKING:
    from vostool.datasets.spec import Server
    from vostool.inference.propagation_options import PropagationOptions

log = logging.getLogger(__name__)

PLAIN_WIDTH = 140
"""Columns of tables that go to a file or another program."""

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print details too.")]
Resume = Annotated[bool, typer.Option("--resume", help="Keep what is finished, do the rest.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over existing results.")]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="Data set, such as davis2017; default what predictions or vostool.toml say.",
        autocompletion=_completion.data_sets,
    ),
]
Root = Annotated[
    Path | None, typer.Option("--root", help="Folder that holds the data set; default likewise.")
]
InferenceRecipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="Inference recipe: a TOML file (`vostool tune`) or a name.",
        autocompletion=_completion.inference_recipes,
    ),
]
SetInference = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any value of `vostool recipes inference`: crop_zoom.margin=2; may be repeated.",
    ),
]
MemoryStrategy = Annotated[
    str,
    typer.Option(
        "--memory",
        help="Memory strategy of the network, as in infer.",
        autocompletion=_completion.strategies,
    ),
]
ShortSide = Annotated[
    int | None,
    typer.Option("--short-side", min=16, help="Pixels of the shorter side, as in infer."),
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Split, such as val; default likewise.",
        autocompletion=_completion.splits,
    ),
]
Video = Annotated[
    list[str] | None, typer.Option("--video", help="Only this video; may be repeated.")
]


def results(*, beside: Sequence[Path | None] = ()) -> ResultConsole:
    """Where tables of results go: standard output, wide when that is no terminal.

    Args:
        beside: files of results that the user named; if one of them is standard output (-), the
            tables go to standard error, so that a program can read that one.
    """
    stderr = STANDARD_OUTPUT in beside
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return ResultConsole(stderr=stderr, width=None if terminal else PLAIN_WIDTH)


def show_messages(quiet: bool = False, verbose: bool = False) -> None:
    """Show what the command says, as these two options ask."""
    console.show_messages(console.level(quiet=quiet, verbose=verbose))


def propagation(memory: str, short_side: int | None) -> PropagationOptions:
    """What `MemoryStrategy` and `ShortSide` ask for. Raises UsageError for no strategy."""
    from vostool.core.errors import UsageError
    from vostool.core.typed import parse_as
    from vostool.inference.propagation_options import PropagationOptions

    chosen = {"memory": memory, "short_side": short_side or "auto"}
    return parse_as(PropagationOptions, chosen, "--memory", remedy="correct it", error=UsageError)


def show_next(command: str | None) -> None:
    """Say which command usually follows, on a line of its own to be copied; nothing for None."""
    if command is not None:
        log.info("next:")
        log.info(command)


def show_server(server: Server | None, *, rehearsed: bool = False) -> None:
    """Say whether a server still takes submissions.

    Args:
        rehearsed: the user knows already what to do where it does not.
    """
    if server is None:
        log.info("there is no server: this is scored locally (vostool evaluate)")
    elif server.alive:
        log.info(server.status)
    elif rehearsed:
        log.warning(server.status)
    else:
        log.warning(f"{server.status}; --rehearse scores an archive of a split with ground truth")
