"""How figures are written for people; files for programs keep fractions and seconds."""

from __future__ import annotations

DIGITS = 2
"""Of scores in per cent: what tells two checkpoints apart."""


def per_cent(fraction: float, digits: int = DIGITS) -> str:
    """A score in [0, 1] (or a difference of two) as people read it: 0.8342 is "83.42"."""
    return f"{100 * fraction:.{digits}f}"


def rate(done: float, seconds: float, unit: str) -> str:
    """How fast work goes: "3.4 frames/s", or "2.5 s/frame" where that says more.

    Args:
        done: units done, above 0.
        unit: in the plural, such as "frames".
    """
    per_second = done / max(seconds, 1e-9)
    if per_second >= 1:
        return f"{per_second:.1f} {unit}/s"
    return f"{1 / per_second:.1f} s/{unit.removesuffix('s')}"
