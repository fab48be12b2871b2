"""STM: Video Object Segmentation using Space-Time Memory Networks (Oh et al., ICCV 2019).

Baseline of papers 000, 001 and 004. Two encoders: one sees RGB, the object's mask and the union of
the other objects' masks, the other sees RGB alone.
"""

from __future__ import annotations

import torch

from vostool.models._space_time import QueryFeatures, SpaceTimeConfig, SpaceTimeNetwork
from vostool.nn.decoder import Decoder
from vostool.nn.key_value import KeyValueHead, ReadQueryConv2d
from vostool.nn.trunk import Trunk


class Config(SpaceTimeConfig):
    """Choices of STM; see `SpaceTimeConfig`."""


class STM(SpaceTimeNetwork):
    """The network; satisfies `Segmenter`."""

    def __init__(self, config: Config):
        super().__init__(config)
        trunk = (config.weights, config.backbone_options)
        self.memory_encoder = Trunk(config.backbone, 2, *trunk)
        self.query_encoder = Trunk(config.backbone, 0, *trunk)
        channels4, channels8, channels16 = self.query_encoder.channels
        sizes = (config.key_channels, config.value_channels)
        self.memory_head = KeyValueHead(channels16, *sizes)
        self.query_head = KeyValueHead(channels16, *sizes)
        self.compress = ReadQueryConv2d(
            config.value_channels, config.value_channels, config.decoder_channels, 3
        )
        self.decoder = Decoder(channels4, channels8, config.decoder_channels)

    def encode(self, images: torch.Tensor) -> QueryFeatures:
        """See `Segmenter.encode`."""
        stride4, stride8, stride16 = self.query_encoder(images)
        key, value = self.query_head(stride16)
        return QueryFeatures(
            key=key,
            context=self.compress.query_part(value),
            skips=self.decoder.prepare(stride4, stride8),
            size=(stride16.shape[-2], stride16.shape[-1]),
        )

    def _memory_key_value(
        self, images: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.stack([masks, others], dim=1).to(images.dtype)
        return self.memory_head(self.memory_encoder(images, inputs, owner)[-1])

    def _compress(
        self, read: torch.Tensor, context: torch.Tensor, owner: torch.Tensor
    ) -> torch.Tensor:
        return self.compress.read_part(read) + context[owner]


def build(config: Config) -> STM:
    """The network of a configuration, weights as it says."""
    return STM(config)
