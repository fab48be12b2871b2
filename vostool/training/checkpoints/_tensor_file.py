"""Tensors with JSON metadata in one safetensors file of ours: written at once, read with care."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vostool.core.errors import CheckpointError
from vostool.core.files import atomic_path
from vostool.core.reading import parse_json
from vostool.core.typed import require_table

METADATA_KEY = "vostool"
FORMAT = 1
MAX_METADATA = 16 * 2**20
"""Characters of metadata; a recipe and its figures take some thousands."""
FOREIGN = "use a file that `vostool train` wrote"
"""The remedy for contents that are not ours."""


def write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and metadata atomically."""
    text = json.dumps({"format": FORMAT, **metadata})
    # Clones, because safetensors refuses tensors that share memory (shared encoders).
    copies = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(copies, temporary, metadata={METADATA_KEY: text})
        except SafetensorError as error:
            # The library hides the system's error in its text: "... (os error 28)".
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), str(error)) from error


class opened:
    """Context of an open file and its metadata; every way it can be wrong is one sentence.

    Raises:
        CheckpointError: missing, truncated, pickled, or without metadata of ours.
    """

    def __init__(self, path: Path):
        self.path = Path(path)

    def __enter__(self):
        if not self.path.is_file():
            raise CheckpointError("no such checkpoint", where=self.path, remedy="check the path")
        _refuse_pickle(self.path)
        try:
            self._file = safe_open(self.path, framework="pt")
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                "the checkpoint is damaged or cut short",
                where=self.path,
                remedy="copy it again, or use the one before it",
            ) from error
        return self._file, _metadata(self._file, self.path)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._file.__exit__(None, None, None)
        if isinstance(error, SafetensorError):  # a tensor of a kind that torch does not have
            raise CheckpointError(
                f"a tensor cannot be read, {error}", where=self.path, remedy=FOREIGN
            ) from error


def _metadata(file: Any, path: Path) -> dict[str, Any]:
    """The metadata of an open file, of this format."""
    text = (file.metadata() or {}).get(METADATA_KEY)
    if text is None:
        raise CheckpointError(
            "these are weights without a recipe, not a checkpoint of `vostool train`",
            where=path,
            remedy="backbone weights go to `vostool train --weights`",
        )
    if len(text) > MAX_METADATA:
        raise CheckpointError(
            f"the metadata has more than {MAX_METADATA:,} characters", where=path, remedy=FOREIGN
        )
    value = parse_json(text, path, remedy=FOREIGN, error=CheckpointError)
    metadata = require_table(value, path, remedy=FOREIGN, error=CheckpointError)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"another checkpoint format than {FORMAT}, which this version reads",
            where=path,
            remedy="use the vostool version that wrote it",
        )
    return metadata


def _refuse_pickle(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(9)
    # Safetensors begin with the header's length in 8 bytes, which may look like anything, and "{".
    if start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80"):
        raise CheckpointError(
            "this is a pickled file, which could run code when it is opened",
            where=path,
            remedy="give a *.ckpt written by `vostool train`",
        )
