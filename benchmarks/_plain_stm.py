"""STM's propagation written down plainly, in the manner of the code published with the papers.

Every object has its own copy of the image in the memory encoder and of the skip features in the
decoder; the affinity of all query pixels with all memory pixels is held whole; memories are lists
that are joined anew for every frame; BatchNorm stands by itself; tensors are contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from _measure import SPACING, fill
from torch.nn import functional as F

from vostool.models.space_time import SpaceTimeNetwork

Memory = list[tuple[int, torch.Tensor, torch.Tensor]]
"""Time, key `[N, hw, Ck]`, value `[N, hw, Cv]` of each frame held."""


def plain_propagation(
    network: SpaceTimeNetwork, images: Sequence[np.ndarray], given: np.ndarray, held: int
) -> Iterator[torch.Tensor]:
    """Yield probabilities `[N+1, H, W]` of every frame; the first one's are the given mask.

    Args:
        network: in eval mode, BatchNorm not folded.
        images: uint8 `[H, W, 3]` each, all of one size.
        given: uint8 `[H, W]`, ids 1..N.
        held: permanent frames; the memory is filled ahead with moved copies of the first frame.
    """
    planes = np.stack([given == row for row in range(int(given.max()) + 1)])
    probabilities = torch.from_numpy(planes).float()
    yield probabilities
    permanent: Memory = []
    height, width = given.shape
    top, left = (-height % 16) // 2, (-width % 16) // 2
    for index in range(1, len(images)):
        with torch.inference_mode():
            sides = (left, -width % 16 - left, top, -height % 16 - top)
            before = prepare_image(network, images[index - 1], sides)
            key, value = memorise(network, before, F.pad(probabilities[1:], sides))
            if index == 1:
                permanent = [(0, key, value), *fill(key, value, held)]
            frames = [*permanent, (index - 1, key, value)] if index > 1 else permanent
            if index > 1 and (index - 1) % SPACING == 0:
                permanent = thin_out(frames, held)
                frames = permanent
            found = segment(network, prepare_image(network, images[index], sides), frames)
            padded = aggregate(found)
            probabilities = padded[:, top : top + height, left : left + width]
        yield probabilities


def prepare_image(
    network: SpaceTimeNetwork, image: np.ndarray, sides: Sequence[int]
) -> torch.Tensor:
    """uint8 `[H, W, 3]` -> `[1, 3, h, w]`, padded and normalised."""
    scaled = torch.from_numpy(image).permute(2, 0, 1)[None].float().contiguous() / 255
    return network.input_spec.normalise(F.pad(scaled, list(sides)))


def memorise(network: SpaceTimeNetwork, image: torch.Tensor, masks: torch.Tensor) -> tuple:
    """Image `[1, 3, h, w]` and masks `[N, h, w]` -> key and value `[N, pixels, C]`."""
    count = len(masks)
    others = torch.stack(
        [sum(masks[j] for j in range(count) if j != i) + 0 * masks[i] for i in range(count)]
    ).clamp(0, 1)
    repeated = image.repeat(count, 1, 1, 1)
    inputs = torch.stack([masks, others], dim=1)
    feature = network.encoder.memory(repeated, inputs, torch.arange(count))[-1]
    key, value = (
        network.encoder.memory_head.key(feature),
        network.encoder.memory_head.value(feature),
    )
    return key.flatten(2).transpose(1, 2), value.flatten(2).transpose(1, 2)


def segment(network: SpaceTimeNetwork, image: torch.Tensor, memory: Memory) -> torch.Tensor:
    """Image `[1, 3, h, w]` -> probabilities per object `[N, h, w]`."""
    stride4, stride8, stride16 = network.encoder.query(image)
    keys = torch.cat([key for _, key, _ in memory], dim=1)
    values = torch.cat([value for _, _, value in memory], dim=1)
    count = len(keys)
    query_key = network.encoder.query_head.key(stride16).flatten(2).repeat(count, 1, 1)
    query_value = network.encoder.query_head.value(stride16).repeat(count, 1, 1, 1)
    affinity = (torch.bmm(keys, query_key) / math.sqrt(keys.shape[-1])).softmax(dim=1)
    read = torch.bmm(values.transpose(1, 2), affinity).view_as(query_value)
    x = network.mixer.compress(torch.cat([read, query_value], dim=1))
    decoder = network.decoder
    x = decoder.block(x)
    for refine, skip in ((decoder.refine8, stride8), (decoder.refine4, stride4)):
        finer = refine.skip_block(refine.skip_conv(skip.repeat(count, 1, 1, 1)))
        x = refine.block(
            finer + F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        )
    logits = F.interpolate(
        decoder.predict(F.relu(x)), scale_factor=4, mode="bilinear", align_corners=False
    )
    return logits.softmax(dim=1)[:, 1]


def aggregate(found: torch.Tensor) -> torch.Tensor:
    """Per-object probabilities `[N, h, w]` -> `[N+1, h, w]`, sum 1 (STM section 3.4)."""
    channels = torch.cat([(1 - found).prod(0, keepdim=True), found]).clamp(1e-7, 1 - 1e-7)
    odds = channels / (1 - channels)
    return odds / odds.sum(0, keepdim=True)


def thin_out(frames: Memory, held: int) -> Memory:
    """Drop the frame whose neighbours in time are closest together, never the first or last."""
    if len(frames) <= held:
        return frames
    ordered = sorted(frames, key=lambda item: item[0])
    gaps = [ordered[i + 1][0] - ordered[i - 1][0] for i in range(1, len(ordered) - 1)]
    del ordered[1 + gaps.index(min(gaps))]
    return ordered
