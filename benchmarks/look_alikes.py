"""Look-alikes and returns: does a network label a twin, and does it find an object again?

Two kinds of video are made from each sequence of DAVIS 2016 and its true masks.

- twin: a mirrored copy of the object enters beside it and goes its own way, behind the object. No
  label covers the copy. Reported: J of the object, and the false positives, as the part of the
  copy's visible pixels that is labelled as the object.
- return: the object is cut out and pasted into a frame of the next sequence. It is at one side,
  away for some frames, and comes back at the other side. Reported: J before it leaves, J after it
  has come back, and the part of all pixels that is labelled while it is away.

Example: `python benchmarks/look_alikes.py --root data/DAVIS --checkpoint runs/a/best.ckpt
--checkpoint runs/b/best.ckpt`
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from _measure import positive
from rich.console import Console
from rich.table import Table

from vostool.core.allocator import keep_freed_memory
from vostool.core.types import Video
from vostool.datasets.catalogue import annotation, load_videos
from vostool.inference.engine import Member, run_video
from vostool.inference.prepare import prepare
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.media.images import read_frame
from vostool.scoring.evaluate import compare
from vostool.stages.predict.load import load_segmenter

SMALLER = 0.5
"""The objects' size beside that of the sequence: two of them must fit into a frame."""
OUTER, AWAY = 0.4, 0.2
"""Of a return video: part of the frames before it leaves and after it is back; part without it."""


@dataclass(frozen=True)
class Made:
    """A video made here.

    Attributes:
        images: uint8 `[H, W, 3]` each.
        truths: bool `[H, W]` each, of the object.
        twins: bool `[H, W]` each, visible pixels of the copy; empty in return videos.
    """

    name: str
    images: list[np.ndarray]
    truths: list[np.ndarray]
    twins: list[np.ndarray]

    def source(self) -> ArraySource:
        """The video with its first mask."""
        return ArraySource(self.name, self.images, {0: self.truths[0].astype(np.uint8)})


def cut_outs(
    video: Video, size: tuple[int, int], frames: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames uint8 `[h, w, 3]` and masks bool `[h, w]`, scaled to SMALLER of the size."""
    height, width = (round(side * SMALLER) for side in size)
    found = []
    for frame in video.frames[:frames]:
        truth = annotation(video, frame)
        if truth is None:
            raise SystemExit(f"{video.name}, frame {frame.name}: no annotation")
        image = cv2.resize(read_frame(frame), (width, height), interpolation=cv2.INTER_AREA)
        small = cv2.resize((truth > 0).astype(np.float32), (width, height), cv2.INTER_AREA)
        found.append((image, small > 0.5))
    return found


def paste(
    canvas: np.ndarray, image: np.ndarray, mask: np.ndarray, centre: tuple[float, float]
) -> np.ndarray:
    """Put the masked pixels into the canvas, in place, their middle at `centre` (row, column).

    Returns:
        bool `[H, W]`, where they are.
    """
    place = np.zeros(canvas.shape[:2], bool)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return place
    new_rows = rows + round(centre[0] - (rows.min() + rows.max()) / 2)
    new_columns = columns + round(centre[1] - (columns.min() + columns.max()) / 2)
    inside = (new_rows >= 0) & (new_rows < canvas.shape[0])
    inside &= (new_columns >= 0) & (new_columns < canvas.shape[1])
    target = new_rows[inside], new_columns[inside]
    canvas[target] = image[rows[inside], columns[inside]]
    place[target] = True
    return place


def background(video: Video, size: tuple[int, int]) -> np.ndarray:
    """The first frame of a sequence, without what moves in it."""
    frame = video.frames[0]
    image = cv2.resize(read_frame(frame), size[::-1], interpolation=cv2.INTER_AREA)
    truth = annotation(video, frame)
    if truth is None:
        return image
    hole = cv2.resize((truth > 0).astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
    return cv2.inpaint(image, cv2.dilate(hole, np.ones((9, 9), np.uint8)), 5, cv2.INPAINT_TELEA)


def with_twin(video: Video, other: Video, size: tuple[int, int], frames: int) -> Made:
    """The object goes to the right on the left side, its mirrored copy up and down on the right."""
    empty = background(other, size)
    images, truths, twins = [], [], []
    for index, (image, mask) in enumerate(cut_outs(video, size, frames)):
        part = index / max(1, frames - 1)
        canvas = empty.copy()
        # The copy is not there in the first frame: it has to be told apart by place alone.
        twin = np.zeros(size, bool)
        if index:
            at = (
                size[0] * (0.5 + 0.2 * np.sin(6 * part)),
                size[1] * (1.0 - 0.25 * min(1, 4 * part)),
            )
            twin = paste(canvas, image[:, ::-1], mask[:, ::-1], at)
        truth = paste(canvas, image, mask, (size[0] * 0.5, size[1] * (0.2 + 0.15 * part)))
        images.append(canvas)
        truths.append(truth)
        twins.append(twin & ~truth)
    return Made(f"{video.name} twin", images, truths, twins)


def with_return(video: Video, other: Video, size: tuple[int, int], frames: int) -> Made:
    """The object is on the left side, away, and then on the right side."""
    empty = background(other, size)
    leaves, back = round(frames * OUTER), round(frames * (OUTER + AWAY))
    images, truths = [], []
    for index, (image, mask) in enumerate(cut_outs(video, size, frames)):
        canvas, part = empty.copy(), index / frames
        truth = np.zeros(size, bool)
        if index < leaves or index >= back:
            column = 0.2 + 0.1 * part if index < leaves else 0.85 - 0.1 * part
            truth = paste(canvas, image, mask, (size[0] * 0.5, size[1] * column))
        images.append(canvas)
        truths.append(truth)
    return Made(f"{video.name} return", images, truths, [])


def predict(network: torch.nn.Module, made: Made) -> list[np.ndarray]:
    """Masks bool `[H, W]` of all frames."""
    member = Member(network, parse_strategies(("every:5",)))  # type: ignore[arg-type]
    return [result.mask > 0 for result in run_video(made.source(), [member])]


def similarity(masks: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> np.ndarray:
    """J of the object in each frame."""
    found, right = ([(mask != 0).astype(np.uint8) for mask in some] for some in (masks, truths))
    return compare(found, right, (1,)).j[:, 0]


def twin_scores(made: Made, masks: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean J of the object, and the labelled part of its copy, from the second frame on."""
    rows = list(zip(masks, made.truths, made.twins, strict=True))[1:]
    overlap = np.mean(similarity(masks[1:], made.truths[1:]))
    wrong = np.mean([(mask & twin).sum() / twin.sum() for mask, _, twin in rows if twin.any()])
    return float(overlap), float(wrong)


def return_scores(made: Made, masks: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Mean J before and after, and the labelled part of the frame while the object is away."""
    present = [bool(truth.any()) for truth in made.truths]
    leaves = present.index(False)
    back = leaves + present[leaves:].index(True)
    overlap = similarity(masks, made.truths)
    ghosts = [float(mask.mean()) for mask in masks[leaves:back]]
    return (
        float(np.mean(overlap[1:leaves])),
        float(np.mean(overlap[back:])),
        float(np.mean(ghosts)),
    )


def write_pictures(folder: Path, made: Made, masks: Sequence[np.ndarray]) -> None:
    """Every fifth frame with the mask in red."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(0, len(masks), 5):
        picture = made.images[index].copy()
        picture[masks[index]] = picture[masks[index]] // 2 + np.array([127, 0, 0], np.uint8)
        name = f"{made.name.replace(' ', '-')}-{index:03d}.jpg"
        cv2.imwrite(str(folder / name), picture[..., ::-1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the videos, run all networks over them and print the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of DAVIS")
    parser.add_argument("--split", default="val")
    parser.add_argument("--checkpoint", type=Path, action="append", required=True)
    parser.add_argument("--frames", type=positive, default=40, help="most frames of a video")
    parser.add_argument("--short-side", type=positive, default=240, help="pixels; 16:9 frames")
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--pictures", type=Path, help="folder for every fifth frame with its mask")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    size = (options.short_side, round(options.short_side * 16 / 9))
    videos = load_videos("davis2016", options.root, options.split)
    neighbours = [*videos[1:], videos[0]]
    table = Table(title=f"{len(videos)} sequences, {options.frames} frames, {size[0]}x{size[1]}")
    columns = ("checkpoint", "twin: J", "labelled part of the twin", "return: J before", "J after",
               "labelled while away")  # fmt: skip
    for column in columns:
        table.add_column(column, justify="left" if column == "checkpoint" else "right")
    for path in options.checkpoint:
        network = prepare(load_segmenter(path)[0], torch.device("cpu"))
        rows = []
        for video, other in zip(videos, neighbours, strict=True):
            frames = min(options.frames, len(video.frames))
            figures: list[float] = []
            for make, score in ((with_twin, twin_scores), (with_return, return_scores)):
                made = make(video, other, size, frames)
                masks = predict(network, made)
                figures += score(made, masks)
                if options.pictures:
                    write_pictures(options.pictures / path.parent.name, made, masks)
            rows.append(figures)
        means = np.mean(rows, axis=0)
        table.add_row(f"{path.parent.name}/{path.name}", *(f"{value:.3f}" for value in means))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
