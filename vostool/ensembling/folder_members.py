"""Prediction folders as members that are merged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from vostool.core.errors import DataError, UsageError
from vostool.core.types import ObjectIds
from vostool.ensembling.agreement import check_agreement, video_ids
from vostool.ensembling.marks import folder_mark
from vostool.ensembling.member_planes import one_hot, soft_planes, with_labels
from vostool.ensembling.method import Accumulator, Members, MergingMethod, Needs
from vostool.predictions.folder import PredictionFolder


class FolderMembers:
    """Folders with the same videos, frames, sizes and ids, read frame by frame.

    Attributes:
        folders: in the order of the members.
        probabilities: whether all of them have probabilities.

    Args:
        only: names of the videos to look at; by default all.

    Raises:
        DataError: no such folder, no masks in it, or a run has not finished it.
        UsageError: a folder has no video of such a name.
    """

    def __init__(self, paths: Sequence[Path], only: Collection[str] = ()):
        self.folders = tuple(PredictionFolder(path, only) for path in paths)
        for folder in self.folders:
            folder.require_finished()
        self._lacking = tuple(f for f in self.folders if not f.has_probabilities)
        self.probabilities = not self._lacking

    def require_probabilities(self) -> None:
        """Raise UsageError that names the folders without them."""
        if self._lacking:
            raise UsageError(
                f"no probabilities in {', '.join(str(folder.root) for folder in self._lacking)}",
                remedy="run vostool infer with --save-probabilities, or use --method vote alone",
            )

    def prepare(self, method: MergingMethod) -> Callable[[], Accumulator]:
        """What starts an accumulator for each frame, after comparing the members.

        Raises:
            UsageError: these members cannot be merged in this way.
            DataError: members disagree; all differences in one message.
        """
        if method.needs is Needs.PROBABILITIES:
            self.require_probabilities()
        start = method.prepare(self.members)
        check_agreement(self.folders, self.probabilities)
        return start

    @property
    def members(self) -> Members:
        """Who they are."""
        names = tuple(str(folder.root) for folder in self.folders)
        marks = tuple(folder_mark(folder.root.name, folder.manifest) for folder in self.folders)
        return Members(names, self.probabilities, marks)

    def ids(self, video: str) -> ObjectIds:
        """Ids of a video as far as any member says."""
        known = (video_ids(folder, video, self.probabilities) for folder in self.folders)
        return next((ids for ids in known if ids is not None), ObjectIds(()))

    def planes(
        self, video: str, frame: str, ids: ObjectIds, needs: Needs
    ) -> tuple[ObjectIds, Iterator[torch.Tensor]]:
        """One member's planes float32 `[K+1, H, W]` after the other, and what they stand for.

        Args:
            ids: of the video; masks alone may hold others, too.
            needs: of the method; where it needs masks, the largest plane is what the mask says.

        Raises:
            DataError: a file is damaged, or its ids or size are others than expected.
        """
        masks = [folder.mask(video, frame) for folder in self.folders]
        if not self.probabilities:
            ids = ObjectIds.of({*ids, *np.unique(np.stack(masks)).tolist()} - {0})
        return ids, self._planes(video, frame, ids, masks, needs)

    def _planes(
        self, video: str, frame: str, ids: ObjectIds, masks: list[np.ndarray], needs: Needs
    ) -> Iterator[torch.Tensor]:
        for folder, mask in zip(self.folders, masks, strict=True):
            labels = ids.to_rows(mask)
            if not self.probabilities:
                yield one_hot(labels, len(ids) + 1)
                continue
            planes = soft_planes(_stored(folder, video, frame, ids, mask.shape), labels)
            yield with_labels(planes, labels) if needs is Needs.MASKS else planes


def _stored(
    folder: PredictionFolder, video: str, frame: str, ids: ObjectIds, size: tuple[int, ...]
) -> np.ndarray:
    planes, own = folder.probabilities(video, frame)
    if own != ids or planes.shape[1:] != size:
        raise DataError(
            f"probabilities of ids {list(own)}, {planes.shape[1]}x{planes.shape[2]} pixels, "
            f"where ids {list(ids)}, {size[0]}x{size[1]} are expected",
            where=folder.probabilities_path(video, frame),
            remedy="run vostool infer again for this video",
        )
    # Of planes whose sum is 1, the largest is at least 1/255, which is a byte of 1.
    if not planes.max(axis=0).all():
        raise DataError(
            "pixels without any probability",
            where=folder.probabilities_path(video, frame),
            remedy="the network that wrote them said NaN: check its checkpoint, run infer again",
        )
    return planes
