"""Writes docs/reference/ from the code: `python docs/generate.py`; with `--check` it compares.

What is here says the same as `vostool COMMAND --help` and `vostool recipes NAME`.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from vostool.cli.main import build_app
from vostool.core import registry
from vostool.nn.part_choice import KINDS as PART_KINDS
from vostool.recipe import load_recipe
from vostool.stages.predict.inference_recipe import inference_as_toml
from vostool.stages.train.recipes import as_toml

FOLDER = Path(__file__).parent / "reference"
EXAMPLE_RECIPE = "famnet-r50"


@dataclass(frozen=True)
class Kind:
    """A kind of plug-in.

    Attributes:
        word: what one of them is called.
        package: whose modules they are.
        group: of entry points of other packages; "" where there is none.
        contract: the module that says what one must have.
    """

    word: str
    package: str
    group: str
    contract: str


KINDS = (
    Kind("network", "vostool.models.systems", "vostool.segmenters", "vostool.models.segmenter"),
    Kind("detector", "vostool.models.detectors", "", "vostool.models.detectors"),
    Kind("wrapper", "vostool.inference.wrappers", "vostool.wrappers", "vostool.inference.wrapper"),
    Kind("memory strategy", "vostool.inference.memory", "", "vostool.inference.strategy"),
    Kind("tracker", "vostool.inference.trackers", "", "vostool.inference.tracker"),
    Kind(
        "source of proposals",
        "vostool.proposals",
        "vostool.proposals",
        "vostool.inference.proposing",
    ),
    Kind(
        "method of merging",
        "vostool.ensembling.methods",
        "vostool.ensembling_methods",
        "vostool.ensembling.method",
    ),
    Kind("step of post-processing", "vostool.postprocess.steps", "", "vostool.postprocess.chain"),
    Kind("loss", "vostool.training.losses", "vostool.losses", "vostool.training.loss"),
    Kind("measure", "vostool.scoring.measures", "vostool.measures", "vostool.scoring.measure"),
    Kind(
        "kind of archive",
        "vostool.submission.formats",
        "vostool.formats",
        "vostool.submission.format",
    ),
    Kind("data set", "vostool.datasets.sets", "", "vostool.datasets.catalogue"),
    Kind("kind of still images", "vostool.datasets.stills", "", "vostool.datasets.still_catalogue"),
)


def pages() -> dict[str, str]:
    """File name -> Markdown of every generated page."""
    return {
        "commands.md": commands_page(),
        "recipe.md": toml_page(
            "A training's recipe",
            f"Every value of `{EXAMPLE_RECIPE}`, as `vostool recipes {EXAMPLE_RECIPE}` prints it. "
            "`--set a.b=value` changes one for a run, `extends` takes over another recipe's.",
            as_toml(load_recipe(EXAMPLE_RECIPE)),
        ),
        "inference.md": toml_page(
            "Options of inference",
            "Every value, as `vostool recipes inference` prints it. Groups that are commented out "
            "are wrappers, which a value or a flag switches on.",
            inference_as_toml(),
        ),
        "plug-ins.md": plug_ins_page(),
    }


def commands_page() -> str:
    """All commands with their options, in the order of `vostool --help`."""
    application: Any = typer.main.get_command(build_app())
    lines = ["# Commands", "", NOTE]
    panel = None
    for name, command in application.commands.items():
        found = getattr(command, "rich_help_panel", None)
        if isinstance(found, str) and found != panel:
            panel = found
            lines += ["", f"## {panel}"]
        lines += ["", f"### {name}", "", _prose(command.help or ""), "", *_options(name, command)]
    return "\n".join(lines) + "\n"


def _prose(text: str) -> str:
    """Help without the line breaks inside its paragraphs."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\b", "").strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _options(name: str, command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=f"vostool {name}")
    rows = [row for parameter in command.params if (row := _row(parameter, context))]
    if rows:
        yield "| | what it does | default |"
        yield "|---|---|---|"
        yield from rows


def _row(parameter: Any, context: typer.Context) -> str | None:
    if getattr(parameter, "hidden", False):
        return None
    names = ", ".join(f"`{item}`" for item in [*parameter.opts, *parameter.secondary_opts])
    if parameter.param_type_name == "argument":
        names = f"`{parameter.name.upper()}`"
    meaning = _cell(getattr(parameter, "help", "") or "")
    value = parameter.get_default(context, call=False)
    if parameter.required:
        shown = "required"
    elif value is None or value is False or value in ((), []) or callable(value):
        shown = ""
    else:
        shown = f"`{value}`"
    return f"| {names} | {meaning} | {shown} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def toml_page(title: str, about: str, text: str) -> str:
    """A page with one TOML file."""
    return f"# {title}\n\n{NOTE}\n\n{about}\n\n```toml\n{text}```\n"


def plug_ins_page() -> str:
    """Every kind of plug-in: where one is put, what joins from outside, and which there are."""
    lines = ["# Plug-ins", "", NOTE, "", PLUG_INS]
    for kind in [*KINDS, *part_kinds()]:
        joins = f" Entry points: `{kind.group}`." if kind.group else ""
        contract = _source(kind.contract)
        lines += ["", f"## {kind.word.capitalize()}", ""]
        lines += [f"Folder: `{kind.package.replace('.', '/')}/`.{joins} Contract: {contract}.", ""]
        lines += ["| name | |", "|---|---|"]
        for name in registry.names(kind.package):
            module = f"{kind.package}.{name.replace('-', '_')}"
            lines.append(f"| `{name}` | {_cell(summary(module))} |")
    return "\n".join(lines) + "\n"


def part_kinds() -> list[Kind]:
    """The kinds of parts that networks are composed of."""
    return [
        Kind(
            f"part of networks: {kind.word}",
            f"vostool.nn.parts.{kind.folder}",
            f"vostool.{kind.folder}",
            "vostool.nn.part_choice",
        )
        for kind in PART_KINDS
    ]


def summary(module: str) -> str:
    """First paragraph of a module's docstring, read without importing it."""
    return (ast.get_docstring(ast.parse(_path(module).read_text())) or "").partition("\n\n")[0]


def _path(module: str) -> Path:
    found = importlib.util.find_spec(module)
    assert found is not None and found.origin is not None
    return Path(found.origin)


def _source(module: str) -> str:
    path = _path(module)
    inside = path.relative_to(Path(__file__).resolve().parents[1]).as_posix()
    return f"[`{inside}`](../../{inside})"


NOTE = "Generated from the code by `python docs/generate.py`; `--help` says the same."
PLUG_INS = (
    "A module in the folder is found by its file's name: commands, help texts, recipes and tests "
    "know it. What another package has joins through an entry point of the group named here."
)


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which differ."""
    stale = []
    for name, text in pages().items():
        path = FOLDER / name
        if arguments == ["--check"]:
            if not path.is_file() or path.read_text() != text:
                stale.append(path)
        else:
            path.write_text(text)
    for path in stale:
        print(f"{path} is not what the code says: run python docs/generate.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
