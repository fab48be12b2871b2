"""What parts must be able to do, and what they may declare of themselves.

Axes: see `part_choice`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import nn


class Seen(NamedTuple):
    """What an encoder makes of query images.

    Attributes:
        key: `[V, hw, Ck]`.
        value: `[V, Cv, h, w]`.
        stride4, stride8: features for the decoder's skips.
    """

    key: torch.Tensor
    value: torch.Tensor
    stride4: torch.Tensor
    stride8: torch.Tensor


class Encoder(Protocol):
    """Images to keys and values."""

    skips: tuple[int, int]
    """Numbers of channels at strides 4 and 8."""

    def see(self, images: torch.Tensor) -> Seen:
        """Images `[V, 3, H, W]` in model normalisation, without masks."""

    def see_masks(
        self, images: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Images `[V, 3, H, W]` with an object's mask and the union of the others' `[M, H, W]`.

        Returns:
            key `[M, hw, Ck]` and value `[M, Cv, h, w]` for the memory.
        """


class Mixer(Protocol):
    """Sees read-out and query value together."""

    def query_part(self, query_value: torch.Tensor) -> Any:
        """`[V, Cv, h, w]` -> what no object changes; once per frame."""

    def __call__(self, read: torch.Tensor, query_part: Any, owner: torch.Tensor) -> torch.Tensor:
        """Read-out `[M, Cv, h, w]` -> features `[M, C, h, w]`, which a prior may weigh."""

    def after_prior(self, features: torch.Tensor) -> torch.Tensor:
        """What is left to do before the decoder, `[M, C, h, w]` -> the same shape."""


class Prior(Protocol):
    """Weighs features by the previous frame's mask."""

    def of_masks(self, masks: torch.Tensor) -> torch.Tensor:
        """Masks of a frame `[V, N, H, W]` -> prior for the next one `[V, N, h, w]`."""

    def __call__(self, features: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]`, prior `[M, h, w]` -> `[M, C, h, w]`."""


class Decoder(Protocol):
    """From the mixed features to full size."""

    def prepare(self, skip4: torch.Tensor, skip8: torch.Tensor) -> Any:
        """Features at strides 4 and 8 -> what no object changes; once per frame."""

    def __call__(self, x: torch.Tensor, skips: Any, owner: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]` -> logits `[M, 2, H, W]`, object second."""


@runtime_checkable
class Foldable(Protocol):
    """A part that has a quicker form for inference. Parts without `fold` stay as they are."""

    def fold(self) -> None:
        """Take that form, in place, in eval mode; the same function up to rounding."""


@runtime_checkable
class Pretrained(Protocol):
    """A part that training and fine-tuning treat as a trunk; all else is head."""

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """Those of the trunk's learning-rate group; its others learn as heads do."""

    def last_stage(self) -> list[nn.Parameter]:
        """Those of the last stage that it has, whatever that stage's stride."""


@runtime_checkable
class Staged(Protocol):
    """A trunk whose first stages can keep their weights; others train as a whole."""

    def first_stages(self, stride: int) -> list[nn.Parameter]:
        """Pretrained ones up to the feature at this stride; ValueError if it has none."""
