"""Names of the tensors in the weights file that STM's authors released, mapped to ours.

The file holds the state of a network with modules Encoder_M, Encoder_Q, KV_M_r4, KV_Q_r4 and
Decoder (with or without "module." in front, as DataParallel saves it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from vostool.core.errors import CheckpointError

_RULES: tuple[tuple[str, str], ...] = (
    (r"Encoder_M\.conv1_m\.", "encoder.memory.net.conv1.masks.0."),
    (r"Encoder_M\.conv1_o\.", "encoder.memory.net.conv1.masks.1."),
    (r"Encoder_M\.conv1\.", "encoder.memory.net.conv1.rgb."),
    (r"Encoder_M\.res2\.", "encoder.memory.net.layer1."),
    (r"Encoder_M\.res3\.", "encoder.memory.net.layer2."),
    (r"Encoder_M\.res4\.", "encoder.memory.net.layer3."),
    (r"Encoder_M\.", "encoder.memory.net."),
    (r"Encoder_Q\.res2\.", "encoder.query.net.layer1."),
    (r"Encoder_Q\.res3\.", "encoder.query.net.layer2."),
    (r"Encoder_Q\.res4\.", "encoder.query.net.layer3."),
    (r"Encoder_Q\.", "encoder.query.net."),
    (r"KV_M_r4\.Key\.", "encoder.memory_head.key."),
    (r"KV_M_r4\.Value\.", "encoder.memory_head.value."),
    (r"KV_Q_r4\.Key\.", "encoder.query_head.key."),
    (r"KV_Q_r4\.Value\.", "encoder.query_head.value."),
    (r"Decoder\.convFM\.", "mixer.compress."),
    (r"Decoder\.ResMM\.", "decoder.block."),
    (r"Decoder\.RF3\.convFS\.", "decoder.refine8.skip_conv."),
    (r"Decoder\.RF3\.ResFS\.", "decoder.refine8.skip_block."),
    (r"Decoder\.RF3\.ResMM\.", "decoder.refine8.block."),
    (r"Decoder\.RF2\.convFS\.", "decoder.refine4.skip_conv."),
    (r"Decoder\.RF2\.ResFS\.", "decoder.refine4.skip_block."),
    (r"Decoder\.RF2\.ResMM\.", "decoder.refine4.block."),
    (r"Decoder\.pred2\.", "decoder.predict."),
)

_CONSTANTS = re.compile(r"Encoder_[MQ]\.(mean|std)$")
"""Normalisation constants, which we keep in the configuration."""


def is_released(state: Mapping[str, torch.Tensor]) -> bool:
    """Whether these are the names of the released file."""
    return any(key.removeprefix("module.").startswith("Encoder_M.") for key in state)


def convert(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """State of `vostool.models.systems.stm` with a ResNet-50 from that of the released network.

    Raises:
        CheckpointError: a tensor has a name that the released network does not have.
    """
    result = {}
    for name, tensor in state.items():
        plain = name.removeprefix("module.")
        if _CONSTANTS.match(plain):
            continue
        for pattern, ours in _RULES:
            if re.match(pattern, plain):
                result[re.sub(pattern, ours, plain, count=1)] = tensor
                break
        else:
            raise CheckpointError(
                f"the released STM network has no tensor named {plain}",
                remedy="give the unchanged weights file of its authors",
            )
    return result
