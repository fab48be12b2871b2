"""One run through the video: a network, a group of views, a memory strategy, and their state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vostool.core.types import Fate
from vostool.inference.given import Cast
from vostool.inference.strategy import Sighting, Strategy
from vostool.models import Features, FrameViews, Prediction, Segmenter


@dataclass(frozen=True)
class EncodedFrame:
    """A frame as a group of views and a network see it.

    Attributes:
        views: the frame, at the network's size.
        features: what the network's `encode` made of it.
        pixels: frame pixels per network pixel, for areas.
    """

    views: FrameViews
    features: Features
    pixels: float

    @property
    def index(self) -> int:
        """Of the frame; 0 is the first frame with an object."""
        return self.views.time


class Track:
    """Memory of one (network, view group, strategy), and what has been written into it."""

    def __init__(self, segmenter: Segmenter, strategy: Strategy, max_memory: int | None):
        limit = strategy.max_memory if max_memory is None else max_memory
        self._segmenter, self._strategy = segmenter, strategy
        self._state = segmenter.start(limit)
        self._last_kept: list[int] = []
        self._holds_previous = False

    def predict(self, frame: EncodedFrame) -> torch.Tensor:
        """Probabilities float32 `[V, N+1, h, w]` of the objects memorised so far.

        Raises:
            TypeError, ValueError: the network does not keep the protocol.
        """
        images = frame.views.images
        views, _, height, width = images.shape
        if not self._last_kept:
            return images.new_ones((views, 1, height, width), dtype=torch.float32)
        name = f"{type(self._segmenter).__name__}.segment"
        prediction = self._segmenter.segment(frame.views, frame.features, self._state)
        if not isinstance(prediction, Prediction):
            raise TypeError(f"{name} returned {type(prediction).__name__}, not a Prediction")
        expected = (views, len(self._last_kept) + 1, height, width)
        if tuple(prediction.probabilities.shape) != expected:
            found = tuple(prediction.probabilities.shape)
            raise ValueError(f"{name} returned probabilities of shape {found}, expected {expected}")
        return prediction.probabilities

    def remember(
        self, frame: EncodedFrame, probabilities: torch.Tensor, cast: Cast, given: Sequence[int]
    ) -> None:
        """Offer a frame to memory.

        Args:
            probabilities: `[V, N+1, h, w]` after given masks were put in, without padding.
            given: rows (1..N) whose masks were given in this frame; if there are any, it stays for
                all objects.
        """
        if given:
            fates = [Fate.GIVEN if row in given else Fate.KEEP for row in range(1, len(cast) + 1)]
        else:
            fates = [
                self._strategy.decide(item) for item in self._sightings(frame, probabilities, cast)
            ]
        self._last_kept += [frame.index] * (len(cast) - len(self._last_kept))
        for row, fate in enumerate(fates):
            if fate in (Fate.GIVEN, Fate.KEEP):
                self._last_kept[row] = frame.index
        nothing = all(fate is Fate.SKIP for fate in fates)
        asked = self._holds_previous or self._segmenter.input_spec.every_frame
        if nothing and not asked:
            return
        self._holds_previous = Fate.REPLACE in fates
        self._segmenter.memorize(frame.views, frame.features, probabilities, self._state, fates)

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
