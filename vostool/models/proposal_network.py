"""A network that matches proposals with objects' templates, and refines the masks (DMN-AOA).

Axes: V views, B clips, T frames, N objects, P proposals, M (image, object) pairs, h x w features at
stride 16, h4 x w4 pixels at stride 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from vostool.core.types import Clip, Fate
from vostool.models.clip_pairs import ClipPairs
from vostool.models.explaining import AlignedPoints, MemoryRelevance, relevance_of
from vostool.models.object_matching import Matched, ObjectMatching, Scene, Similarities
from vostool.models.proposal_clips import ClipMatching
from vostool.models.proposal_config import ProposalConfig
from vostool.models.proposal_state import ProposalFeatures, ProposalState
from vostool.models.segmenter import FrameViews, InputSpec, Prediction
from vostool.nn.aggregation import soft_aggregate
from vostool.nn.decoder import Decoder
from vostool.nn.dynamic_memory import MemoryEncoder, read_object
from vostool.nn.folding import freeze_statistics
from vostool.nn.key_value import KeyValueHead
from vostool.nn.memory import ObjectMemory
from vostool.nn.pairs import add_image_part
from vostool.nn.proposal_matching import (
    MASK_STRIDE,
    Candidates,
    ProposalMatcher,
    Templates,
    candidates_of,
    templates_of,
)
from vostool.nn.trunk import Trunk


class ProposalNetwork(nn.Module):
    """The network; satisfies `Segmenter`.

    Extras at inference, per view: "coarse" `[V, N, h4, w4]` masks before refinement, "matches"
    (index of each object's proposal, or None where none fits) and "proposals".
    """

    parts_that_may_be_new = frozenset({"matcher"})

    def __init__(self, config: ProposalConfig):
        super().__init__()
        self.config = config
        self.input_spec = InputSpec(
            mean=config.mean,
            std=config.std,
            pad=config.pad,
            every_frame=True,
            proposals=config.proposals == "detector",
        )
        width, values = config.channels, config.value_channels
        self.trunk = Trunk(config.backbone, 0, config.weights, config.backbone_options)
        channels4, channels8, channels16 = self.trunk.channels
        self.reduce = nn.Conv2d(channels16, width, 1)
        self.query_head = KeyValueHead(width, config.key_channels, values)
        self.memory_encoder = MemoryEncoder(width, config.key_channels, values)
        self.matcher = ProposalMatcher(
            values,
            config.template_mode,
            config.alignment,
            config.mask_prior,
            config.region_cells,
        )
        self.decoder = Decoder(channels4, channels8, config.decoder_channels)
        self.enter_image = nn.Conv2d(width, config.decoder_channels, 3, padding=1)
        self.enter_object = nn.Conv2d(values + 3, config.decoder_channels, 3, padding=1, bias=False)

    @property
    def _matching(self) -> ObjectMatching:
        return ObjectMatching(
            self.matcher,
            by_share=self.config.object_memory,
            nearest=self.config.matching == "nearest",
            exact=self.config.hard == "lsa",
        )

    def train(self, mode: bool = True) -> ProposalNetwork:
        """Set training mode; BatchNorm statistics stay frozen."""
        super().train(mode)
        freeze_statistics(self)
        return self

    # Inference, one frame at a time

    def start(self, max_memory: int | None = None) -> ProposalState:
        """See `Segmenter.start`."""
        return ProposalState(max_memory)

    def encode(self, frame: FrameViews) -> ProposalFeatures:
        """See `Segmenter.encode`."""
        given: tuple[Candidates | None, ...] = (None,) * len(frame.images)
        if frame.proposals is not None:
            given = tuple(candidates_of(item) for item in frame.proposals)
        return self._features(frame.images, given)

    def _features(
        self, images: torch.Tensor, proposals: tuple[Candidates | None, ...]
    ) -> ProposalFeatures:
        stride4, stride8, stride16 = self.trunk(images)
        maps = self.reduce(stride16)
        key, value = self.query_head(maps)
        return ProposalFeatures(maps, key, value, self.decoder.prepare(stride4, stride8), proposals)

    def memorize(
        self,
        frame: FrameViews,
        features: ProposalFeatures,
        probabilities: torch.Tensor,
        state: ProposalState,
        fates: Sequence[Fate],
    ) -> None:
        """See `Segmenter.memorize`; a given mask also becomes the object's template."""
        masks = probabilities[:, 1:]
        views, count = masks.shape[:2]
        state.last = F.avg_pool2d(masks, MASK_STRIDE)
        while len(state.memories) < count:
            state.memories.append(ObjectMemory(state.max_memory))
            state.templates.append(None)
        owner = torch.arange(views, device=masks.device)
        for row, fate in enumerate(fates):
            if fate is Fate.GIVEN or state.templates[row] is None:
                per_view = [
                    templates_of(
                        features.value[view],
                        state.last[view, row : row + 1],
                        self.config.region_cells,
                    )
                    for view in range(views)
                ]
                state.templates[row] = Templates.joined(per_view)
            if fate is Fate.SKIP:
                state.memories[row].replaceable = None
                continue
            others = (masks.sum(1) - masks[:, row]).clamp(0, 1)
            keys, values = self.memory_encoder(features.maps, masks[:, row], others, owner)
            state.memories[row].write(keys, values, fate, frame.time)

    def segment(
        self, frame: FrameViews, features: ProposalFeatures, state: ProposalState
    ) -> Prediction:
        """See `Segmenter.segment`; an object without any memory gets probability 0."""
        views, _, height, width = frame.images.shape
        contents = [memory.contents() for memory in state.memories]
        known = [row for row, held in enumerate(contents) if held and state.templates[row]]
        result = features.value.new_zeros((views, len(contents), height, width)).float()
        small = (height // MASK_STRIDE, width // MASK_STRIDE)
        coarse = features.value.new_zeros((views, len(contents), *small)).float()
        found: list[Matched] = []
        if known:
            found = [self._match_view(features, state, view, known) for view in range(views)]
            for view, item in enumerate(found):
                coarse[view, known] = item.coarse
            assert state.last is not None
            planes = torch.stack([coarse, state.last, others_of(coarse)], dim=2)[:, known]
            readout = torch.stack([item.readout for item in found])
            for some in frame.chunks(range(len(known))):
                part = slice(some[0], some[-1] + 1)
                owner = torch.arange(views, device=result.device).repeat_interleave(len(some))
                refined = self._refine(
                    features, readout[:, part].flatten(0, 1), planes[:, part].flatten(0, 1), owner
                )
                result[:, known[part]] = refined.unflatten(0, (views, len(some)))
        logits, probabilities = soft_aggregate(result)
        extras = {
            "coarse": coarse,
            "matches": [_by_row(item.columns, known, len(contents)) for item in found],
            "proposals": [item.candidates for item in found],
        }
        return Prediction(probabilities, logits, extras)

    def _match_view(
        self, features: ProposalFeatures, state: ProposalState, view: int, known: Sequence[int]
    ) -> Matched:
        held = [state.memories[row].contents() for row in known]
        templates = [state.templates[row] for row in known]
        assert state.last is not None
        scene = Scene(
            memories=[(keys[view], values[view]) for keys, values in filter(None, held)],
            templates=Templates.joined([item.at(view) for item in templates if item]),
            last=state.last[view, known],
        )
        return self._matching.choose(features.of(view), scene, features.proposals[view])

    def _refine(
        self,
        features: ProposalFeatures,
        readout: torch.Tensor,
        planes: torch.Tensor,
        owner: torch.Tensor,
    ) -> torch.Tensor:
        """Probability of each pair `[M, H, W]`, float32.

        Args:
            readout: `[M, Cv, h, w]`.
            planes: `[M, 3, h4, w4]`: coarse mask, last mask, coarse masks of the others.
            owner: int64 `[M]`, the image of each pair.
        """
        if not self.config.refinement:
            larger = F.interpolate(
                planes[:, :1].clamp(0, 1), scale_factor=MASK_STRIDE, mode="bilinear"
            )
            return larger[:, 0].float()
        height, width = readout.shape[-2:]
        small = F.adaptive_avg_pool2d(planes.to(readout.dtype), (height, width))
        entered = self.enter_object(torch.cat([readout, small], dim=1))
        entered = add_image_part(entered, self.enter_image(features.maps), owner)
        logits = self.decoder(entered, features.skips, owner)
        return logits.float().softmax(1)[:, 1]

    # What people are shown

    def relevance(
        self, features: ProposalFeatures, state: ProposalState, row: int, pixels: torch.Tensor
    ) -> MemoryRelevance | None:
        """See `ShowsRelevance`."""

        def read(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
            # Memory's last value is a share, which is not read.
            return read_object(query, keys, F.pad(values, (0, 1)), self.config.object_memory)

        size = (features.value.shape[-2], features.value.shape[-1])
        return relevance_of(state.memories[row], read, features.key[0], pixels, size)

    def aligned_points(
        self,
        features: ProposalFeatures,
        state: ProposalState,
        prediction: Prediction,
        row: int,
        count: int,
    ) -> AlignedPoints | None:
        """See `ShowsAlignment`: of the first frame's template, spread over the object."""
        column, templates = prediction.extras["matches"][0][row], state.templates[row]
        if column is None or templates is None:
            return None
        chosen = prediction.extras["proposals"][0].at(column)
        template = templates.at(0)
        attention = self.matcher.attention(template, features.value[0], chosen)
        cells = (template.masks[0].flatten() >= 0.5).nonzero()[:, 0]
        if attention is None or not len(cells):
            return None
        some = cells[torch.linspace(0, len(cells) - 1, min(count, len(cells))).round().long()]
        places = cell_centres(self.config.region_cells, attention.device)
        return AlignedPoints(chosen.boxes[0], places[some], attention[some] @ places)

    def proposed(self, prediction: Prediction) -> torch.Tensor:
        """See `MakesProposals`."""
        found = prediction.extras["proposals"]
        return found[0].masks if found else torch.zeros((0, 1, 1))

    # Training, whole clips

    def forward(self, clip: Clip) -> Prediction:
        """See `Segmenter.forward`: each frame is matched, refined, memorised, and the next begins.

        In evaluation mode what is random, soft or knows the truth is left out, as at inference.

        Extras: "coarse" `[B, T-1, N, h4, w4]` soft coarse masks, and "matching", per frame and
        clip what the similarity loss needs (`Similarities`).
        """
        frames = clip.images.shape[1]
        images = self.input_spec.normalise(clip.images).flatten(0, 1)
        features = self._features(images, (None,) * len(images))
        training = ClipPairs(clip)
        masks = training.true_masks(0)
        clips = ClipMatching(self.config, self._matching, features, training, self.training)
        templates = clips.templates()
        keys: list[torch.Tensor] = []
        values: list[torch.Tensor] = []
        outputs, coarse, matching = [], [], []
        for frame in range(1, frames):
            key, value = self._memorized(features, training, masks, frame - 1)
            keys.append(key)
            values.append(value)
            memory = (torch.cat(keys, 1), torch.cat(values, 1))
            compared = clips.compare(clips.scenes(memory, templates, masks), frame)
            soft = clips.soft_masks(compared)
            planes = torch.stack([soft, F.avg_pool2d(masks, MASK_STRIDE), others_of(soft)], dim=2)
            readout = torch.cat([item.readout for item in compared])
            owner = training.owner * frames + frame
            found = self._refine(features, readout, planes[training.owner, training.slot], owner)
            logits, probabilities = soft_aggregate(training.by_object(found))
            outputs.append(logits)
            coarse.append(soft)
            matching.append([Similarities.of(item) for item in compared])
            masks = probabilities[:, 1:] * clip.present[..., None, None]
            if self.training and torch.rand(()) < self.config.true_previous:
                masks = training.true_masks(frame)
        extras = {"coarse": torch.stack(coarse, 1), "matching": matching}
        return Prediction.of_logits(torch.stack(outputs, dim=1), extras)

    def _memorized(
        self, features: ProposalFeatures, training: ClipPairs, masks: torch.Tensor, frame: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of all pairs for a frame with masks `[B, N, H, W]`."""
        others = (masks.sum(1, keepdim=True) - masks).clamp(0, 1)
        owner, slot = training.owner, training.slot
        maps = features.maps[frame :: training.frames]
        return self.memory_encoder(maps, masks[owner, slot], others[owner, slot], owner)


def others_of(masks: torch.Tensor) -> torch.Tensor:
    """Of each object the largest value of all others, `[B, N, h, w]`; 0 for a single one."""
    if masks.shape[1] < 2:
        return torch.zeros_like(masks)
    best, second = masks.topk(2, dim=1).values.unbind(1)
    return torch.where(masks == best[:, None], second[:, None], best[:, None])


def cell_centres(cells: int, device: torch.device) -> torch.Tensor:
    """x and y `[cells**2, 2]` of a region's cells, row by row, as fractions of its sides."""
    steps = (torch.arange(cells, device=device) + 0.5) / cells
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def _by_row(columns: Sequence[int | None], known: Sequence[int], count: int) -> list[int | None]:
    result: list[int | None] = [None] * count
    for row, column in zip(known, columns, strict=True):
        result[row] = column
    return result
