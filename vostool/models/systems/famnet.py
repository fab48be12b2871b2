"""FAMNet: Feature Aligned Memory Network (Yang et al., YouTube-VOS 2021, paper 000).

Differences to STM: one encoder of four channels for memory (RGB and the object's mask) and query
(RGB and ones), hence aligned features; ASPP between memory read and decoder.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from vostool.models.space_time import QueryFeatures, SpaceTimeConfig, SpaceTimeNetwork
from vostool.nn.aspp import ReadASPP
from vostool.nn.decoder import Decoder
from vostool.nn.key_value import KeyValueHead


class Config(SpaceTimeConfig):
    """Choices of FAMNet; see also `SpaceTimeConfig`.

    Attributes:
        aspp_rates: dilation rates (the paper gives none); 1 stands for a 1x1 convolution.
        aspp_dropout: on the ASPP's result, while training.
        shared_heads: one key/value head for memory and query, as the encoder is one.
    """

    pad: bool = False
    aspp_rates: tuple[int, ...] = Field((1, 2, 4, 8), min_length=1)
    aspp_dropout: float = Field(0.0, ge=0, lt=1)
    shared_heads: bool = True


class FAMNet(SpaceTimeNetwork):
    """The network; satisfies `Segmenter`."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.encoder = config.build_trunk(1)
        channels4, channels8, channels16 = self.encoder.channels
        sizes = (config.key_channels, config.value_channels)
        self.memory_head = KeyValueHead(channels16, *sizes)
        self.query_head = (
            self.memory_head if config.shared_heads else KeyValueHead(channels16, *sizes)
        )
        self.aspp = ReadASPP(
            config.value_channels,
            config.value_channels,
            config.decoder_channels,
            config.aspp_rates,
            config.aspp_dropout,
        )
        self.compress = nn.Conv2d(config.decoder_channels, config.decoder_channels, 3, padding=1)
        self.decoder = Decoder(channels4, channels8, config.decoder_channels)

    def _query(self, images: torch.Tensor) -> QueryFeatures:
        """See `SpaceTimeNetwork._query`; the mask channel is all ones, padding included."""
        owner = torch.arange(len(images), device=images.device)
        stride4, stride8, stride16 = self.encoder(images, torch.ones_like(images[:, :1]), owner)
        key, value = self.query_head(stride16)
        return QueryFeatures(
            key=key,
            context=self.aspp.query_part(value),
            skips=self.decoder.prepare(stride4, stride8),
            size=(stride16.shape[-2], stride16.shape[-1]),
        )

    def _memory_key_value(
        self, images: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        stride16 = self.encoder(images, masks[:, None].to(images.dtype), owner)[-1]
        return self.memory_head(stride16)

    def _compress(
        self,
        read: torch.Tensor,
        context: list[torch.Tensor],
        owner: torch.Tensor,
        prior: torch.Tensor | None,
    ) -> torch.Tensor:
        return self.compress(self._constrain(self.aspp(read, context, owner), prior))


def build(config: Config) -> FAMNet:
    """The network of a configuration, weights as it says."""
    return FAMNet(config)
