"""Clips merged: another clip's objects pasted in, moving as they do there.

Clips of single objects teach nothing about objects beside others. AOT (Yang et al., NeurIPS 2021,
implementation details) merges clips with a probability of 0.3, in pre-training and in training.
What is pasted is an object to segment or a distractor, before or behind the clip's own objects.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from pydantic import Field
from torch.utils.data import Dataset

from vostool.core.options import Options
from vostool.core.types import VOID, Clip, ObjectProposals
from vostool.nn.mask_proposals import tight_boxes
from vostool.training.clips.sampling import generator

STREAM = 0x6D657267
"""Sets the random numbers of merging, and of the clips to paste from, apart from the clips'."""


class MergeOptions(Options):
    """Another clip's objects in a clip."""

    probability: float = Field(
        0.0, ge=0, le=1, description="of a clip that gets the objects of another clip"
    )
    labelled: float = Field(
        0.5,
        ge=0,
        le=1,
        description="probability that a pasted object is one to segment, else it is a distractor",
    )
    under: float = Field(
        0.5, ge=0, le=1, description="probability that they lie behind the clip's own objects"
    )
    shift: float = Field(
        0.3,
        ge=0,
        le=1,
        description="by how much they are moved as a whole, part of the crop's sides, both ways",
    )
    max_objects: int = Field(
        3, ge=1, le=254, description="objects of a merged clip; pasted ones beyond are distractors"
    )
    min_area: int = Field(
        100, ge=1, description="pixels of the first frame that an object to segment must show"
    )


class MergedClips(Dataset[Clip]):
    """Clips, some of them with the objects of others.

    Args:
        clips: sample number -> clip with B = 1.
        others: clips to paste from, of the same frames and crop; made with another seed, so that
            both see the curriculum of the same sample.
        options: how often and how.
        seed: together with the sample's number, decides everything.
    """

    def __init__(
        self, clips: Dataset[Clip], others: Dataset[Clip], options: MergeOptions, *, seed: int = 0
    ):
        self.clips, self.others, self.options, self.seed = clips, others, options, seed

    def __len__(self) -> int:
        return len(self.clips)  # type: ignore[arg-type]

    def __getitem__(self, sample: int) -> Clip:
        rng = generator(self.seed ^ STREAM, sample)
        clip = self.clips[sample]
        if rng.random() >= self.options.probability:
            return clip
        return merge(clip, self.others[sample], rng, self.options)


@dataclass(frozen=True)
class _Pasting:
    """How another clip's rows come into a clip.

    Attributes:
        table: int64 `[256]`, row there -> row here, 0 for distractors.
        move: pixels down and to the right.
        under: behind the clip's own objects.
    """

    table: torch.Tensor
    move: tuple[int, int]
    under: bool

    def paint(
        self, labels: torch.Tensor, others: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Labels `[T, H, W]` with the other clip's in them, and where those are, bool."""
        others = moved(others, self.move)
        covered = (others > 0) & (others != VOID)
        if self.under:
            covered &= labels == 0
        return torch.where(covered, self.table[others], labels), covered


def merge(clip: Clip, other: Clip, rng: np.random.Generator, options: MergeOptions) -> Clip:
    """Paste the objects of `other` into `clip`, frame by frame.

    Rows of the result show at least `min_area` pixels in frame 0; other objects are background. The
    clip comes back as it is where none of its own objects would be left.

    Args:
        clip, other: B = 1, of equal T, H, W.
    """
    own, height, width = clip.present.shape[1], *clip.labels.shape[-2:]
    drawn = _draw(rng, own, other.present.shape[1], (height, width), options)
    labels, covered = drawn.paint(clip.labels[0], other.labels[0])
    areas = torch.bincount(labels[0].flatten(), minlength=256)[1:VOID]
    kept = [row for row in range(1, VOID) if areas[row - 1] >= options.min_area]
    if not any(row <= own for row in kept):
        return clip
    rows = torch.zeros(256, dtype=torch.int64)
    rows[VOID] = VOID
    rows[kept] = torch.arange(1, len(kept) + 1)
    previous = None
    if clip.previous is not None and other.previous is not None:
        previous = rows[drawn.paint(clip.previous[0], other.previous[0])[0]][None]
    return dataclasses.replace(
        clip,
        images=_blended(clip.images[0], moved(other.images[0], drawn.move), covered)[None],
        labels=rows[labels][None],
        present=torch.ones(1, len(kept), dtype=torch.bool),
        previous=previous,
        proposals=_proposals(clip, other, covered, drawn.move),
    )


def _draw(
    rng: np.random.Generator,
    own: int,
    pasted: int,
    size: tuple[int, int],
    options: MergeOptions,
) -> _Pasting:
    down, right = (round(rng.uniform(-options.shift, options.shift) * side) for side in size)
    under = bool(rng.random() < options.under)
    table, used = torch.zeros(256, dtype=torch.int64), own
    for row in range(1, pasted + 1):
        if rng.random() < options.labelled and used < options.max_objects:
            used += 1
            table[row] = used
    return _Pasting(table, (down, right), under)


def moved(values: torch.Tensor, move: tuple[int, int]) -> torch.Tensor:
    """Values `[..., H, W]` moved down and to the right by whole pixels; 0 comes in."""
    (height, width), result = values.shape[-2:], torch.zeros_like(values)
    down, right = move
    rows, columns = max(height - abs(down), 0), max(width - abs(right), 0)
    to_row, to_column = max(down, 0), max(right, 0)
    from_row, from_column = max(-down, 0), max(-right, 0)
    result[..., to_row : to_row + rows, to_column : to_column + columns] = values[
        ..., from_row : from_row + rows, from_column : from_column + columns
    ]
    return result


def _blended(images: torch.Tensor, others: torch.Tensor, covered: torch.Tensor) -> torch.Tensor:
    """`others` over images `[T, 3, H, W]` where `covered`; edges blend, or they would give away."""
    weights = [cv2.GaussianBlur(mask.float().numpy(), (3, 3), 0) for mask in covered]
    weight = torch.from_numpy(np.stack(weights))[:, None]
    return images + weight * (others - images)


def _proposals(
    clip: Clip, other: Clip, covered: torch.Tensor, move: tuple[int, int]
) -> tuple[tuple[ObjectProposals, ...] | None] | None:
    """Proposals of both clips, each of what is still seen of it."""
    own = clip.proposals[0] if clip.proposals else None
    pasted = other.proposals[0] if other.proposals else None
    if own is None or pasted is None:
        return None
    found = []
    for mine, theirs, hidden in zip(own, pasted, covered, strict=True):
        masks = torch.cat([mine.masks & ~hidden, moved(theirs.masks, move) & hidden])
        seen = masks.flatten(1).any(1)
        scores = torch.cat([mine.scores, theirs.scores])
        found.append(ObjectProposals(tight_boxes(masks[seen]), scores[seen], masks[seen]))
    return (tuple(found),)
