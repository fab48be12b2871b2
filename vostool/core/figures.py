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


def amount(count: float) -> str:
    """Bytes as people read them: "0.4 MB", "870 MB", "2.1 GB"."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e7 else f"{count / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """A stretch of time as people read it: "8 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
