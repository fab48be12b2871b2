"""Line plots as SVG text, without a display."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure

PALETTE = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777")
"""Paul Tol's bright colours, which colour-blind readers can tell apart."""


def plot_over_time(
    series: Mapping[str, Sequence[float | None]], *, ylabel: str, title: str = ""
) -> str:
    """Draw one line per series over the frame's position, y from 0 to 1.

    Args:
        series: name -> one value in [0, 1] per frame; None leaves a gap.

    Returns:
        An SVG element, the same text for the same input.
    """
    figure = Figure(figsize=(8.0, 2.9), layout="constrained")
    axes = figure.add_subplot()
    for position, (name, values) in enumerate(series.items()):
        axes.plot(
            range(len(values)),
            [float("nan") if value is None else value for value in values],
            label=name,
            color=PALETTE[position % len(PALETTE)],
            linestyle=("-", "--", ":")[position // len(PALETTE) % 3],
            linewidth=1.6,
            marker="." if len(values) < 40 else "",
        )
    axes.set(ylim=(-0.02, 1.02), xlabel="frame", ylabel=ylabel)
    axes.set_title(title, parse_math=False)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if series:
        legend = figure.legend(
            axes.lines, list(series), frameon=False, fontsize="small", loc="outside right center"
        )
        for text in legend.get_texts():
            text.set_parse_math(False)  # names may hold a dollar
    return _svg(figure)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    with (
        matplotlib.rc_context({"svg.hashsalt": "vostool", "svg.fonttype": "none"}),
        warnings.catch_warnings(),
    ):
        # Text stays text: the reader's fonts draw it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]  # an element for a page, without the document's preamble
