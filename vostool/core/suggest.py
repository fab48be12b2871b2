"""What a user may have meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "did you mean NAME? " for the closest known name, "" where none is close."""
    close = difflib.get_close_matches(name, list(known), 1, cutoff=0.5)
    return f"did you mean {close[0]}? " if close else ""
