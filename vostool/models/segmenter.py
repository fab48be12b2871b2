"""What the engine and the trainer ask of a network.

Axes: V views of equal size (plain and flipped, say), N objects, H x W pixels, both multiples of
`InputSpec.stride`. A network has no per-video attributes: all of that is in the `State` it makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch

from vostool.core.types import Clip, Retention

ENTRY_POINT_GROUP = "vostool.segmenters"

Features = Any
"""What `encode` returns; only the network that made it looks inside."""

State = Any
"""What `start` returns; only the network that made it looks inside."""


@dataclass(frozen=True)
class InputSpec:
    """How frames are brought to the network.

    Attributes:
        mean, std: per RGB channel, applied to images in [0, 1].
        stride: height and width must be multiples of it.
        pad: True pads to the next multiple (zeros in [0, 1], before normalisation, split floor /
            ceil over both sides), False resizes to the nearest multiple.
        every_frame: True for a network that looks at the previous frame's masks: `memorize` is
            then called for every frame, also where the memory strategy skips it for all objects.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    stride: int = 16
    pad: bool = True
    every_frame: bool = False

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """`[..., 3, H, W]` in [0, 1] -> model normalisation."""
        mean = images.new_tensor(self.mean)[:, None, None]
        std = images.new_tensor(self.std)[:, None, None]
        return (images - mean) / std


@runtime_checkable
class Segmenter(Protocol):
    """A VOS network; also a `torch.nn.Module`."""

    input_spec: InputSpec

    def encode(self, images: torch.Tensor) -> Features:
        """Object-independent features of one frame, shared by all memory strategies.

        Args:
            images: `[V, 3, H, W]`, in model normalisation.
        """

    def start(self, max_memory: int | None = None) -> State:
        """An empty state; at most `max_memory` permanent frames per object are held."""

    def memorize(
        self,
        images: torch.Tensor,
        features: Features,
        masks: torch.Tensor,
        state: State,
        keep: Sequence[Retention],
        time: int,
    ) -> None:
        """Write one frame into the state, in place.

        Args:
            images: `[V, 3, H, W]`, in model normalisation; `features` is `encode` of them.
            masks: `[V, N, H, W]` soft, in [0, 1]. N may have grown since the last call: new rows
                are new objects, without a past.
            keep: what becomes of the frame, per object; SKIP for all only where
                `InputSpec.every_frame` asks for it, or a held frame has to go.
            time: index of the frame; each call's is larger than the last one's.
        """

    def segment(self, features: Features, state: State) -> torch.Tensor:
        """Probabilities per object before aggregation, float32 `[V, N, H, W]`."""

    def forward(self, clip: Clip) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Training pass: logits after aggregation `[B, T-1, N+1, H, W]` of frames 1..T-1, and
        auxiliary outputs for the losses. `clip.images` is in [0, 1]; normalising is done inside.
        """
