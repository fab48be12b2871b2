"""How many processor cores there are to share out."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may use, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
