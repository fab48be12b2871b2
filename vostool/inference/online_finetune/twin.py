"""A network that may be exchanged in the middle of a video."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vostool.core.types import Clip, Fate
from vostool.models import Features, FrameViews, InputSpec, Prediction, Segmenter, State


class Twin:
    """A Segmenter that is another one, which may change between two frames of a video.

    A memory state belongs to the architecture, not to the weights, so it stays usable.

    Attributes:
        network: the one to ask now.
    """

    def __init__(self, network: Segmenter):
        self.network = network
        self.input_spec: InputSpec = network.input_spec

    def start(self, max_memory: int | None = None) -> State:
        """See `Segmenter.start`."""
        return self.network.start(max_memory)

    def encode(self, frame: FrameViews) -> Features:
        """See `Segmenter.encode`."""
        return self.network.encode(frame)

    def segment(self, frame: FrameViews, features: Features, state: State) -> Prediction:
        """See `Segmenter.segment`."""
        return self.network.segment(frame, features, state)

    def memorize(
        self,
        frame: FrameViews,
        features: Features,
        probabilities: torch.Tensor,
        state: State,
        fates: Sequence[Fate],
    ) -> None:
        """See `Segmenter.memorize`."""
        self.network.memorize(frame, features, probabilities, state, fates)

    def forward(self, clip: Clip) -> Prediction:
        """See `Segmenter.forward`."""
        return self.network.forward(clip)
