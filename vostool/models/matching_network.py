"""CFBI, CFBI+ and CAMN: every instance is matched with given frames and with the previous frame.

The background is an instance like any object; one softmax decides among all of them.

Axes: V views (or images), B clips, T frames, N objects, K = N + 1 instances (background first),
H x W pixels, h x w feature pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from vostool.core.types import VOID, Clip, Fate
from vostool.models.explaining import MemoryRelevance, relevance_of
from vostool.models.matching_config import MatchingConfig
from vostool.models.matching_encoder import EncodedFrame, MatchingEncoder
from vostool.models.matching_state import ClipMemory, MatchingState, background_fate
from vostool.models.segmenter import MOST_AT_ONCE, FrameViews, InputSpec, Prediction
from vostool.nn.context.pyramid_attention import PyramidAttention, TransposedPyramidAttention
from vostool.nn.folding import freeze_statistics
from vostool.nn.foreground_memory import ForegroundBackgroundMemory, read_sides
from vostool.nn.instances.blocks import AppendedChannels, BottleneckInput
from vostool.nn.instances.ensembler import CollaborativeEnsembler, InstanceMaps
from vostool.nn.instances.gates import RegionSums, instance_vector
from vostool.nn.instances.head import min_background_logits
from vostool.nn.instances.matched_planes import MatchedPlanes, PlaneHead, told_embeddings
from vostool.nn.matching.distance import labels_at, one_hot_instances
from vostool.nn.matching.global_matching import ReferenceSet
from vostool.nn.memory import ObjectMemory


class MatchingNetwork(nn.Module):
    """The network; satisfies `Segmenter`."""

    parts_that_may_be_new = frozenset({"memory", "joined"})
    """So that training can start from a network without the memory; it computes the same first."""

    def __init__(self, config: MatchingConfig):
        super().__init__()
        self.config = config
        self.input_spec = InputSpec(
            mean=config.mean, std=config.std, remainder=1, pad=config.pad, every_frame=True
        )
        plans, width = config.plans(), config.width
        self.encoder = MatchingEncoder(config)
        self.matched = nn.ModuleList(MatchedPlanes(plan) for plan in plans)
        embedding = config.embedding if config.neck == "none" else width
        heads = [PlaneHead(plans[0].planes, config.plane_channels)] if config.neck == "none" else []
        self.plane_heads = nn.ModuleList(heads)
        planes = [config.plane_channels] if heads else [plan.planes for plan in plans]
        maps = [3 * embedding + count for count in planes] + [0] * (3 - len(planes))
        low = self.encoder.trunk.channels[0]
        self.ensembler = CollaborativeEnsembler(
            *(maps[0], maps[1], maps[2], 4 * embedding, low, width, config.shortcut),
            context=_head_context(config),
        )
        self.memory: ForegroundBackgroundMemory | None = None
        self.joined: AppendedChannels | None = None
        if config.memory != "off":
            self.memory = ForegroundBackgroundMemory(
                width,
                config.memory_key_channels,
                config.memory_value_channels,
                width,
                scheme=config.memory,
                shared_key=config.shared_key,
                weighted=config.weighted,
            )
            self.joined = AppendedChannels(width, self.ensembler.joining_block())
        _freeze_batch_norm(self)

    def train(self, mode: bool = True) -> MatchingNetwork:
        """Set training mode; BatchNorm stays frozen, as in CFBI."""
        super().train(mode)
        freeze_statistics(self)
        return self

    # Inference, one frame at a time

    def start(self, max_memory: int | None = None) -> MatchingState:
        """See `Segmenter.start`."""
        return MatchingState(max_memory, [ReferenceSet() for _ in self.matched])

    def encode(self, frame: FrameViews) -> EncodedFrame:
        """See `Segmenter.encode`."""
        return self.encoder(frame.images)

    def segment(
        self, frame: FrameViews, features: EncodedFrame, state: MatchingState
    ) -> Prediction:
        """See `Segmenter.segment`; one softmax over background and objects."""
        return Prediction.of_logits(self._logits(features, state, frame.chunk).float())

    def memorize(
        self,
        frame: FrameViews,
        features: EncodedFrame,
        probabilities: torch.Tensor,
        state: MatchingState,
        fates: Sequence[Fate],
    ) -> None:
        """See `Segmenter.memorize`.

        Matching takes hard labels, the memory soft masks. A frame in which any mask is given joins
        the reference set as a whole, with what was predicted of the other objects.
        """
        self._remember(frame.time, features, probabilities, state, fates, frame.chunk)

    def relevance(
        self, features: EncodedFrame, state: MatchingState, row: int, pixels: torch.Tensor
    ) -> MemoryRelevance | None:
        """See `ShowsRelevance`: of the foreground's side; None without a memory."""
        stored = state.stored[row + 1] if self.memory is not None else None
        if self.memory is None or not isinstance(stored, ObjectMemory):
            return None
        key, value = self.memory.query(features.coarse[:1])
        size = (value.shape[-2], value.shape[-1])
        return relevance_of(stored, read_sides, key[0], pixels, size)

    def _remember(
        self,
        time: int,
        features: EncodedFrame,
        probabilities: torch.Tensor,
        state: MatchingState,
        fates: Sequence[Fate],
        at_once: int = MOST_AT_ONCE,
    ) -> None:
        """`memorize`, also in training; so many instances go through the memory's part together."""
        state.instances = probabilities.shape[1]
        state.labels = probabilities.argmax(1)
        state.previous = features.embeddings
        if Fate.GIVEN in fates or state.regions is None:
            self._add_reference(features, state)
        if self.memory is not None:
            self._store(time, features, probabilities, state, fates, at_once)

    def _add_reference(self, features: EncodedFrame, state: MatchingState) -> None:
        assert state.labels is not None
        scales = zip(self._matched(), state.references, features.embeddings, strict=True)
        for matched, reference, embedding in scales:
            labels = labels_at(state.labels, _size(embedding))
            matched.add_reference(reference, embedding, labels, state.instances)
        published = self.config.sampled_vectors and self.training
        rate = self.config.training_rates[0] if published else 1
        sums = _region_sums(features.embeddings[0], state, rate)
        state.regions = sums if state.regions is None else state.regions + sums

    def _store(
        self,
        time: int,
        features: EncodedFrame,
        probabilities: torch.Tensor,
        state: MatchingState,
        fates: Sequence[Fate],
        at_once: int,
    ) -> None:
        """Write the memories; the background keeps a frame that any object keeps."""
        assert self.memory is not None
        while len(state.stored) < state.instances:
            state.stored.append(ObjectMemory(state.max_memory))
        whole = [background_fate(fates), *fates]
        wanted = [row for row, fate in enumerate(whole) if fate is not Fate.SKIP]
        for start in range(0, len(wanted), at_once):
            rows = wanted[start : start + at_once]
            keys, values = self.memory.memory(features.coarse, probabilities[:, rows])
            for index, row in enumerate(rows):
                state.stored[row].write(keys[:, index], values[:, index], whole[row], time)
        for row in set(range(len(whole))) - set(wanted):
            nothing = features.coarse.new_empty(0)
            state.stored[row].write(nothing, nothing, Fate.SKIP, time)

    # What one frame looks like, given the ones before

    def _logits(
        self, now: EncodedFrame, state: MatchingState, at_once: int = MOST_AT_ONCE
    ) -> torch.Tensor:
        """Logits `[V, K, H, W]` of a frame; so many instances go through the ensembler together."""
        assert state.labels is not None and state.regions is not None
        vectors = instance_vector(state.regions, _region_sums(state.previous[0], state))
        vectors = vectors.to(now.low.dtype)
        planes = [
            matched(
                embedding,
                before,
                labels_at(state.labels, _size(embedding)),
                reference,
                state.instances,
            )
            for matched, embedding, before, reference in zip(
                self._matched(), now.embeddings, state.previous, state.references, strict=True
            )
        ]
        query = None if self.memory is None else self.memory.query(now.coarse)
        sides = []
        for start in range(0, state.instances, at_once):
            rows = slice(start, min(start + at_once, state.instances))
            maps = self._instance_maps(now, state, [part[:, rows] for part in planes], rows)
            extra = None if query is None else self._remembered(query, now, state, rows)
            sides.append(self.ensembler.sides(maps, vectors[:, rows], now.low, extra))
        foreground, background = (torch.cat(parts, 1) for parts in zip(*sides, strict=True))
        logits = min_background_logits(foreground, background)
        return F.interpolate(logits, now.size, mode="bilinear", align_corners=True)

    def _instance_maps(
        self, now: EncodedFrame, state: MatchingState, planes: list[torch.Tensor], rows: slice
    ) -> InstanceMaps:
        """Per-instance tensors of some instances; planes are theirs, `[V, k, P, h, w]`."""
        assert state.labels is not None
        maps = []
        for part, embedding, before in zip(planes, now.embeddings, state.previous, strict=True):
            labels = labels_at(state.labels, _size(embedding))
            masks = one_hot_instances(labels, state.instances)[:, rows]
            told = told_embeddings(embedding, before, masks)
            flat = part.flatten(0, 1).to(embedding.dtype)
            maps.append(
                torch.cat([*told, self.plane_heads[0](flat)], 1)
                if self.plane_heads
                else torch.cat([flat, *told], 1)
            )
        return InstanceMaps(*maps)

    def _remembered(
        self,
        query: tuple[torch.Tensor, torch.Tensor],
        now: EncodedFrame,
        state: MatchingState,
        rows: slice,
    ) -> BottleneckInput:
        """What the memories of some instances add to the ensembler."""
        assert self.memory is not None and self.joined is not None
        found = []
        for store in state.stored[rows]:
            contents = store.contents()
            if contents is None:
                found.append(torch.zeros_like(now.coarse))
            else:
                found.append(self.memory.read(query, *contents))
        read = torch.stack(found, 1).flatten(0, 1)
        if not self.ensembler.scales:
            size = _size(now.embeddings[0])
            read = F.interpolate(read, size, mode="bilinear", align_corners=True)
        return self.joined(read)

    def _matched(self) -> list[MatchedPlanes]:
        return [part for part in self.matched if isinstance(part, MatchedPlanes)]

    # Training, whole clips

    def forward(self, clip: Clip) -> Prediction:
        """See `Segmenter.forward`: frame 0 is the reference, every later one has its previous one.

        The previous frame's labels are the true ones where the clip comes with `previous` (CFBI's
        first half of the training), else the network's own, without a gradient. Rows of objects
        that a clip does not have are minus infinity.
        """
        count, frames = clip.images.shape[:2]
        encoded = self.encoder(self.input_spec.normalise(clip.images).flatten(0, 1))
        shape = (count, frames - 1, clip.present.shape[1] + 1, *encoded.size)
        logits = encoded.low.new_full(shape, float("-inf"), dtype=torch.float32)
        single = encoded.frames()
        for index in range(count):
            own = single[index * frames : (index + 1) * frames]
            rows = torch.cat([clip.present.new_ones(1), clip.present[index]]).nonzero()[:, 0]
            labels = _rows_only(clip.labels[index], rows)
            found = self._clip_logits(own, labels, len(rows), clip.previous is not None)
            logits[index, :, rows] = found.float()
        return Prediction.of_logits(logits)

    def _clip_logits(
        self, frames: list[EncodedFrame], labels: torch.Tensor, instances: int, truth: bool
    ) -> torch.Tensor:
        """Logits `[T-1, K, H, W]` of one clip; labels `[T, H, W]` are 0..K-1 or void."""
        state = self.start()
        state.stored = [ClipMemory() for _ in range(instances)]
        fates = [Fate.GIVEN] * (instances - 1)
        masks = one_hot_instances(labels, instances)
        found: list[torch.Tensor] = []
        for time, frame in enumerate(frames):
            soft = masks[time, None]
            if time:
                logits = self._frame_logits(frame, state)
                found.append(logits[0])
                soft = soft if truth else logits.detach().float().softmax(1)
            if time < len(frames) - 1:
                self._remember(time, frame, soft, state, fates)
            fates = [Fate.KEEP] * (instances - 1)
        return torch.stack(found)

    def _frame_logits(self, frame: EncodedFrame, state: MatchingState) -> torch.Tensor:
        if not (self.config.checkpoint_frames and torch.is_grad_enabled()):
            return self._logits(frame, state)
        # The state goes on before the backward pass computes this again.
        now = state.snapshot()
        return checkpoint(self._logits, frame, now, use_reentrant=False)


def _head_context(config: MatchingConfig) -> nn.Module | None:
    """What takes the place of the ensembler's ASPP, `2 * width` to `width` channels."""
    if config.pyramid_attention == "off":
        return None
    transposed = config.pyramid_attention == "head-transposed"
    kind = TransposedPyramidAttention if transposed else PyramidAttention
    return nn.Sequential(nn.Conv2d(2 * config.width, config.width, 1), kind(config.width))


def _freeze_batch_norm(network: nn.Module) -> None:
    """No BatchNorm learns anything, neither statistics nor scale and shift."""
    freeze_statistics(network)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.requires_grad_(False)


def _size(maps: torch.Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]


def _region_sums(embedding: torch.Tensor, state: MatchingState, rate: int = 1) -> RegionSums:
    """Sums of an embedding over the instances of the state's labels."""
    assert state.labels is not None
    labels = labels_at(state.labels, _size(embedding))
    return RegionSums.of(embedding, one_hot_instances(labels, state.instances), rate)


def _rows_only(labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Labels with the given rows counted through; all others are background, void stays."""
    table = torch.zeros(VOID + 1, dtype=torch.long, device=labels.device)
    table[rows] = torch.arange(len(rows), device=labels.device)
    table[VOID] = VOID
    return table[labels]
