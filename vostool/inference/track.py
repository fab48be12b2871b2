"""One run through the video: a network, a group of views, a memory strategy, and their state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from vostool.core.types import Retention
from vostool.inference.given import Cast
from vostool.inference.strategy import Sighting, Strategy
from vostool.models import Segmenter
from vostool.nn.aggregation import soft_aggregate


@dataclass(frozen=True)
class EncodedFrame:
    """A frame as a group of views sees it.

    Attributes:
        images: `[V, 3, h, w]` in model normalisation.
        features: what the network's `encode` made of them.
        index: of the frame; 0 is the first frame with an object.
        pixels: frame pixels per network pixel, for areas.
    """

    images: torch.Tensor
    features: Any
    index: int
    pixels: float


class Track:
    """Memory of one (network, view group, strategy), and what has been written into it."""

    def __init__(self, segmenter: Segmenter, strategy: Strategy, max_memory: int | None):
        limit = strategy.max_memory if max_memory is None else max_memory
        self._segmenter, self._strategy = segmenter, strategy
        self._state = segmenter.start(limit)
        self._last_kept: list[int] = []
        self._holds_previous = False

    def predict(self, frame: EncodedFrame) -> torch.Tensor:
        """Aggregated probabilities float32 `[V, N+1, h, w]` of the objects memorised so far."""
        if not self._last_kept:
            views, _, height, width = frame.images.shape
            return frame.images.new_ones((views, 1, height, width), dtype=torch.float32)
        separate = self._segmenter.segment(frame.features, self._state)
        if separate.shape[1] != len(self._last_kept):
            raise ValueError(
                f"{type(self._segmenter).__name__}.segment returned {separate.shape[1]} objects, "
                f"{len(self._last_kept)} were memorised"
            )
        return soft_aggregate(separate)[1]

    def remember(
        self, frame: EncodedFrame, probabilities: torch.Tensor, cast: Cast, given: bool
    ) -> None:
        """Offer a frame to memory.

        Args:
            probabilities: `[V, N+1, h, w]` after given masks were put in.
            given: whether masks were given in this frame; then it stays for all objects.
        """
        if given:
            keep = [Retention.KEEP] * len(cast)
        else:
            keep = [
                self._strategy.decide(item) for item in self._sightings(frame, probabilities, cast)
            ]
        self._last_kept += [frame.index] * (len(cast) - len(self._last_kept))
        for row, retention in enumerate(keep):
            if retention is Retention.KEEP:
                self._last_kept[row] = frame.index
        nothing = all(retention is Retention.SKIP for retention in keep)
        asked = self._holds_previous or self._segmenter.input_spec.every_frame
        if nothing and not asked:
            return
        self._holds_previous = Retention.REPLACE in keep
        self._segmenter.memorize(
            frame.images, frame.features, probabilities[:, 1:], self._state, keep, frame.index
        )

    def _sightings(
        self, frame: EncodedFrame, probabilities: torch.Tensor, cast: Cast
    ) -> list[Sighting]:
        """What the strategy may know; means over the views, which share one decision."""
        count = len(cast)
        areas, confidences = [0.0] * count, [0.0] * count
        if self._strategy.needs_mask:
            areas, confidences = _areas_and_confidences(probabilities)
        return [
            Sighting(
                frame.index,
                frame.index - cast.starts[row],
                frame.index - self._last_kept[row],
                areas[row] * frame.pixels,
                confidences[row],
            )
            for row in range(count)
        ]


def _areas_and_confidences(probabilities: torch.Tensor) -> tuple[list[float], list[float]]:
    """Per object of `[V, N+1, h, w]`: pixels labelled (mean over views), mean probability there."""
    views, channels = probabilities.shape[:2]
    best, labels = probabilities.max(dim=1)
    flat = labels.flatten()
    counts = torch.bincount(flat, minlength=channels)[1:].double()
    sums = torch.zeros(channels, dtype=torch.float64, device=flat.device)
    sums = sums.index_add(0, flat, best.flatten().double())[1:]
    return (counts / views).tolist(), (sums / counts.clamp(min=1)).tolist()
