"""What a recipe's training clips show: objects per clip, motion per frame, what is hidden.

python benchmarks/clip_statistics.py famnet-mnv2-small-pretrain --data static=data/stills
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from vostool.core.types import VOID, Clip
from vostool.recipe import load_recipe
from vostool.stages.train.training_data import DataFolders, training_clips


def centroid_motion(labels: np.ndarray) -> list[float]:
    """How far each object's centroid moves from one frame to the next, in parts of the crop.

    Args:
        labels: `[T, H, W]`, rows 0..N.

    Returns:
        One distance per object and pair of frames that both show it: the length of (x / W, y / H).
    """
    found = []
    for row in np.unique(labels[(labels > 0) & (labels != VOID)]):
        centres = [_centroid(frame == row) for frame in labels]
        for before, after in pairwise(centres):
            if before is not None and after is not None:
                found.append(float(np.hypot(*(after - before))))
    return found


def _centroid(mask: np.ndarray) -> np.ndarray | None:
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean() / width, rows.mean() / height]) if len(rows) else None


@dataclass(frozen=True)
class Statistics:
    """Of some clips.

    Attributes:
        clips: how many.
        several: share of clips with more than one object.
        objects: mean number of objects.
        motion: median motion of a centroid per frame, part of the crop.
        growth: median factor, at least 1, between an object's areas in neighbouring frames.
        hidden: share of objects that lose half of their area, or more, in a later frame.
        milliseconds: per clip, in this process.
    """

    clips: int
    several: float
    objects: float
    motion: float
    growth: float
    hidden: float
    milliseconds: float

    def __str__(self) -> str:
        return (
            f"{self.clips} clips: {self.objects:.2f} objects, {self.several:.0%} with several; "
            f"centroids move {self.motion:.3f} of the crop per frame (median); areas change by a "
            f"factor of {self.growth:.2f} per frame (median); {self.hidden:.0%} of objects lose "
            f"half of their area; {self.milliseconds:.0f} ms per clip"
        )


def statistics(clips: Iterable[Clip]) -> Statistics:
    """Of clips with B = 1."""
    counts, motion, growth, hidden = [], [], [], []
    started = time.monotonic()
    for clip in clips:
        labels = clip.labels[0].numpy().astype(np.uint8)
        counts.append(clip.present.shape[1])
        motion += centroid_motion(labels)
        for row in range(1, counts[-1] + 1):
            areas = (labels == row).sum((1, 2)).astype(float)
            hidden.append(areas.min() <= areas[0] / 2)
            seen = [(a, b) for a, b in pairwise(areas) if a and b]
            growth += [max(a, b) / min(a, b) for a, b in seen]
    seconds = time.monotonic() - started
    return Statistics(
        clips=len(counts),
        several=float(np.mean([count > 1 for count in counts])),
        objects=float(np.mean(counts)),
        motion=float(np.median(motion)) if motion else 0.0,
        growth=float(np.median(growth)) if growth else 1.0,
        hidden=float(np.mean(hidden)),
        milliseconds=1000 * seconds / len(counts),
    )


def write_sheet(clips: Iterable[Clip], path: Path) -> None:
    """Clips one below the other, frames and what is labelled in them."""
    from vostool.reporting.overlay import draw_overlay

    rows = []
    for clip in clips:
        images = (clip.images[0] * 255).round().byte().permute(0, 2, 3, 1).numpy()
        labels = clip.labels[0].numpy().astype(np.uint8)
        drawn = [draw_overlay(image, mask) for image, mask in zip(images, labels)]
        rows.append(np.concatenate([*images, *drawn], axis=1))
    cv2.imwrite(str(path), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--data", action="append", default=[], help="ENTRY=FOLDER")
    parser.add_argument("--set", action="append", default=[], help="override: merge.probability=1")
    parser.add_argument("--split-file", type=Path)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--sheet", type=Path, help="PNG of the first ten clips")
    given = parser.parse_args()
    recipe = load_recipe(given.recipe, given.set)
    places = DataFolders.parse(given.data, given.split_file)
    clips = training_clips(recipe, places, samples=given.clips)
    print(statistics(clips[number] for number in range(given.clips)))
    if given.sheet:
        write_sheet((clips[number] for number in range(min(10, given.clips))), given.sheet)


if __name__ == "__main__":
    main()
