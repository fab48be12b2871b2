"""STM: Video Object Segmentation using Space-Time Memory Networks (Oh et al., ICCV 2019).

Baseline of papers 000, 001 and 004. Two encoders: one sees RGB, the object's mask and the union of
the other objects' masks, the other sees RGB alone. ASPP between memory read and decoder is the
second row of paper 000's ablation.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import nn

from vostool.models.space_time import QueryFeatures, SpaceTimeConfig, SpaceTimeNetwork
from vostool.nn.aspp import ReadASPP
from vostool.nn.decoder import Decoder
from vostool.nn.key_value import KeyValueHead, ReadQueryConv2d
from vostool.nn.pairs import add_image_part


class Config(SpaceTimeConfig):
    """Choices of STM; see also `SpaceTimeConfig`.

    Attributes:
        aspp_rates: dilation rates of an ASPP before the decoder, as in FAMNet; () for none.
        aspp_dropout: on the ASPP's result, while training.
    """

    aspp_rates: tuple[int, ...] = ()
    aspp_dropout: float = Field(0.0, ge=0, lt=1)


class STM(SpaceTimeNetwork):
    """The network; satisfies `Segmenter`."""

    parts_that_may_be_new = frozenset({"aspp", "compress"})
    """An ASPP changes the width of what `compress` sees."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.memory_encoder = config.build_trunk(2)
        self.query_encoder = config.build_trunk(0)
        channels4, channels8, channels16 = self.query_encoder.channels
        sizes = (config.key_channels, config.value_channels)
        self.memory_head = KeyValueHead(channels16, *sizes)
        self.query_head = KeyValueHead(channels16, *sizes)
        value, width = config.value_channels, config.decoder_channels
        self.aspp: ReadASPP | None = None
        self.compress: nn.Conv2d = ReadQueryConv2d(value, value, width, 3)
        if config.aspp_rates:
            self.aspp = ReadASPP(value, value, width, config.aspp_rates, config.aspp_dropout)
            self.compress = nn.Conv2d(width, width, 3, padding=1)
        self.decoder = Decoder(channels4, channels8, config.decoder_channels)

    def _query(self, images: torch.Tensor) -> QueryFeatures:
        """See `SpaceTimeNetwork._query`."""
        stride4, stride8, stride16 = self.query_encoder(images)
        key, value = self.query_head(stride16)
        return QueryFeatures(
            key=key,
            context=self._mixer().query_part(value),
            skips=self.decoder.prepare(stride4, stride8),
            size=(stride16.shape[-2], stride16.shape[-1]),
        )

    def _memory_key_value(
        self, images: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.stack([masks, others], dim=1).to(images.dtype)
        return self.memory_head(self.memory_encoder(images, inputs, owner)[-1])

    def _compress(
        self,
        read: torch.Tensor,
        context: Any,
        owner: torch.Tensor,
        prior: torch.Tensor | None,
    ) -> torch.Tensor:
        mixer = self._mixer()
        if isinstance(mixer, ReadASPP):
            return self.compress(self._constrain(mixer(read, context, owner), prior))
        mixed = add_image_part(mixer.read_part(read), context, owner)
        return self._constrain(mixed, prior)

    def _mixer(self) -> ReadASPP | ReadQueryConv2d:
        """What sees read-out and query value together."""
        if self.aspp is not None:
            return self.aspp
        assert isinstance(self.compress, ReadQueryConv2d)
        return self.compress


def build(config: Config) -> STM:
    """The network of a configuration, weights as it says."""
    return STM(config)
