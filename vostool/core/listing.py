"""Lists in sentences, and names from lists of files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from vostool.core.errors import DataError


def some(names: Sequence[str], shown: int = 5, between: str = ", ") -> str:
    """The first names of a list, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return between.join(names[:shown]) + more


def require_text(names: Iterable[str], folder: Path) -> None:
    """Refuse names in a folder that cannot be written into a file of text.

    Python reads bytes that are no text of the file system's encoding as lone surrogates, which no
    other encoding takes.

    Raises:
        DataError: such a name; says whether it or the shell's locale is to blame.
    """
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"the name {name} is no text",
                where=folder,
                remedy="rename it" if knows_all_names() else NO_UNICODE,
            ) from None


NO_UNICODE = "this shell's locale has ASCII names only, set PYTHONUTF8=1"
"""The remedy where `knows_all_names` is false."""


def knows_all_names() -> bool:
    """Whether Python can use names of files in any script; not in the C locale without UTF-8."""
    try:
        os.fsencode("\u00e4\u5317")
    except UnicodeEncodeError:
        return False
    return True
