"""The toy sequence of the worked examples: two rectangles that move, one of which comes and goes.

96 x 128 pixels, nine frames. Object 1 is absent from frames 3, 4 and 7 and predicted three rows too
low, as a speck in frame 3, and not at all in frame 5; object 2 is predicted without its three
leftmost columns. Prediction and truth agree in frame 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vostool.core.types import Frame, Video, VideoObject
from vostool.datasets.spec import ScoringRule
from vostool.scoring.evaluate import counted_frames, score_video
from vostool.scoring.measure import Measure, ObjectScores, Summary

SIZE = (96, 128)
COUNT = 9
ABSENT = (3, 4, 7)


def rectangle(
    mask: np.ndarray, id: int, top: int, left: int, bottom: int, right: int
) -> np.ndarray:
    """Fill a rectangle, ends excluded."""
    mask[top:bottom, left:right] = id
    return mask


def toy_truths() -> list[np.ndarray]:
    """True id masks uint8 `[96, 128]`."""
    masks = []
    for t in range(COUNT):
        mask = np.zeros(SIZE, np.uint8)
        if t not in ABSENT:
            rectangle(mask, 1, 10, 10 + t, 18, 18 + t)
        masks.append(rectangle(mask, 2, 50, 40 + 2 * t, 62, 54 + 2 * t))
    return masks


def toy_predictions() -> list[np.ndarray]:
    """Predicted id masks uint8 `[96, 128]`."""
    masks = toy_truths()[:1]
    for t in range(1, COUNT):
        mask = np.zeros(SIZE, np.uint8)
        if t in (1, 2, 6, 8):
            rectangle(mask, 1, 13, 10 + t, 21, 18 + t)
        if t == 3:
            rectangle(mask, 1, 11, 12, 13, 14)
        masks.append(rectangle(mask, 2, 50, 43 + 2 * t, 62, 54 + 2 * t))
    return masks


def toy_video(objects: tuple[VideoObject, ...] | None = None, name: str = "toy") -> Video:
    """The sequence, annotated throughout; both objects are given in frame 0."""
    names = [f"{t:05d}" for t in range(COUNT)]
    frames = tuple(Frame(frame, Path(f"{frame}.jpg"), Path(f"{frame}.png")) for frame in names)
    both = (VideoObject(1, "00000", "cat"), VideoObject(2, "00000", "yak"))
    return Video(name, frames, objects or both, tuple(names))


def score_toy(
    measure: Measure, rule: ScoringRule, video: Video | None = None
) -> tuple[list[ObjectScores], Summary]:
    """Objects and figures of the toy with a measure."""
    video = video or toy_video()
    frames = list(zip(video.frame_names, toy_predictions(), toy_truths(), strict=True))
    objects = score_video(measure, video, counted_frames(video, rule), frames)
    return objects, measure.summarise(objects, rule)
