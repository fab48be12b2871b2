"""Clips synthesized from still images, by number."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch.utils.data import Dataset

from vostool.core.errors import DataError
from vostool.core.types import Clip
from vostool.training.clips.curriculum import LengthSchedule
from vostool.training.clips.sampling import SOURCE_ATTEMPTS, clip_of, generator
from vostool.training.synthesis.pasting import Cutout, cut_out
from vostool.training.synthesis.synthesize import (
    SynthesisOptions,
    draw_paste_count,
    synthesize_clip,
)


class StillSource(Protocol):
    """A still image with a mask, as `vostool.datasets.stills` gives it."""

    @property
    def name(self) -> str: ...

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """RGB uint8 `[H, W, 3]` and ids uint8 `[H, W]`."""
        ...


class StillClips(Dataset[Clip]):
    """Clips synthesized from stills.

    Args:
        stills: sources; each sample takes one at random, and others to paste from.
        options: how clips are made.
        samples: length.
        seed: together with the sample's number, decides everything.
        lengths: frames of a clip by sample number; by default always those of the options.

    Raises:
        DataError: no stills; while sampling, many stills in a row without a usable object.
    """

    def __init__(
        self,
        stills: Sequence[StillSource],
        options: SynthesisOptions,
        *,
        samples: int,
        seed: int = 0,
        lengths: LengthSchedule | None = None,
    ):
        if not stills:
            raise DataError("there are no still images to make clips of")
        self.stills, self.options, self.samples, self.seed = tuple(stills), options, samples, seed
        self.lengths = lengths or LengthSchedule()

    def __len__(self) -> int:
        return self.samples

    def with_seed(self, seed: int) -> StillClips:
        """Other clips of the same stills."""
        other = copy.copy(self)
        other.seed = seed
        return other

    def __getitem__(self, sample: int) -> Clip:
        images, labels = self.arrays(sample)
        if not self.options.previous:
            return clip_of(images, labels)
        # Synthetic motion is that of neighbouring frames, so the frame before is in the clip.
        return clip_of(images, labels, np.concatenate([labels[:1], labels[:-1]]))

    def arrays(self, sample: int) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 `[T, H, W, 3]` and labels uint8 `[T, H, W]` of a sample."""
        rng = generator(self.seed, sample)
        frames = self.lengths.frames(sample, self.options.frames)
        options = self.options.model_copy(update={"frames": frames})
        for _ in range(SOURCE_ATTEMPTS):
            still = self._draw(rng)
            image, mask = read_still(still)
            cutouts = self._cutouts(rng)
            images, labels = synthesize_clip(image, mask, rng, options, cutouts)
            if labels[0].any():
                return images, labels
        raise DataError(
            f"{SOURCE_ATTEMPTS} still images in a row have no object of at least "
            f"{self.options.pixels(self.options.min_area):.0f} pixels after scaling",
            where=f"last: {still.name}",
            remedy="check the masks (vostool check-data), or lower min_area",
        )

    def _cutouts(self, rng: np.random.Generator) -> list[Cutout]:
        count = draw_paste_count(rng, self.options.paste)
        found = [cut_out(rng, *read_still(self._draw(rng))) for _ in range(count)]
        return [cutout for cutout in found if cutout is not None]

    def _draw(self, rng: np.random.Generator) -> StillSource:
        return self.stills[int(rng.integers(len(self.stills)))]


def read_still(still: StillSource) -> tuple[np.ndarray, np.ndarray]:
    """Read a still, checking that image and mask agree in size.

    Raises:
        DataError: they do not.
    """
    image, mask = still.read()
    if image.shape[:2] != mask.shape:
        raise DataError(
            f"the image is {image.shape[0]} x {image.shape[1]} pixels but its mask is "
            f"{mask.shape[0]} x {mask.shape[1]}",
            where=f"still {still.name}",
            remedy="resize the mask or remove the pair",
        )
    return image, mask
