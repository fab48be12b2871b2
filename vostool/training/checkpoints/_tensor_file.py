"""Tensors with JSON metadata in one safetensors file of ours: written at once, read with care.

Two digests show what was changed since: one of the metadata, which is checked whenever the file is
opened, and one of the tensors, which stands in the metadata and is checked when they are read.
Cost: 0.7 ms per MB, at writing and at reading (benchmarks/bench_safety.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from vostool.core.errors import CheckpointError
from vostool.core.files import atomic_path
from vostool.core.reading import parse_json
from vostool.core.tensor_files import tensors_digest, write_tensors
from vostool.core.typed import require_table

METADATA_KEY, DIGEST_KEY = "vostool", "vostool.sha256"
TENSORS_KEY = "tensors_sha256"
FORMAT, FORMAT_WITHOUT_DIGESTS = 2, 1
MAX_METADATA = 16 * 2**20
"""Characters of metadata; a recipe and its figures take some thousands."""
FOREIGN = "use a file that `vostool train` wrote"
"""The remedy for contents that are not ours."""
COPY_AGAIN = "copy it again, or use the one before it"
"""The remedy for contents that are no longer ours."""


def write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and metadata atomically."""
    # Clones, because safetensors refuses tensors that share memory (shared encoders).
    copies = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in tensors.items()}
    text = json.dumps({"format": FORMAT, TENSORS_KEY: tensors_digest(copies), **metadata})
    digest = hashlib.sha256(text.encode()).hexdigest()
    with atomic_path(path) as temporary:
        write_tensors(temporary, copies, {METADATA_KEY: text, DIGEST_KEY: digest})


def read_tensors(file: Any, metadata: Mapping[str, Any], path: Path) -> dict[str, torch.Tensor]:
    """All tensors of an open file, on the CPU.

    Raises:
        CheckpointError: they are not those that were written.
    """
    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    said = metadata.get(TENSORS_KEY)
    if metadata["format"] == FORMAT and said != tensors_digest(tensors):
        raise CheckpointError(
            "the tensors are not those that were written, the file is damaged",
            where=path,
            remedy=COPY_AGAIN,
        )
    return tensors


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
                remedy=COPY_AGAIN,
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
    entries = file.metadata() or {}
    text = entries.get(METADATA_KEY)
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
    _refuse_changed(text, entries.get(DIGEST_KEY), path)
    value = parse_json(text, path, remedy=FOREIGN, error=CheckpointError)
    metadata = require_table(value, path, remedy=FOREIGN, error=CheckpointError)
    if metadata.get("format") not in (FORMAT_WITHOUT_DIGESTS, FORMAT):
        raise CheckpointError(
            f"another checkpoint format than {FORMAT}, which this version reads",
            where=path,
            remedy="use the vostool version that wrote it",
        )
    if metadata["format"] == FORMAT and DIGEST_KEY not in entries:
        raise CheckpointError(
            "the metadata have lost their digest, the file is damaged",
            where=path,
            remedy=COPY_AGAIN,
        )
    return metadata


def _refuse_changed(text: str, said: str | None, path: Path) -> None:
    """Compare metadata with their digest, where they have one."""
    if said is not None and said != hashlib.sha256(text.encode()).hexdigest():
        raise CheckpointError(
            "the metadata are not those that were written, the file is damaged",
            where=path,
            remedy=COPY_AGAIN,
        )


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
