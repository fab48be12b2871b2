"""A network that is watched while a video runs, for commands that show what it goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from vostool.core.types import Fate
from vostool.models import FrameViews, InputSpec, Prediction


@dataclass
class SegmentedFrame:
    """What was known when a frame was segmented.

    Attributes:
        frame, features, state, prediction: as `Segmenter.segment` takes and gives them.
    """

    frame: FrameViews
    features: Any
    state: Any
    prediction: Prediction

    def to_frame(self, maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Maps `[K, h, w]` on any grid of the view -> float32 `[K, H, W]` on that of the frame."""
        whole = self.frame.images.shape[-2:]
        larger = F.interpolate(maps[None].float(), whole, mode="bilinear")
        content = self.frame.content.of(larger)
        return F.interpolate(content, size, mode="bilinear")[0].cpu()


class Watched(nn.Module):
    """A network that keeps what it knew at the last frame that it segmented.

    Attributes:
        moment: that frame's; None before any. Whoever watches may set it to None again.
    """

    def __init__(self, network: Any):
        super().__init__()
        self.network = network
        self.input_spec: InputSpec = network.input_spec
        self.moment: SegmentedFrame | None = None

    def start(self, max_memory: int | None = None) -> Any:
        """See `Segmenter.start`."""
        return self.network.start(max_memory)

    def encode(self, frame: FrameViews) -> Any:
        """See `Segmenter.encode`."""
        return self.network.encode(frame)

    def segment(self, frame: FrameViews, features: Any, state: Any) -> Prediction:
        """See `Segmenter.segment`."""
        prediction = self.network.segment(frame, features, state)
        self.moment = SegmentedFrame(frame, features, state, prediction)
        return prediction

    def memorize(
        self,
        frame: FrameViews,
        features: Any,
        probabilities: torch.Tensor,
        state: Any,
        fates: Sequence[Fate],
    ) -> None:
        """See `Segmenter.memorize`."""
        self.network.memorize(frame, features, probabilities, state, fates)
