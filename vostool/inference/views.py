"""Views of a video (test-time augmentation) and how they map to frames and back.

A flipped view is the whole branch mirrored: image, given mask, memory. Per branch the network's
aggregated probabilities are cropped, mirrored back and brought to the frame's size, in this order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from vostool.core.types import ObjectProposals
from vostool.inference.sides import Sides
from vostool.inference.view import View
from vostool.media import geometry, proposals
from vostool.media.geometry import Padding
from vostool.models import InputSpec, Region


@dataclass(frozen=True)
class ViewGroup:
    """Views of equal size, which go through the network as one batch.

    Attributes:
        content: height and width to which frames are resized.
        padding: what is added around that to reach a multiple of the network's stride.
        flips: per view of the batch, whether it is mirrored.
        aligned: whether resizing keeps corner pixels in place, see `geometry`.
    """

    content: tuple[int, int]
    padding: Padding
    flips: tuple[bool, ...]
    aligned: bool = False

    def images(self, frame: np.ndarray, spec: InputSpec, device: torch.device) -> torch.Tensor:
        """uint8 `[H, W, 3]` -> `[V, 3, h, w]` in model normalisation, channels last.

        Padding is black before normalisation, as in STM's released code.
        """
        image = torch.from_numpy(np.ascontiguousarray(frame)).to(device).permute(2, 0, 1)
        image = geometry.resize_image(image.float() / 255, self.content, aligned=self.aligned)
        batch = spec.normalise(self._stack(image))
        return batch.contiguous(memory_format=torch.channels_last)

    @property
    def region(self) -> Region:
        """What is frame and not padding; the padding of a mirrored view is not mirrored."""
        return Region(self.padding.top, self.padding.left, *self.content)

    def proposals(
        self, found: ObjectProposals, device: torch.device
    ) -> tuple[ObjectProposals, ...]:
        """Proposals of a frame -> those of each view."""
        resized = proposals.resize(found.to(device), self.content, aligned=self.aligned)
        views = [proposals.flip(resized) if flipped else resized for flipped in self.flips]
        return tuple(proposals.pad(view, self.padding) for view in views)

    def given(self, planes: torch.Tensor) -> torch.Tensor:
        """One-hot planes `[G, H, W]` of a frame -> `[V, G, h, w]`, nearest neighbour."""
        return self._stack(geometry.resize_one_hot(planes, self.content, aligned=self.aligned))

    def soft(self, planes: torch.Tensor) -> torch.Tensor:
        """Probabilities `[C, H, W]` of a frame -> `[V, C, h, w]`; 0 in the padding."""
        return self._stack(geometry.resize_image(planes, self.content, aligned=self.aligned))

    def without_padding(self, planes: torch.Tensor) -> torch.Tensor:
        """Probabilities `[V, N+1, h, w]` with nothing but background in the padding.

        What a network says there concerns no frame; in memory it would be taken for one.
        """
        if self.padding == Padding():
            return planes
        cleaned = torch.zeros_like(planes)
        cleaned[:, 0] = 1
        self.region.of(cleaned).copy_(self.region.of(planes))
        return cleaned

    def to_frame(self, planes: torch.Tensor, size: tuple[int, int]) -> list[torch.Tensor]:
        """Probabilities `[V, C, h, w]` -> per view `[C, H, W]` on the frame's own grid."""
        cropped = geometry.unpad(planes, self.padding)
        upright = [
            geometry.flip(view) if flipped else view
            for view, flipped in zip(cropped, self.flips, strict=True)
        ]
        return [geometry.resize_soft(view, size, aligned=self.aligned) for view in upright]

    def _stack(self, planes: torch.Tensor) -> torch.Tensor:
        views = [geometry.flip(planes) if flipped else planes for flipped in self.flips]
        return geometry.pad(torch.stack(views), self.padding)


def group_views(
    views: Iterable[View], frame_size: tuple[int, int], spec: InputSpec, sides: Sides
) -> list[ViewGroup]:
    """Group views by scale and work out their sizes for a video.

    Args:
        frame_size: height and width of the frame at which the video starts; frames of other sizes
            are resized to the same content, because memory holds maps of one size.
        sides: sizes at scale 1. Where they leave the frame its own size, scale 1 keeps the frame as
            it is (padded, if the network pads); any other combination resizes both sides to the
            nearest multiple of the stride.
    """
    groups: dict[float, list[bool]] = {}
    for view in views:
        groups.setdefault(view.scale, []).append(view.flip)
    return [
        ViewGroup(*_network_size(scale, frame_size, spec, sides), tuple(flips), spec.aligned)
        for scale, flips in groups.items()
    ]


def _network_size(
    scale: float, frame_size: tuple[int, int], spec: InputSpec, sides: Sides
) -> tuple[tuple[int, int], Padding]:
    factor = scale * sides.factor(frame_size)
    if spec.pad and factor == scale == 1 and sides.short is None:
        return frame_size, geometry.padding_to_multiple(*frame_size, spec.stride, spec.remainder)
    height, width = (
        geometry.nearest_multiple(side * factor, spec.stride, spec.remainder) for side in frame_size
    )
    return (height, width), Padding()
