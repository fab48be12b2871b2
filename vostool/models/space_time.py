"""STM and the networks built on it: one composition of parts, for clips and frame by frame.

Axes: V views (or images), B clips, T frames, N objects, M (image, object) pairs; `owner [M]` is
the image that a pair belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from vostool.core.types import Clip, Fate
from vostool.models import former
from vostool.models.explaining import MemoryRelevance, relevance_of
from vostool.models.segmenter import FrameViews, InputSpec, Prediction
from vostool.models.space_time_config import SpaceTimeConfig
from vostool.nn import part_choice
from vostool.nn.aggregation import soft_aggregate
from vostool.nn.folding import freeze_statistics
from vostool.nn.memory import ObjectMemory
from vostool.nn.part_protocols import Decoder, Encoder, Mixer, Prior


@dataclass(frozen=True)
class QueryFeatures:
    """Object-independent features of V images.

    Attributes:
        key: `[V, hw, Ck]`.
        context: what the mixer makes of the query value.
        skips: what the decoder makes of its skips.
        size: feature height and width (h, w).
    """

    key: torch.Tensor
    context: Any
    skips: Any
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
    """Encoder, memory, mixer, prior, decoder and refinement; satisfies `Segmenter`."""

    parts_that_may_be_new = frozenset({"mixer", "prior", "refinement"})
    """So that training can start from a network without them, or with others."""

    encoder: Encoder
    memory: nn.Module
    mixer: Mixer
    prior: Prior | None
    decoder: Decoder
    refinement: nn.Module | None

    def __init__(self, config: SpaceTimeConfig):
        super().__init__()
        self.config = config
        self.encoder = part_choice.ENCODER.build(
            config.encoder, config.build_trunk, config.key_channels, config.value_channels
        )
        sizes = config.sizes(self.encoder.skips)
        self.memory = part_choice.MEMORY.build(config.memory, sizes)
        self.mixer = part_choice.MIXER.build(config.mixer, sizes)
        self.decoder = part_choice.DECODER.build(config.decoder, sizes)
        self.prior = None
        if not config.prior.left_out:
            self.prior = part_choice.PRIOR.build(config.prior, sizes)
        self.refinement = None
        if not config.refinement.left_out:
            self.refinement = part_choice.REFINEMENT.build(config.refinement)
        self.input_spec = InputSpec(
            mean=config.mean,
            std=config.std,
            pad=config.pad,
            every_frame=self.prior is not None,
        )

    def current_names(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Weights of a former version by the names of this one."""
        return former.current_names(weights)

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
        everyone = masks.sum(1, keepdim=True)
        wanted = [row for row in range(count) if fates[row] is not Fate.SKIP]
        for rows in frame.chunks(wanted):
            own = masks[:, rows]
            others = (everyone - own).clamp_(0, 1)
            owner = torch.arange(views, device=masks.device).repeat_interleave(len(rows))
            key, value = self.encoder.see_masks(
                frame.images, own.flatten(0, 1), others.flatten(0, 1), owner
            )
            keys = key.unflatten(0, (views, len(rows)))
            values = value.flatten(2).transpose(1, 2).unflatten(0, (views, len(rows)))
            for index, row in enumerate(rows):
                state.objects[row].write(keys[:, index], values[:, index], fates[row], frame.time)
        for row in set(range(count)) - set(wanted):
            state.objects[row].replaceable = None
        state.prior = None if self.prior is None else self.prior.of_masks(masks)

    def segment(self, frame: FrameViews, features: QueryFeatures, state: MemoryState) -> Prediction:
        """See `Segmenter.segment`; soft aggregation, where an object without memory counts as 0."""
        views, size = features.key.shape[0], frame.images.shape[-2:]
        result = features.key.new_zeros((views, len(state.objects), *size), dtype=torch.float32)
        held = {
            row: contents
            for row, item in enumerate(state.objects)
            if (contents := item.contents()) is not None
        }
        for rows in frame.chunks(list(held)):
            reads = [self.memory(features.key, *held[row]) for row in rows]
            read = torch.stack(reads, dim=1).flatten(0, 1)
            owner = torch.arange(views, device=read.device).repeat_interleave(len(rows))
            prior = None if state.prior is None else state.prior[:, rows].flatten(0, 1)
            decoded = self._refine(self._decode(read, features, owner, prior))
            result[:, rows] = _object_probability(decoded).unflatten(0, (views, len(rows)))
        logits, probabilities = soft_aggregate(result)
        return Prediction(probabilities, logits)

    def relevance(
        self, features: QueryFeatures, state: MemoryState, row: int, pixels: torch.Tensor
    ) -> MemoryRelevance | None:
        """See `ShowsRelevance`."""
        memory = state.objects[row]
        return relevance_of(memory, self.memory, features.key[0], pixels, features.size)

    # What both have in common

    def _query(self, images: torch.Tensor) -> QueryFeatures:
        """Features of images `[V, 3, H, W]` in model normalisation."""
        seen = self.encoder.see(images)
        return QueryFeatures(
            key=seen.key,
            context=self.mixer.query_part(seen.value),
            skips=self.decoder.prepare(seen.stride4, seen.stride8),
            size=(seen.value.shape[-2], seen.value.shape[-1]),
        )

    def _decode(
        self,
        read: torch.Tensor,
        features: QueryFeatures,
        owner: torch.Tensor,
        prior: torch.Tensor | None,
    ) -> torch.Tensor:
        """Read-out `[M, hw, Cv]`, prior `[M, h, w]` -> logits `[M, 2, H, W]`, object second."""
        maps = read.transpose(1, 2).unflatten(2, features.size)
        mixed = self.mixer(maps, features.context, owner)
        if self.prior is not None and prior is not None:
            mixed = self.prior(mixed, prior)
        return self.decoder(self.mixer.after_prior(mixed), features.skips, owner)

    def _refine(self, logits: torch.Tensor) -> torch.Tensor:
        return logits if self.refinement is None else self.refinement(logits)

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
        results: list[torch.Tensor] = []
        outputs: list[torch.Tensor] = []
        coarse: list[torch.Tensor] = []
        for frame in range(1, frames):
            key, value = self.encoder.see_masks(
                images[:, frame - 1], masks[owner, slot], _others(masks)[owner, slot], owner
            )
            keys.append(key)
            values.append(value.flatten(2).transpose(1, 2))
            query_of_pair = owner * (frames - 1) + frame - 1
            read = self.memory(queries.key[query_of_pair], torch.cat(keys, 1), torch.cat(values, 1))
            prior = None
            if self.prior is not None:
                seen = masks if given is None else given[:, frame]
                prior = self.prior.of_masks(seen)[owner, slot]
            decoded = self._decode(read, queries, query_of_pair, prior)
            if self.refinement is not None:
                coarse.append(_aggregate_pairs(decoded, clip, owner, slot)[0])
            logits, found = _aggregate_pairs(self._refine(decoded), clip, owner, slot)
            outputs.append(logits)
            results.append(found)
            masks = self._returned(found[:, 1:] * clip.present[..., None, None], found)
        extras = {"coarse": torch.stack(coarse, dim=1)} if coarse else {}
        return Prediction(torch.stack(results, dim=1), torch.stack(outputs, dim=1), extras)

    def _returned(self, masks: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        """Predicted masks `[B, N, H, W]` as they go back into memory while training.

        Args:
            found: the probabilities that they are of, `[B, N + 1, H, W]`.
        """
        config = self.config
        if config.hard_masks:
            rows = torch.arange(1, found.shape[1], device=found.device)[:, None, None]
            hard = (found.argmax(1, keepdim=True) == rows).to(masks.dtype)
            masks = torch.where(_chosen(config.hard_masks, masks), hard, masks)
        if config.detach_memory:
            return masks.detach()
        if config.detached_masks:
            masks = torch.where(_chosen(config.detached_masks, masks), masks.detach(), masks)
        return masks


def _chosen(probability: float, like: torch.Tensor) -> torch.Tensor:
    """Which clips a thing befalls, bool `[B, 1, 1, 1]`."""
    return torch.rand(len(like), 1, 1, 1, device=like.device) < probability


def _others(masks: torch.Tensor) -> torch.Tensor:
    """For each object the union of all others, `[V, N, H, W]` in [0, 1]."""
    return (masks.sum(1, keepdim=True) - masks).clamp(0, 1)


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
