"""A source that has networks learn before it hands a frame on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vostool.inference.online_finetune.learner import Learner
from vostool.inference.source import FrameSource, SourceFrame, check_frame


class TuningSource:
    """A source that has the networks learn from each frame before it hands the frame on.

    Only in the first pass over the video: later ones, of crop-then-zoom, find them tuned to all
    objects.
    """

    def __init__(self, source: FrameSource, learners: Sequence[Learner]):
        self._source, self._learners = source, learners
        self.name, self.ids = source.name, source.ids
        self._first_pass = True

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[SourceFrame]:
        learning, self._first_pass = self._first_pass, False
        known: set[int] = set()
        for index, frame in enumerate(self._source):
            new = self._new_objects(frame, known) if learning else None
            # The last frame of a video is not segmented once its own masks are put in.
            if new is not None and index + 1 < len(self._source):
                check_frame(frame, self.name)
                for learner in self._learners:
                    learner.learn(frame, new)
            yield frame

    def _new_objects(self, frame: SourceFrame, known: set[int]) -> np.ndarray | None:
        """uint8 `[H, W]` ids of the objects that a frame is the first to give, or None."""
        if frame.given is None:
            return None
        new = set(np.unique(frame.given).tolist()) & set(self.ids.values) - known
        known |= new
        return np.where(np.isin(frame.given, list(new)), frame.given, 0) if new else None
