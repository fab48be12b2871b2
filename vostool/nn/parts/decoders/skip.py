"""`skip`: twice upsampled and joined by skips at strides 8 and 4 (STM, ICCV 2019, section 3.3)."""

from __future__ import annotations

from vostool.core.options import Options
from vostool.nn.decoder import Decoder
from vostool.nn.part_choice import Sizes


class Config(Options):
    """No choices; `decoder_channels` of the network is its width."""


def build(config: Config, sizes: Sizes) -> Decoder:
    """The decoder."""
    return Decoder(*sizes.skips, sizes.width)
