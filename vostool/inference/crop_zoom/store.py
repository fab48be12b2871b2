"""What is kept of a pass until the video's end: compressed bytes in a temporary folder."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from types import TracebackType

import numpy as np

from vostool.core.errors import DataError
from vostool.core.files import explain_write_errors

LEVEL = 1
"""Of compression: masks and saturated probabilities shrink enough at the quickest one."""


class ArrayStore:
    """uint8 arrays by key on disk; memory does not grow with the video. A context manager.

    Args:
        beside: folder in which the temporary folder is made; the system's where None.

    Raises:
        OutputError: no space left, or the folder cannot be written.
    """

    def __init__(self, beside: Path | None = None):
        where = beside or Path(tempfile.gettempdir())
        with explain_write_errors(where):
            self._folder = tempfile.TemporaryDirectory(prefix="vostool-zoom-", dir=where)
        self._shapes: dict[tuple[str, int], tuple[int, ...]] = {}

    def __enter__(self) -> ArrayStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def put(self, kind: str, index: int, array: np.ndarray) -> None:
        """Keep an array under a kind and the index of a frame."""
        if array.dtype != np.uint8:
            raise ValueError(f"only uint8 is stored, got {array.dtype}")
        path = self._path(kind, index)
        with explain_write_errors(path):
            path.write_bytes(zlib.compress(np.ascontiguousarray(array).tobytes(), LEVEL))
        self._shapes[kind, index] = array.shape

    def get(self, kind: str, index: int) -> np.ndarray:
        """What was put there; read-only. Raises KeyError if nothing was."""
        shape = self._shapes[kind, index]
        path = self._path(kind, index)
        try:
            content = zlib.decompress(path.read_bytes())
            return np.frombuffer(content, np.uint8).reshape(shape)
        except (OSError, zlib.error, ValueError) as error:
            raise DataError(
                f"what crop-then-zoom had kept cannot be read back ({error})",
                where=path,
                remedy="run the same command again with --resume",
            ) from error

    def has(self, kind: str, index: int) -> bool:
        """Whether something was put there."""
        return (kind, index) in self._shapes

    def _path(self, kind: str, index: int) -> Path:
        return Path(self._folder.name) / f"{kind}-{index}.z"
