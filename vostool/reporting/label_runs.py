"""Masks of a video as text inside a page: small, exact, and drawn there in any way.

A mask becomes runs of equal labels, row by row; a run is one number, length x 256 + label, as four
bytes, lowest first. All runs of a layer (the truth, or one prediction) are packed by zlib and
written as base64. The page unpacks them once and draws any mask, or any difference of two, on a
canvas over the frame; so it needs no picture per mask and per difference.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

import numpy as np

LONGEST_RUN = (1 << 24) - 1


def runs_of(labels: np.ndarray) -> np.ndarray:
    """Runs of a mask, uint32 `[R]`.

    Args:
        labels: uint8 `[H, W]`, of at most `LONGEST_RUN` pixels.

    Raises:
        ValueError: it has more, or none.
    """
    flat = np.ascontiguousarray(labels).ravel()
    if not 0 < flat.size <= LONGEST_RUN:
        raise ValueError(f"a mask of {flat.size} pixels cannot be written as runs")
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    lengths = np.diff(starts, append=flat.size).astype(np.uint32)
    return lengths << np.uint32(8) | flat[starts]


def pack(frames: Sequence[np.ndarray | None]) -> dict[str, object]:
    """Runs of some frames for JSON: `counts` per frame (0 where it has no mask), and their text."""
    there = [runs for runs in frames if runs is not None]
    joined = np.concatenate(there) if there else np.zeros(0, np.uint32)
    text = base64.b64encode(zlib.compress(joined.astype("<u4").tobytes(), 9)).decode("ascii")
    return {"counts": [0 if runs is None else len(runs) for runs in frames], "runs": text}
