"""Reading text and JSON that a stranger may have written: bounded, and explained.

What a parser lets through may still break what comes after it, so nesting and whole numbers are
bounded here, once.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from vostool.core.errors import DataError, VostoolError

MAX_BYTES = 2**30
"""Size of the largest text that is read: COCO's instances are half of it."""
MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1

CHECK_PATH = "check the path"
CHECK_FILE = "correct the file, or get it again"
"""The usual remedy."""


def open_regular(path: Path, *, missing: str = CHECK_PATH) -> BinaryIO:
    """Open a file for reading; a pipe or a device, which may never end, is refused.

    Args:
        missing: the remedy where there is no such file.

    Raises:
        DataError: missing, a folder, no regular file, or not readable.
    """
    path = Path(path)
    try:
        # A pipe without a writer would wait here for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise DataError("the file is missing", where=path, remedy=missing) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot read the file, {reason}", where=path) from None
    try:
        require_regular(os.fstat(handle).st_mode, path)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def require_regular(mode: int, path: Path) -> None:
    """Refuse what `os.stat` says is a folder, a pipe, a device or a socket.

    Raises:
        DataError: it is.
    """
    if stat.S_ISDIR(mode):
        raise DataError("a file was expected, but this is a folder", where=path)
    if not stat.S_ISREG(mode):
        raise DataError(
            "not a regular file but a pipe, a device or a socket",
            where=path,
            remedy="only regular files are read",
        )


def read_text(path: Path, *, limit: int = MAX_BYTES, missing: str = CHECK_PATH) -> str:
    """The UTF-8 text of a regular file of at most `limit` bytes.

    Raises:
        DataError: as `open_regular`; larger than that, or not UTF-8.
    """
    with open_regular(path, missing=missing) as file:
        # Python sets aside as much as it is asked for.
        data = file.read(min(limit, os.fstat(file.fileno()).st_size) + 1)
    if len(data) > limit:
        raise DataError(f"the file is larger than {limit:,} bytes", where=path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"the file is not UTF-8 text, line {line}", where=path, remedy=CHECK_FILE
        ) from None


def read_json(path: Path, *, remedy: str = CHECK_FILE, missing: str = CHECK_PATH) -> Any:
    """The value that a JSON file holds.

    Raises:
        DataError: as `read_text` and `parse_json`.
    """
    return parse_json(read_text(path, missing=missing), path, remedy=remedy)


def parse_json(
    text: str,
    where: str | Path,
    *,
    remedy: str = CHECK_FILE,
    error: type[VostoolError] = DataError,
) -> Any:
    """The value of a JSON text; `where` it is from goes into messages.

    Raises:
        error: not JSON, nested deeper than `MAX_DEPTH`, or with a whole number beyond 64 bits.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise too_deep(where, remedy, error) from None
    except json.JSONDecodeError as fault:
        place = f"line {fault.lineno}, column {fault.colno}"
        raise error(f"not valid JSON: {fault.msg}, {place}", where=where, remedy=remedy) from None
    except ValueError:  # Python converts no number of thousands of digits
        raise _too_large((), where, remedy, error) from None
    require_bounded(value, where, remedy, error)
    return value


def require_bounded(value: Any, where: str | Path, remedy: str, error: type[VostoolError]) -> None:
    """Refuse deep nesting and huge whole numbers, without recursion.

    Raises:
        error: nested deeper than `MAX_DEPTH`, or a whole number beyond 64 bits, by its place.
    """
    waiting: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while waiting:
        place, item = waiting.pop()
        if isinstance(item, int) and not -MAX_INTEGER <= item <= MAX_INTEGER:
            raise _too_large(place, where, remedy, error)
        if not isinstance(item, dict | list):
            continue
        if len(place) >= MAX_DEPTH:
            raise too_deep(where, remedy, error)
        for key, child in item.items() if isinstance(item, dict) else enumerate(item):
            if isinstance(child, int | dict | list):
                waiting.append(((*place, str(key)), child))


def too_deep(where: str | Path, remedy: str, error: type[VostoolError]) -> VostoolError:
    """What is raised for values nested too deeply."""
    what = f"the values are nested more than {MAX_DEPTH} levels deep"
    return error(what, where=where, remedy=remedy)


def _too_large(
    place: tuple[str, ...], where: str | Path, remedy: str, error: type[VostoolError]
) -> VostoolError:
    named = f"{'.'.join(place)}: " if place else ""
    return error(f"{named}a whole number beyond 64 bits", where=where, remedy=remedy)
