"""`vostool propose`: a detector's proposals into a file, and how many true objects they cover."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from vostool.core.console import progress
from vostool.core.files import write_text
from vostool.core.output import Output
from vostool.core.types import Frame, ObjectProposals, Video
from vostool.datasets.catalogue import annotation
from vostool.datasets.selection import Selection
from vostool.inference.proposing import open_source
from vostool.media.reader import FrameReader
from vostool.media.rle import encode_runs
from vostool.nn.mask_proposals import propose as move_masks
from vostool.nn.precision import resolve_device
from vostool.scoring.proposal_recall import Recall

STRIDE = 4
"""Of the grid on which proposals without a detector are made."""


@dataclass
class Proposed:
    """What was found.

    Attributes:
        images, annotations: as COCO's result files have them.
        recall: of the proposals against ground truth, where there is any, without the frames in
            which objects' masks are given.
        moved: recall of what needs no detector, the true masks of the annotated frame before moved
            about: the most that `proposals = "deterministic"` can reach.
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    recall: Recall = field(default_factory=Recall)
    moved: Recall = field(default_factory=Recall)


def propose(
    source: str,
    files: Sequence[Path],
    selection: Selection,
    output: Output | None = None,
    device: str = "auto",
) -> Proposed:
    """Ask a source of proposals about all frames of some videos.

    Args:
        source, files: see `open_source`.
        output: JSON file to write; None for the recall alone.

    Raises:
        UsageError, CheckpointError, OutputError: before anything is run.
        DataError: a frame, or a file of proposals, cannot be read.
    """
    videos = selection.load()
    detector = open_source(source, files, resolve_device(device))
    inputs = [*files, *selection.inputs(videos)]
    path = None if output is None else output.claim_file("file of proposals", inputs)
    found = Proposed()
    with progress("propose", sum(len(video.frames) for video in videos), "frames") as bar:
        for video in videos:
            last: np.ndarray | None = None
            for frame, image in FrameReader(video):
                proposals = detector.proposals(image, video.name, frame.name)
                _write_down(found, proposals, f"{video.name}/{frame.name}")
                last = _compare(found, proposals, video, frame, last)
                bar.advance(1, video.name)
    if path is not None:
        table = {"images": found.images, "annotations": found.annotations}
        write_text(path, json.dumps(table) + "\n")
    return found


def _write_down(found: Proposed, proposals: ObjectProposals, name: str) -> None:
    height, width = proposals.masks.shape[-2:]
    found.images.append({"id": name, "file_name": f"{name}.jpg", "height": height, "width": width})
    for box, score, mask in zip(proposals.boxes, proposals.scores, proposals.masks, strict=True):
        x0, y0, x1, y1 = box.tolist()
        code = encode_runs(mask.numpy())
        found.annotations.append(
            {
                "id": len(found.annotations) + 1,
                "image_id": name,
                "category_id": 1,
                "bbox": [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)],
                "score": round(float(score), 6),
                "segmentation": {"size": list(code.size), "counts": code.counts.decode("ascii")},
            }
        )


def _compare(
    found: Proposed,
    proposals: ObjectProposals,
    video: Video,
    frame: Frame,
    last: np.ndarray | None,
) -> np.ndarray | None:
    """Count one frame; returns the last annotation so far."""
    truth = annotation(video, frame)
    if truth is None:
        return last
    given = [item.id for item in video.new_objects(frame.name)]
    asked = [item.id for item in video.objects if item.id not in given]
    if last is not None and np.isin(truth, asked).any():
        true = _planes(truth, asked)
        found.recall.add(proposals.masks, true)
        before = _smaller(_planes(last, asked))
        moved = move_masks(before, before).masks
        found.moved.add(moved, _smaller(true) >= 0.5)
    return truth


def _planes(ids: np.ndarray, objects: Sequence[int]) -> torch.Tensor:
    """Bool `[N, H, W]`."""
    return torch.from_numpy(ids[None] == np.array(objects, np.uint8)[:, None, None])


def _smaller(masks: torch.Tensor) -> torch.Tensor:
    """Shares of object `[N, h4, w4]`."""
    return F.avg_pool2d(masks[None].float(), STRIDE, ceil_mode=True, count_include_pad=False)[0]
