"""A report as HTML: an overview of sections, and viewers of videos. No address outside.

Script and style are inside each document, named by their hashes in its content security policy:
nothing else runs, and nothing is fetched but pictures beside the document.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vostool.reporting import chart
from vostool.reporting.chart import Chart
from vostool.reporting.table import Link, Picture, Table, format_cell, sort_key

STYLE = "report.css"
SCRIPTS = ("labels.js", "paint.js", "series.js", "charts.js", "viewer.js", "tables.js", "start.js")
"""In this order: each uses what those before it define."""


@dataclass(frozen=True)
class Card:
    """A picture that leads somewhere, with lines below."""

    picture: Picture
    title: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Section:
    """One part of the overview.

    Attributes:
        title: heading.
        text: paragraphs of plain text.
        cards, tables, charts: shown in this order after the text.
    """

    title: str
    text: Sequence[str] = ()
    cards: Sequence[Card] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()


@dataclass(frozen=True)
class Page:
    """The overview: a title, a line below it, and sections."""

    title: str
    subtitle: str
    sections: Sequence[Section]


@dataclass(frozen=True)
class Viewer:
    """A video to look at, frame by frame.

    Attributes:
        anchor: its name in addresses; letters, digits and dashes.
        title, subtitle: heading, and a line below it.
        links: to the overview and to the videos before and after it.
        first: its first frame.
        data: what the script draws, for JSON; see `viewer_data`.
        objects: its table of objects, None where there is nothing to say of them.
    """

    anchor: str
    title: str
    subtitle: str
    links: Sequence[Link]
    first: Picture
    data: Mapping[str, Any]
    objects: Table | None


def render(title: str, overview: Page | None, viewers: Sequence[Viewer] = ()) -> str:
    """One document as HTML text; everything that is not ours is escaped.

    With several parts one is shown at a time, which the part of the address after # names.
    """
    style, script = _assets()
    text = (
        _environment()
        .get_template("document.html")
        .render(
            title=title,
            overview=overview,
            viewers=viewers,
            chart_size=(chart.WIDTH, chart.HEIGHT),
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )
    # File names may hold bytes that are no text; UTF-8 has no place for them.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("vostool.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = format_cell
    environment.filters["sort_key"] = sort_key
    environment.tests["link"] = lambda cell: isinstance(cell, Link)
    environment.tests["picture"] = lambda cell: isinstance(cell, Picture)
    return environment


@cache
def _assets() -> tuple[str, str]:
    """Style and script."""
    folder = resources.files("vostool.reporting") / "assets"
    style = (folder / STYLE).read_text(encoding="utf-8")
    parts = [(folder / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return style, '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
