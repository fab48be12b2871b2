"""Sources of proposals by name, and a source that asks its detector once per frame."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vostool.core import registry
from vostool.core.errors import DataError, UsageError
from vostool.core.types import ObjectProposals, ProposalSource

PACKAGE = "vostool.proposals"
ENTRY_POINT_GROUP = "vostool.proposals"


def require_source(name: str, files: Sequence[Path]) -> Any:
    """The module of a kind of source, its files checked as far as their names go.

    Raises:
        UsageError: unknown name, or another number of files than it takes.
        DataError: a file is missing.
    """
    module = registry.load(
        PACKAGE, name, kind="source of proposals", entry_point_group=ENTRY_POINT_GROUP
    )
    wanted: tuple[str, ...] = module.FILES
    if len(files) != len(wanted):
        raise UsageError(
            f"proposals from {name} take {len(wanted)} file(s), {len(files)} given",
            remedy=f"pass --model-file {name}=FILE with {' and '.join(wanted)}",
        )
    for path, role in zip(files, wanted, strict=True):
        if not Path(path).is_file():
            raise DataError(f"the file of {name} is missing: {role}", where=path)
    return module


def open_source(name: str, files: Sequence[Path], device: torch.device) -> ProposalSource:
    """A source of proposals, ready. Raises as `require_source`, and what the source raises."""
    return require_source(name, files).open_source([Path(path) for path in files], device)


@dataclass
class Remembering:
    """A source of proposals that is asked once per frame of a video, whoever asks again.

    What is remembered lies packed in memory: masks of 50 objects at 480p take 2.6 MB as bits, and
    a small part of that deflated. It is forgotten when another video begins.
    """

    source: ProposalSource
    _video: str = ""
    _known: dict[str, tuple[torch.Tensor, torch.Tensor, bytes, tuple[int, ...]]] = field(
        default_factory=dict
    )

    def proposals(self, image: np.ndarray, video: str, frame: str) -> ObjectProposals:
        """See `ProposalSource.proposals`."""
        if video != self._video:
            self._video, self._known = video, {}
        if frame not in self._known:
            found = self.source.proposals(image, video, frame)
            bits = np.packbits(found.masks.numpy()).tobytes()
            shape = tuple(found.masks.shape)
            self._known[frame] = (found.boxes, found.scores, zlib.compress(bits, 1), shape)
        boxes, scores, packed, shape = self._known[frame]
        unpacked = np.frombuffer(zlib.decompress(packed), np.uint8)
        masks = np.unpackbits(unpacked, count=int(np.prod(shape))).reshape(shape).astype(bool)
        return ObjectProposals(boxes, scores, torch.from_numpy(masks))
