"""How the C library hands out memory, where it can be told: what is freed is kept and used again.

By default glibc returns every large block to the system and asks for a new one, whose pages the
system clears first. Networks on a processor make hundreds of such blocks per frame.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's mallopt(3)."""
LARGEST_BLOCK = 2**30
MOST_KEPT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for this process; False where it cannot be told.

    Peak memory stays what it was: memory in use at one time.
    """
    try:
        tell = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(tell(M_MMAP_THRESHOLD, LARGEST_BLOCK) and tell(M_TRIM_THRESHOLD, MOST_KEPT))
