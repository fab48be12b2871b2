"""What a frame looks like to matching networks: DeepLabv3+, object context, pixel embeddings.

Axes: V images, C channels, H x W pixels of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vostool.models.matching_config import MatchingConfig
from vostool.nn.context.object_context import AtrousObjectContext, ObjectContext
from vostool.nn.deeplab import DeepLabASPP, DeepLabDecoder
from vostool.nn.dilation import dilate_last_stage
from vostool.nn.pixel_embedding import FeaturePyramid, PathAggregation, PixelEmbedding, Pyramid
from vostool.nn.trunk import Trunk


@dataclass(frozen=True)
class EncodedFrame:
    """What does not depend on objects.

    Attributes:
        size: height and width of the images.
        low: the backbone's features at stride 4, `[V, C, h, w]`.
        embeddings: per scale that is matched, finest first, `[V, C, h, w]`.
        coarse: `[V, C, H / 16, W / 16]`, what the memory stores.
    """

    size: tuple[int, int]
    low: torch.Tensor
    embeddings: tuple[torch.Tensor, ...]
    coarse: torch.Tensor

    def frames(self) -> list[EncodedFrame]:
        """Each of the images by itself, V = 1; in one step, so that gradients are joined once."""
        scales = zip(*(part.split(1) for part in self.embeddings), strict=True)
        parts = zip(self.low.split(1), scales, self.coarse.split(1), strict=True)
        return [EncodedFrame(self.size, *part) for part in parts]


class MatchingEncoder(nn.Module):
    """Images to embeddings at stride 4, or at strides 4, 8 and 16."""

    def __init__(self, config: MatchingConfig):
        super().__init__()
        options = config.backbone_options.model_copy(update={"output_stride": 16})
        self.trunk = Trunk(config.backbone, 0, config.weights, options)
        dilate_last_stage(self.trunk.net, config.multi_grid)
        fine, middle, deep = self.trunk.channels
        width = config.width
        self.aspp: nn.Module = (
            AtrousObjectContext(deep, width, width)
            if config.object_context == "asp"
            else DeepLabASPP(deep, width)
        )
        self.object_context = ObjectContext(width) if config.object_context == "base" else None
        self.decoder = DeepLabDecoder(fine, width)
        self.embedding = PixelEmbedding(width, config.embedding) if config.neck == "none" else None
        self.pyramid = FeaturePyramid((width, middle, width), width) if not self.embedding else None
        self.path = PathAggregation(width) if config.neck == "fpn+pan" else None

    def forward(self, images: torch.Tensor) -> EncodedFrame:
        """Images `[V, 3, H, W]` in model normalisation."""
        low, middle, deep = self.trunk(images)
        context = self.aspp(deep)
        if self.object_context is not None:
            context = self.object_context(context)
        fine = self.decoder(context, low)
        size = (images.shape[-2], images.shape[-1])
        if self.embedding is not None:
            return EncodedFrame(size, low, (self.embedding(fine),), context)
        assert self.pyramid is not None
        maps = self.pyramid(Pyramid(fine, middle, context))
        if self.path is not None:
            maps = self.path(maps)
        return EncodedFrame(size, low, tuple(maps), maps.stride16)
