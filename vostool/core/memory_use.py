"""How much memory a process has used, and how much it may still use."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

_PROCESS = Path("/proc/self")
_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
"""Limit and use of a container, in version 2 and 1 of control groups."""


def peak_memory() -> int:
    """Largest resident set of this process, bytes; since `restart_peak` where that worked."""
    found = _kilobytes(_PROCESS / "status", "VmHWM:")
    if found is not None:
        return found
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def restart_peak() -> None:
    """Begin anew with `peak_memory`, from what is held now; nothing where Linux is not."""
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")


def held_memory() -> int:
    """Resident set of this process now, bytes; its peak where the system does not tell."""
    found = _kilobytes(_PROCESS / "status", "VmRSS:")
    return peak_memory() if found is None else found


def available_memory() -> int | None:
    """Bytes that this process may still take: of the machine, or of its container if that is less.

    None where the system does not tell.
    """
    known = [_kilobytes(Path("/proc/meminfo"), "MemAvailable:")]
    known += [_left(limit, used) for limit, used in _GROUPS]
    return min((value for value in known if value is not None), default=None)


def _left(limit: Path, used: Path) -> int | None:
    """What a control group leaves; None without a limit."""
    try:
        return max(0, int(limit.read_text()) - int(used.read_text()))
    except (OSError, ValueError):  # "max" is no number
        return None


def _kilobytes(file: Path, name: str) -> int | None:
    """The value of a line `NAME   123 kB`, in bytes."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None
