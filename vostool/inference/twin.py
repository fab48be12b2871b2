"""A network that may be exchanged in the middle of a video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from vostool.core.types import Clip, Retention
from vostool.models import Features, InputSpec, Segmenter, State


class Twin:
    """A Segmenter that is another one, which may change between two frames of a video.

    A memory state belongs to the architecture, not to the weights, so it stays usable.

    Attributes:
        network: the one to ask now.
    """

    def __init__(self, network: nn.Module):
        self.network = network
        self.input_spec: InputSpec = self._segmenter.input_spec

    @property
    def _segmenter(self) -> Segmenter:
        return cast(Segmenter, self.network)

    def encode(self, images: torch.Tensor) -> Features:
        """See `Segmenter.encode`."""
        return self._segmenter.encode(images)

    def start(self, max_memory: int | None = None) -> State:
        """See `Segmenter.start`."""
        return self._segmenter.start(max_memory)

    def memorize(
        self,
        images: torch.Tensor,
        features: Features,
        masks: torch.Tensor,
        state: State,
        keep: Sequence[Retention],
        time: int,
    ) -> None:
        """See `Segmenter.memorize`."""
        self._segmenter.memorize(images, features, masks, state, keep, time)

    def segment(self, features: Features, state: State) -> torch.Tensor:
        """See `Segmenter.segment`."""
        return self._segmenter.segment(features, state)

    def forward(self, clip: Clip) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See `Segmenter.forward`."""
        return self._segmenter.forward(clip)
