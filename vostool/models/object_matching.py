"""One image of DMN-AOA: proposals, what memory reads below them, and which of them is which object.

Axes: N objects, P proposals, n memory pixels, h x w features at stride 16, h4 x w4 pixels at
stride 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from vostool.nn.assignment import exact_assignment
from vostool.nn.dynamic_memory import object_pixels, read_object, read_share
from vostool.nn.mask_proposals import propose, unions
from vostool.nn.proposal_matching import (
    MASK_STRIDE,
    Candidates,
    ProposalMatcher,
    Templates,
    soft_overlap,
)


@dataclass(frozen=True)
class ImageFeatures:
    """Key `[h*w, Ck]` and value `[Cv, h, w]` of an image."""

    key: torch.Tensor
    value: torch.Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        return self.value.shape[-2], self.value.shape[-1]


@dataclass(frozen=True)
class Scene:
    """What is known of N objects before an image is looked at.

    Attributes:
        memories: per object, keys `[n, Ck + 1]` and values `[n, Cv + 1]`.
        templates: of each object.
        last: `[N, h4, w4]` probabilities of the last frame.
    """

    memories: list[tuple[torch.Tensor, torch.Tensor]]
    templates: Templates
    last: torch.Tensor


@dataclass(frozen=True)
class Compared:
    """Proposals of an image, compared with its objects.

    Attributes:
        readout: `[N, Cv, h, w]`, 0 outside of all proposals.
        similarity: `[N, P]`.
        cost: `[N, P + N]`.
    """

    candidates: Candidates
    readout: torch.Tensor
    similarity: torch.Tensor
    cost: torch.Tensor

    def nearest(self) -> torch.Tensor:
        """Each object's most similar proposal as a one-hot row, `[N, P]`."""
        chosen = torch.zeros_like(self.similarity)
        if len(self.candidates):
            chosen.scatter_(1, self.similarity.detach().argmax(1, keepdim=True), 1)
        return chosen


@dataclass(frozen=True)
class Similarities:
    """What a loss on similarities needs of one clip's frame.

    Attributes:
        values: `[N', P]` of the clip's present objects, in order.
        masks: `[P, h4, w4]` of the proposals.
    """

    values: torch.Tensor
    masks: torch.Tensor

    @classmethod
    def of(cls, compared: Compared) -> Similarities:
        """The part of a comparison."""
        return cls(compared.similarity, compared.candidates.masks)


@dataclass(frozen=True)
class Matched:
    """Each object's proposal.

    Attributes:
        readout: `[N, Cv, h, w]`.
        coarse: `[N, h4, w4]`, the chosen masks, 0 where none fits.
        columns: per object, index of its proposal, or None.
    """

    candidates: Candidates
    readout: torch.Tensor
    coarse: torch.Tensor
    columns: list[int | None]


@dataclass(frozen=True)
class ObjectMatching:
    """How objects and proposals are brought together.

    Attributes:
        by_share: memory pixels count by their share of object.
        nearest: each object takes its most similar proposal, without a matching layer.
        exact: hard assignments are exact; else each row's largest entry of the soft one.
    """

    matcher: ProposalMatcher
    by_share: bool = True
    nearest: bool = False
    exact: bool = True

    def compare(
        self, image: ImageFeatures, scene: Scene, given: Candidates | None = None
    ) -> Compared:
        """Similarities and costs of an image's proposals.

        Args:
            given: proposals that came with the image. Without, they are made of the last masks and
                what memory reads; an empty list gives way to the last masks alone.
        """
        candidates = self.candidates(image, scene, given)
        readout = self._read(image, scene, candidates)
        similarity = self.matcher.similarity(scene.templates, readout, image.value, candidates)
        overlap = soft_overlap(scene.last, candidates.masks)
        return Compared(candidates, readout, similarity, self.matcher.cost(similarity, overlap))

    def choose(
        self, image: ImageFeatures, scene: Scene, given: Candidates | None = None
    ) -> Matched:
        """A proposal for each object, or none."""
        found = self.compare(image, scene, given)
        columns = self._columns(found)
        coarse = torch.zeros_like(scene.last)
        for row, column in enumerate(columns):
            if column is not None:
                coarse[row] = found.candidates.masks[column]
        return Matched(found.candidates, found.readout, coarse, columns)

    def chosen(self, found: Compared) -> torch.Tensor:
        """Each object's proposal as a one-hot row `[N, P]`; all 0 where none fits."""
        result = torch.zeros_like(found.similarity)
        for row, column in enumerate(self._columns(found)):
            if column is not None:
                result[row, column] = 1
        return result

    def _columns(self, found: Compared) -> list[int | None]:
        count = len(found.candidates)
        if self.nearest:
            return found.similarity.argmax(1).tolist() if count else [None] * len(found.cost)
        if self.exact:
            chosen = exact_assignment(found.cost).tolist()
        else:
            chosen = self.matcher.soft_assignment([found.cost])[0].argmax(1).tolist()
        return [column if column < count else None for column in chosen]

    def candidates(
        self, image: ImageFeatures, scene: Scene, given: Candidates | None
    ) -> Candidates:
        """Proposals of the image, see `compare`."""
        if given is not None and len(given):
            masks = given.masks >= 0.5
            united = unions(masks, scene.last >= 0.5, scene.last.amax(0))
            return Candidates.joined([given, Candidates.of_masks(united)])
        if given is not None:
            seen = scene.last >= 0.5
            return Candidates.of_masks(seen[seen.flatten(1).any(1)])
        share = self._share(image, scene)
        return Candidates.of_masks(propose(scene.last, share).masks)

    @torch.no_grad()
    def _share(self, image: ImageFeatures, scene: Scene) -> torch.Tensor:
        """How much object memory takes each pixel for, `[N, h4, w4]`."""
        shares = [
            read_share(image.key[None], keys[None], values[None])[0]
            for keys, values in scene.memories
        ]
        planes = torch.stack(shares).float().unflatten(1, image.size)
        size = (image.size[0] * 16 // MASK_STRIDE, image.size[1] * 16 // MASK_STRIDE)
        return F.interpolate(planes[None], size=size, mode="bilinear")[0]

    def _read(self, image: ImageFeatures, scene: Scene, candidates: Candidates) -> torch.Tensor:
        """`[N, Cv, h, w]`: only pixels that may be objects ask their memories."""
        inside = object_pixels(candidates.masks, image.size).flatten().nonzero()[:, 0]
        maps = []
        for keys, values in scene.memories:
            empty = image.value.new_zeros((image.key.shape[0], values.shape[-1] - 1))
            if len(inside):
                read = read_object(
                    image.key[inside][None], keys[None], values[None], self.by_share
                )[0]
                empty = empty.index_copy(0, inside, read.to(empty.dtype))
            maps.append(empty.mT.unflatten(1, image.size))
        return torch.stack(maps)
