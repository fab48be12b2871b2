"""Frames by the number at the end of their name, for people and tools that write 7 for 00007."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence


def frame_number(name: str) -> int | None:
    """The number at the end of a frame's name; None where there is none."""
    digits = re.search(r"\d+$", name)
    return int(digits[0]) if digits else None


def by_number(names: Sequence[str]) -> dict[int | None, str]:
    """Names by the number at their end, where it is unique."""
    counts = Counter(map(frame_number, names))
    return {
        number: name
        for name in names
        if (number := frame_number(name)) is not None and counts[number] == 1
    }
