"""What STM and the networks built on it share: one clip in training, one frame at a time later.

Axes: V views (or images), B clips, T frames, N objects, M (image, object) pairs; `owner [M]` is
the image that a pair belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from vostool.core.types import Clip, Fate
from vostool.models.segmenter import FrameViews, InputSpec, Prediction
from vostool.nn.aggregation import soft_aggregate
from vostool.nn.decoder import Decoder, Skips
from vostool.nn.folding import freeze_statistics
from vostool.nn.memory import ObjectMemory, memory_read
from vostool.nn.refine_trunk import RefineTrunk
from vostool.nn.trunk import MaskStem, Trunk
from vostool.nn.trunk_options import TrunkOptions

PAIRS_AT_ONCE = 8
"""Objects that go through encoder and decoder together at inference: bounds the peak memory."""


class SpaceTimeConfig(BaseModel):
    """Choices that all space-time memory networks have.

    Attributes:
        backbone: any timm architecture with features at strides 4, 8, 16.
        backbone_options: changes to that architecture.
        refine: add a feature pyramid to the backbone; "resnet50" becomes Refine-50 of paper 004.
        weights: "none", "imagenet", or a file in timm's names.
        mask_weights: factor on the initial weights of the masks' first convolutions; 0 for an
            encoder that sees no mask before training. One encoder for memory and query begins
            with keys that match best where the masks are alike; less weight lets images count.
        mean, std: normalisation that the backbone's weights were trained with.
        key_channels, value_channels: of keys and values in memory.
        decoder_channels: width of the decoder.
        pad: pad frames to multiples of 16 (True) or resize them (False).
        detach_memory: cut the gradient at the predicted mask that goes back into memory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = "resnet50"
    backbone_options: TrunkOptions = TrunkOptions()
    refine: bool = False
    weights: str = "none"
    mask_weights: float = Field(1.0, ge=0)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    key_channels: int = Field(128, ge=1)
    value_channels: int = Field(512, ge=1)
    decoder_channels: int = Field(256, ge=1)
    pad: bool = True
    detach_memory: bool = False

    def build_trunk(self, mask_channels: int) -> Trunk | RefineTrunk:
        """An encoder as configured, which takes so many masks besides RGB."""
        kind = RefineTrunk if self.refine else Trunk
        trunk = kind(self.backbone, mask_channels, self.weights, self.backbone_options)
        for module in trunk.modules():
            if isinstance(module, MaskStem):
                module.scale_masks(self.mask_weights)
        return trunk


@dataclass(frozen=True)
class QueryFeatures:
    """Object-independent features of V images.

    Attributes:
        key: `[V, hw, Ck]`.
        context: what the read-out's first convolutions make of the query value.
        skips: decoder skips after their own convolutions.
        size: feature height and width (h, w).
    """

    key: torch.Tensor
    context: Any
    skips: Skips
    size: tuple[int, int]


@dataclass
class MemoryState:
    """One memory per object; rows are objects in order of arrival.

    Attributes:
        prior: `[V, N, h, w]` of the last frame's masks, in networks that use them.
    """

    max_memory: int | None
    objects: list[ObjectMemory]
    prior: torch.Tensor | None = None


class SpaceTimeNetwork(nn.Module):
    """Base of STM-like networks.

    A subclass sets `decoder` and implements `_query`, `_memory_key_value` and `_compress`.
    """

    decoder: Decoder

    def __init__(self, config: SpaceTimeConfig):
        super().__init__()
        self.config = config
        self.input_spec = InputSpec(mean=config.mean, std=config.std, pad=config.pad)

    def _query(self, images: torch.Tensor) -> QueryFeatures:
        """Features of images `[V, 3, H, W]` in model normalisation."""
        raise TypeError(f"{type(self).__name__} does not define _query")

    def _memory_key_value(
        self, images: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Images `[V, 3, H, W]`, masks `[M, H, W]` -> key `[M, hw, Ck]`, value `[M, Cv, h, w]`."""
        raise TypeError(f"{type(self).__name__} does not define _memory_key_value")

    def _compress(
        self,
        read: torch.Tensor,
        context: Any,
        owner: torch.Tensor,
        prior: torch.Tensor | None,
    ) -> torch.Tensor:
        """Read-out `[M, Cv, h, w]`, query context, prior -> decoder input `[M, C, h, w]`.

        What `_constrain` is to see goes through it here.
        """
        raise TypeError(f"{type(self).__name__} does not define _compress")

    # What a network may add

    def _prior(self, masks: torch.Tensor) -> torch.Tensor | None:
        """Masks of a frame `[V, N, H, W]` -> prior for the next one `[V, N, h, w]`, or None."""
        return None

    def _constrain(self, features: torch.Tensor, prior: torch.Tensor | None) -> torch.Tensor:
        """Features before the decoder `[M, C, h, w]`, narrowed down by the prior `[M, h, w]`."""
        return features

    def _refine(self, logits: torch.Tensor) -> torch.Tensor:
        """The decoder's `[M, 2, H, W]`, improved; the very same tensor where nothing is done."""
        return logits

    def train(self, mode: bool = True) -> SpaceTimeNetwork:
        """Set training mode; BatchNorm statistics stay frozen (STM trains with them frozen)."""
        super().train(mode)
        freeze_statistics(self)
        return self

    # Inference, one frame at a time

    def start(self, max_memory: int | None = None) -> MemoryState:
        """See `Segmenter.start`."""
        return MemoryState(max_memory, [])

    def encode(self, frame: FrameViews) -> QueryFeatures:
        """See `Segmenter.encode`."""
        return self._query(frame.images)

    def memorize(
        self,
        frame: FrameViews,
        features: QueryFeatures,
        probabilities: torch.Tensor,
        state: MemoryState,
        fates: Sequence[Fate],
    ) -> None:
        """See `Segmenter.memorize`; objects that skip the frame are not encoded."""
        masks = probabilities[:, 1:]
        views, count = masks.shape[:2]
        while len(state.objects) < count:
            state.objects.append(ObjectMemory(state.max_memory))
        others = (masks.sum(1, keepdim=True) - masks).clamp(0, 1)
        wanted = [row for row in range(count) if fates[row] is not Fate.SKIP]
        for start in range(0, len(wanted), PAIRS_AT_ONCE):
            rows = wanted[start : start + PAIRS_AT_ONCE]
            owner = torch.arange(views, device=masks.device).repeat_interleave(len(rows))
            key, value = self._memory_key_value(
                frame.images, masks[:, rows].flatten(0, 1), others[:, rows].flatten(0, 1), owner
            )
            keys = key.unflatten(0, (views, len(rows)))
            values = value.flatten(2).transpose(1, 2).unflatten(0, (views, len(rows)))
            for index, row in enumerate(rows):
                state.objects[row].write(keys[:, index], values[:, index], fates[row], frame.time)
        for row in set(range(count)) - set(wanted):
            state.objects[row].replaceable = None

    def segment(self, frame: FrameViews, features: QueryFeatures, state: MemoryState) -> Prediction:
        """See `Segmenter.segment`; soft aggregation, where an object without memory counts as 0."""
        height, width = features.size
        views = features.key.shape[0]
        result = features.key.new_zeros(
            (views, len(state.objects), height * 16, width * 16), dtype=torch.float32
        )
        reads = {
            row: memory_read(features.key, *contents)
            for row, item in enumerate(state.objects)
            if (contents := item.contents()) is not None
        }
        known = list(reads)
        for start in range(0, len(known), PAIRS_AT_ONCE):
            rows = known[start : start + PAIRS_AT_ONCE]
            read = torch.stack([reads[row] for row in rows], dim=1).flatten(0, 1)
            owner = torch.arange(views, device=read.device).repeat_interleave(len(rows))
            prior = None if state.prior is None else state.prior[:, rows].flatten(0, 1)
            decoded = self._refine(self._decode(read, features, owner, prior))
            result[:, rows] = _object_probability(decoded).unflatten(0, (views, len(rows)))
        logits, probabilities = soft_aggregate(result)
        return Prediction(probabilities, logits)

    def _decode(
        self,
        read: torch.Tensor,
        features: QueryFeatures,
        owner: torch.Tensor,
        prior: torch.Tensor | None,
    ) -> torch.Tensor:
        """Read-out `[M, hw, Cv]`, prior `[M, h, w]` -> logits `[M, 2, H, W]`, object second."""
        maps = read.transpose(1, 2).unflatten(2, features.size)
        compressed = self._compress(maps, features.context, owner, prior)
        return self.decoder(compressed, features.skips, owner)

    # Training, whole clips

    def forward(self, clip: Clip) -> Prediction:
        """See `Segmenter.forward`: memorise frame t with its mask, segment frame t + 1, go on.

        Frame 0 is memorised with the given mask, later ones with the predicted soft mask. The
        prior, in networks that have one, is of `clip.previous`, or else of the mask memorised last.
        Extras: "coarse", logits `[B, T-1, N+1, H, W]` before the refinement, where there is one.
        """
        frames = clip.images.shape[1]
        images = self.input_spec.normalise(clip.images)
        owner, slot = clip.present.nonzero(as_tuple=True)
        masks = _one_hot(clip.labels[:, :1], clip.present)[:, 0]
        given = None if clip.previous is None else _one_hot(clip.previous, clip.present)
        queries = self._query(images[:, 1:].flatten(0, 1))
        keys: list[torch.Tensor] = []
        values: list[torch.Tensor] = []
        outputs: list[torch.Tensor] = []
        results: list[torch.Tensor] = []
        coarse: list[torch.Tensor] = []
        for frame in range(1, frames):
            others = (masks.sum(1, keepdim=True) - masks).clamp(0, 1)
            key, value = self._memory_key_value(
                images[:, frame - 1], masks[owner, slot], others[owner, slot], owner
            )
            keys.append(key)
            values.append(value.flatten(2).transpose(1, 2))
            query_of_pair = owner * (frames - 1) + frame - 1
            read = memory_read(queries.key[query_of_pair], torch.cat(keys, 1), torch.cat(values, 1))
            prior = self._prior(masks if given is None else given[:, frame])
            of_pair = None if prior is None else prior[owner, slot]
            decoded = self._decode(read, queries, query_of_pair, of_pair)
            refined = self._refine(decoded)
            if refined is not decoded:
                coarse.append(_aggregate_pairs(decoded, clip, owner, slot)[0])
            logits, aggregated = _aggregate_pairs(refined, clip, owner, slot)
            outputs.append(logits)
            results.append(aggregated)
            masks = aggregated[:, 1:] * clip.present[..., None, None]
            if self.config.detach_memory:
                masks = masks.detach()
        extras = {"coarse": torch.stack(coarse, dim=1)} if coarse else {}
        return Prediction(torch.stack(results, dim=1), torch.stack(outputs, dim=1), extras)


def _one_hot(labels: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Labels `[B, T, H, W]` -> float32 `[B, T, N, H, W]`, without objects that are not present."""
    rows = torch.arange(1, present.shape[1] + 1, device=labels.device)
    masks = labels[:, :, None] == rows[:, None, None]
    return (masks & present[:, None, :, None, None]).float()


def _object_probability(logits: torch.Tensor) -> torch.Tensor:
    """`[M, 2, H, W]` -> float32 `[M, H, W]`."""
    return logits.float().softmax(1)[:, 1]


def _aggregate_pairs(
    logits: torch.Tensor, clip: Clip, owner: torch.Tensor, slot: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs `[M, 2, H, W]` -> logits and probabilities `[B, N+1, H, W]` after aggregation."""
    found = _object_probability(logits)
    probabilities = found.new_zeros((*clip.present.shape, *found.shape[-2:]))
    return soft_aggregate(probabilities.index_put((owner, slot), found))
