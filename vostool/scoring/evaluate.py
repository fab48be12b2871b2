"""From masks in memory to object scores; which frames of which object count.

Axes: T frames, N objects, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vostool.core.types import Video
from vostool.datasets.spec import ScoringRule
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.mask_pair import MaskPair, Workspace
from vostool.scoring.measure import FrameValues, Measure, ObjectScores

BATCH = 16
"""Frames whose boundaries are matched together."""


def compare(
    predictions: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    ids: Sequence[int],
    workspace: Workspace | None = None,
) -> ComparedFrames:
    """Compare predicted with true id masks of the same frames, uint8 `[H, W]` each.

    Raises:
        ValueError: a frame's two masks differ in size or are not uint8 `[H, W]`.
    """
    workspace = workspace or Workspace()
    pairs = [MaskPair.of(p, t, workspace) for p, t in zip(predictions, truths, strict=True)]
    return ComparedFrames(pairs, ids)


@dataclass(frozen=True)
class ScoredPart:
    """What a measure says of some frames of one video.

    Attributes:
        names: of the T frames.
        values: of the video's N objects.
    """

    names: tuple[str, ...]
    values: FrameValues


def object_scores(
    video: Video, counted: Mapping[str, frozenset[int]], parts: Sequence[ScoredPart]
) -> list[ObjectScores]:
    """Scores of a video's objects over the frames that count for each.

    Args:
        counted: as of `counted_frames`.
        parts: in time order; frames that count for an object and are in none are left out.
    """
    names = [name for part in parts for name in part.names]
    shown = _joined([part.values.shown for part in parts])
    extras = _joined([part.values.extras for part in parts])
    objects = []
    for column, item in enumerate(video.objects):
        rows = [k for k, name in enumerate(names) if item.id in counted.get(name, ())]
        objects.append(
            ObjectScores(
                video=video.name,
                id=item.id,
                category=item.category,
                frames=tuple(names[k] for k in rows),
                shown={name: values[rows, column] for name, values in shown.items()},
                extras={name: values[rows, column] for name, values in extras.items()},
                row=column,
                frame_count=item.scored.count if item.scored is not None else None,
            )
        )
    return objects


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Values of all parts by name, one after the other."""
    names = parts[0] if parts else ()
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def score_video(
    measure: Measure,
    video: Video,
    counted: Mapping[str, frozenset[int]],
    frames: Sequence[tuple[str, np.ndarray, np.ndarray]],
) -> list[ObjectScores]:
    """Score a video in memory.

    Args:
        frames: (name, predicted, true) with uint8 `[H, W]` id masks, in time order.

    Raises:
        ValueError: masks do not fit together.
    """
    parts = []
    workspace = Workspace()
    for start in range(0, max(len(frames), 1), BATCH):
        batch = frames[start : start + BATCH]
        predicted, truths = [item[1] for item in batch], [item[2] for item in batch]
        compared = compare(predicted, truths, video.ids.values, workspace)
        names = tuple(item[0] for item in batch)
        parts.append(ScoredPart(names, measure.score_frames(compared)))
    return object_scores(video, counted, parts)


def counted_frames(video: Video, rule: ScoringRule) -> dict[str, frozenset[int]]:
    """Ids that count in each annotated frame of a video, frames in time order.

    An object counts in the frames that the data set says it does. Where the data set does not say:
    from the frame in which it is given (or the next) on, up to the last annotated frame (or the one
    before), in the frames that are listed for it, or in all annotated ones where none is.
    """
    annotated = [frame.name for frame in video.frames if frame.annotated]
    kept = frozenset(annotated[: len(annotated) - rule.skip_last])
    counted: dict[int, frozenset[str]] = {}
    for item in video.objects:
        if item.scored is not None:
            counted[item.id] = frozenset(item.scored.names)
            continue
        names = video.frame_names[video.index(item.first_frame) + rule.skip_first :]
        counted[item.id] = kept & frozenset(names) & frozenset(item.frames or annotated)
    return {
        name: frozenset(number for number, names in counted.items() if name in names)
        for name in annotated
    }
