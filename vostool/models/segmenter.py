"""What the engine and the trainer ask of a network.

Axes: V views of equal size (plain and flipped, say), N objects, H x W pixels as `InputSpec` asks
for. A network has no per-video attributes: all of that is in the `State` it makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import torch

from vostool.core.types import Clip, Fate, ObjectProposals

ENTRY_POINT_GROUP = "vostool.segmenters"

MOST_AT_ONCE = 8
"""Objects that go through per-object parts together, in all views, where nobody says how many."""
PIXELS_AT_ONCE = MOST_AT_ONCE * 481 * 913
"""Their pixels, all views together: as many as in the widest 480p frames of DAVIS."""

Features = Any
"""What `encode` returns; only the network that made it looks inside."""

State = Any
"""What `start` returns; only the network that made it looks inside."""


@dataclass(frozen=True)
class InputSpec:
    """How frames are brought to the network.

    Attributes:
        mean, std: per RGB channel, applied to images in [0, 1].
        stride: height and width must be multiples of it, or
        remainder: 1 where they must be one pixel more than multiples (465 = 29 * 16 + 1). Frames
            are then resized with the centres of corner pixels aligned, as such networks do inside.
        pad: True pads to the next multiple (zeros in [0, 1], before normalisation, split floor /
            ceil over both sides), False resizes to the nearest multiple.
        every_frame: True for a network that looks at the previous frame's masks: `memorize` is
            then called for every frame, also where the memory strategy skips it for all objects.
        proposals: whether frames must come with object proposals.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    stride: int = 16
    remainder: Literal[0, 1] = 0
    pad: bool = True
    every_frame: bool = False
    proposals: bool = False

    @property
    def aligned(self) -> bool:
        """Whether corner pixels stay in place when frames are resized."""
        return self.remainder == 1

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """`[..., 3, H, W]` in [0, 1] -> model normalisation."""
        mean = images.new_tensor(self.mean)[:, None, None]
        std = images.new_tensor(self.std)[:, None, None]
        return (images - mean) / std


@dataclass(frozen=True)
class Region:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, maps: torch.Tensor) -> torch.Tensor:
        """The part `[..., height, width]` of `[..., H, W]`; a view."""
        rows, columns = self.top + self.height, self.left + self.width
        return maps[..., self.top : rows, self.left : columns]


@dataclass(frozen=True)
class FrameViews:
    """One frame as a group of views sees it.

    Attributes:
        images: `[V, 3, H, W]` in model normalisation.
        time: index of the frame; 0 is the first frame with an object.
        content: what is image and not padding, the same in all views.
        proposals: one per view, in pixels of its image, or None where `InputSpec` does not ask.
        objects_at_once: most objects that go through a network's per-object parts together, which
            bounds the peak memory and changes results by rounding only; None: as the size allows.
    """

    images: torch.Tensor
    time: int
    content: Region
    proposals: tuple[ObjectProposals, ...] | None = None
    objects_at_once: int | None = None

    @classmethod
    def whole(cls, images: torch.Tensor, time: int) -> FrameViews:
        """Without padding and proposals."""
        return cls(images, time, Region(0, 0, images.shape[-2], images.shape[-1]))

    @property
    def chunk(self) -> int:
        """How many objects go through per-object parts together, at least 1."""
        if self.objects_at_once is not None:
            return self.objects_at_once
        views, _, height, width = self.images.shape
        rows = min(MOST_AT_ONCE, PIXELS_AT_ONCE // (height * width))
        return max(1, rows // views)

    def chunks(self, rows: Sequence[int]) -> Iterator[Sequence[int]]:
        """Rows of objects, so many at a time as may go through per-object parts together."""
        return (rows[start : start + self.chunk] for start in range(0, len(rows), self.chunk))


@dataclass(frozen=True)
class Prediction:
    """What a network says of one frame, or in training of frames 1..T-1.

    Attributes:
        probabilities: float32 `[V, N+1, H, W]`, background first, sum 1 over the channels; in
            training `[B, T-1, N+1, H, W]`.
        logits: the same shape; their softmax over the channels is `probabilities`. Always there in
            training.
        extras: by name, whatever else a loss, a report or a wrapper may ask for.
    """

    probabilities: torch.Tensor
    logits: torch.Tensor | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_logits(cls, logits: torch.Tensor, extras: Mapping[str, Any] | None = None) -> Prediction:
        """Logits `[..., N+1, H, W]`, and the probabilities that they stand for."""
        return cls(logits.float().softmax(-3), logits, extras or {})


@runtime_checkable
class Segmenter(Protocol):
    """A VOS network; also a `torch.nn.Module`."""

    input_spec: InputSpec

    def start(self, max_memory: int | None = None) -> State:
        """An empty state; at most `max_memory` permanent frames per object are held."""

    def encode(self, frame: FrameViews) -> Features:
        """Object-independent features of one frame, shared by all memory strategies."""

    def segment(self, frame: FrameViews, features: Features, state: State) -> Prediction:
        """All objects memorised so far, at least one, in a frame; how they compete is up to it.

        Args:
            features: `encode` of the frame.
        """

    def memorize(
        self,
        frame: FrameViews,
        features: Features,
        probabilities: torch.Tensor,
        state: State,
        fates: Sequence[Fate],
    ) -> None:
        """Write one frame into the state, in place. Each call's time is larger than the last one's.

        Args:
            features: `encode` of the frame.
            probabilities: float32 `[V, N+1, H, W]`, sum 1; outside of the frame's content only
                background. N may have grown since the last call: new rows are new objects,
                without a past.
            fates: what becomes of the frame, per object; SKIP for all only where
                `InputSpec.every_frame` asks for it, or a held frame has to go.
        """

    def forward(self, clip: Clip) -> Prediction:
        """Training pass, with logits, for frames 1..T-1 of B clips.

        `clip.images` is in [0, 1]; normalising is done inside.
        """
