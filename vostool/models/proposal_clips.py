"""Clips whose objects are matched with proposals, in training.

Axes: B clips, T frames, N objects, P proposals, h x w features at stride 16, h4 x w4 pixels at
stride 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from vostool.models.clip_pairs import ClipPairs
from vostool.models.object_matching import Compared, ImageFeatures, ObjectMatching, Scene
from vostool.models.proposal_config import ProposalConfig
from vostool.models.proposal_state import ProposalFeatures
from vostool.nn.mask_proposals import jittered
from vostool.nn.proposal_matching import (
    MASK_STRIDE,
    Candidates,
    Templates,
    candidates_of,
    templates_of,
)


@dataclass(frozen=True)
class ClipMatching:
    """Matching of a batch of clips, frame by frame.

    Attributes:
        config: choices of the network.
        matching: how objects are matched.
        features: of all frames, clip by clip.
        pairs: the objects of the clips.
        learning: False leaves out what is random, soft or knows the truth.
    """

    config: ProposalConfig
    matching: ObjectMatching
    features: ProposalFeatures
    pairs: ClipPairs
    learning: bool

    def templates(self) -> list[Templates]:
        """Of each (clip, object) pair, from its clip's first frame."""
        masks = F.avg_pool2d(self.pairs.true_masks(0), MASK_STRIDE)
        return [
            templates_of(
                self.features.value[owner * self.pairs.frames],
                masks[owner, slot : slot + 1],
                self.config.region_cells,
            )
            for owner, slot in zip(self.pairs.owner.tolist(), self.pairs.slot.tolist(), strict=True)
        ]

    def compare(self, scenes: list[Scene], frame: int) -> list[Compared]:
        """Each clip's objects with the proposals of its frame."""
        truth = F.avg_pool2d(self.pairs.true_masks(frame), MASK_STRIDE)
        result = []
        for index, scene in enumerate(scenes):
            image = self.features.of(index * self.pairs.frames + frame)
            found = (
                self.pairs.proposals(index, frame) if self.config.proposals == "detector" else None
            )
            given = None if found is None else candidates_of(found)
            if self.learning:
                given = self._candidates(image, scene, truth[index], given)
            result.append(self.matching.compare(image, scene, given))
        return result

    def _candidates(
        self,
        image: ImageFeatures,
        scene: Scene,
        truth: torch.Tensor,
        given: Candidates | None,
    ) -> Candidates:
        """Proposals to learn from; `truth` `[N, h4, w4]` of all objects of the clip."""
        if self.config.training_proposals == "detector" and given is not None:
            return given
        parts = []
        if self.config.training_proposals != "oracle-jitter":
            parts.append(self.matching.candidates(image, scene, None))
        if self.config.training_proposals != "deterministic":
            parts.append(Candidates.of_masks(jittered(truth >= 0.5)))
        return Candidates.joined(parts)

    def soft_masks(self, compared: list[Compared]) -> torch.Tensor:
        """Coarse masks `[B, N, h4, w4]`: proposals weighted by their assignment, or the chosen."""
        if not self.learning:
            weights = [self.matching.chosen(item) for item in compared]
        elif self.config.matching == "nearest":
            weights = [item.nearest() for item in compared]
        else:
            weights = self.matching.matcher.soft_assignment([item.cost for item in compared])
        parts = [
            torch.einsum("np,phw->nhw", soft[:, : len(item.candidates)], item.candidates.masks)
            for soft, item in zip(weights, compared, strict=True)
        ]
        return self.pairs.by_object(torch.cat(parts))

    def scenes(
        self,
        memory: tuple[torch.Tensor, torch.Tensor],
        templates: list[Templates],
        masks: torch.Tensor,
    ) -> list[Scene]:
        """What is known in each clip; the last masks `[B, N, H, W]` take no gradient along."""
        last = F.avg_pool2d(masks.detach(), MASK_STRIDE)
        keys, values = memory
        return [
            Scene(
                memories=[(keys[pair], values[pair]) for pair in pairs],
                templates=Templates.joined([templates[pair] for pair in pairs]),
                last=last[index, self.pairs.slot[pairs]],
            )
            for index, pairs in enumerate(self.pairs.pairs_of_clip)
        ]
