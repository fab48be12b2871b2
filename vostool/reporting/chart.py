"""Lines over the frames of a video, as what an inline SVG element is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 200
"""Of the drawing, in the units of its coordinates."""
COLOURS = 7
"""Lines have so many colours; those after them are dashed, then dotted, in the same ones."""


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: in the legend.
        style: class of its colour and dashes.
        path: SVG path data; a gap where a value is missing.
    """

    name: str
    style: str
    path: str


@dataclass(frozen=True)
class Chart:
    """Values from 0 to 1, shown as 0 to 100 per cent, over positions from 0.

    Attributes:
        title, ylabel: words above it.
        last: the last position.
        lines: in the order of the legend.
    """

    title: str
    ylabel: str
    last: int
    lines: Sequence[Line]

    @classmethod
    def of(cls, series: Mapping[str, Sequence[float | None]], *, title: str, ylabel: str) -> Chart:
        """A chart of one line per series.

        Args:
            series: name -> one value in [0, 1] per frame; None leaves a gap.
        """
        last = max((len(values) for values in series.values()), default=1) - 1
        lines = [
            Line(name, _style(number), _path(values, max(1, last)))
            for number, (name, values) in enumerate(series.items())
        ]
        return cls(title, ylabel, last, lines)

    @property
    def description(self) -> str:
        """For those who do not see it."""
        return f"{self.title}: {self.ylabel} in per cent of {', '.join(x.name for x in self.lines)}"


def _style(number: int) -> str:
    dashes = ("", " dashed", " dotted")[number // COLOURS % 3]
    return f"line{number % COLOURS}{dashes}"


def _path(values: Sequence[float | None], last: int) -> str:
    """Line from point to point; a lone point becomes a line of no length, drawn as a dot."""
    parts: list[str] = []
    for position, value in enumerate(values):
        if value is None:
            continue
        place = f"{WIDTH * position / last:.1f} {HEIGHT * (1 - value):.1f}"
        joined = position > 0 and values[position - 1] is not None
        parts.append(f"L{place}" if joined else f"M{place}h0")
    return "".join(parts)
