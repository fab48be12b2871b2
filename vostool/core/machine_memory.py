"""How much memory there is, asked before more than that is needed.

What is asked for is a lower bound: what passes may still need more than there is. What does not
pass gets a sentence with figures, instead of a computer that stands still.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vostool.core.errors import UsageError

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def total_memory() -> int | None:
    """Bytes that this process may have at most; None where the system does not say."""
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    with suppress(AttributeError, OSError, ValueError):  # not on Windows
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CONTAINER_LIMITS:
        with suppress(OSError, ValueError):  # no container, or one without a limit: "max"
            yield int(path.read_text())
    if resource is not None:
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            yield soft


def require_memory(needed: float, what: str, *, remedy: str, where: str | None = None) -> None:
    """Refuse what needs more memory than there is, all other programs left out of account.

    Args:
        needed: bytes, at least.
        what: needs them, such as "a batch of 4 clips".

    Raises:
        UsageError: saying how much is needed and how much there is.
    """
    there = total_memory()
    if there is not None and needed > there:
        raise UsageError(
            f"{what} needs at least {in_gigabytes(needed)} of memory, and there are "
            f"{in_gigabytes(there)}",
            where=where,
            remedy=remedy,
        )


def in_gigabytes(count: float) -> str:
    """Bytes for people."""
    gigabytes = count / 1e9
    return f"{gigabytes:,.1f} GB" if gigabytes < 100 else f"{gigabytes:,.0f} GB"
