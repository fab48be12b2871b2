"""`vostool propose`: proposals into a file, and how many of the true objects they stand for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional as F

from vostool.core.console import progress
from vostool.core.errors import UsageError
from vostool.core.files import write_text
from vostool.core.output import Output
from vostool.core.types import Frame, ObjectProposals, Video
from vostool.datasets.catalogue import annotation
from vostool.datasets.selection import Selection
from vostool.inference.engine import Member
from vostool.inference.files import VideoSource
from vostool.inference.prepare import prepare, resolve
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.proposing import open_source
from vostool.inference.run import Propagation, Request
from vostool.media.reader import FrameReader
from vostool.media.rle import encode_runs
from vostool.models import InputSpec
from vostool.models.explaining import MakesProposals
from vostool.nn.mask_proposals import propose as move_masks
from vostool.nn.mask_proposals import tight_boxes
from vostool.nn.precision import resolve_device
from vostool.scoring.proposal_recall import Recall
from vostool.stages.predict.load import load_segmenter
from vostool.stages.predict.watched import SegmentedFrame, Watched

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


class Finder(Protocol):
    """Finds the proposals of one video's frames, in time order."""

    def __call__(self, video: Video) -> Iterator[tuple[Frame, ObjectProposals]]: ...


def by_detector(source: str, files: Sequence[Path], device: str = "auto") -> Finder:
    """What a source of proposals says of each frame; see `open_source`, also for what is raised."""
    detector = open_source(source, files, resolve_device(device))

    def find(video: Video) -> Iterator[tuple[Frame, ObjectProposals]]:
        for frame, image in FrameReader(video):
            yield frame, detector.proposals(image, video.name, frame.name)

    return find


def by_network(
    checkpoint: Path, options: PropagationOptions | None = None, device: str = "auto"
) -> Finder:
    """What a network that makes its own proposals chose among, frame by frame, as it ran.

    They depend on its last masks: an object that it lost has no proposals around it.

    Raises:
        UsageError: the network makes no proposals.
        CheckpointError: as `infer`.
    """
    where, dtype = resolve(device, "fp32")
    network, recipe = load_segmenter(checkpoint, where)
    spec = network.input_spec
    assert isinstance(spec, InputSpec)
    if not isinstance(network, MakesProposals) or spec.proposals:
        raise UsageError(
            f"{recipe['model']['name']} of {checkpoint} makes no proposals of its own",
            remedy="name a detector with --source and --file",
        )
    watched = Watched(prepare(network, where))
    run = Propagation((Member(watched),), options or PropagationOptions(), dtype)

    def find(video: Video) -> Iterator[tuple[Frame, ObjectProposals]]:
        results = run(VideoSource(video, video.frame_names), Request())
        for frame, result in zip(video.frames, results, strict=True):
            size = (result.mask.shape[0], result.mask.shape[1])
            yield frame, _seen(network, watched.moment, size)
            watched.moment = None

    return find


def _seen(
    network: MakesProposals, moment: SegmentedFrame | None, size: tuple[int, int]
) -> ObjectProposals:
    """What a network had at the frame just run, in pixels of the frame."""
    masks = torch.zeros((0, *size), dtype=torch.bool)
    found = masks if moment is None else network.proposed(moment.prediction)
    if moment is not None and len(found):
        masks = moment.to_frame(found, size) >= 0.5
    masks = masks[masks.flatten(1).any(1)]
    return ObjectProposals(tight_boxes(masks), torch.ones(len(masks)), masks)


def propose(
    find: Finder, files: Sequence[Path], selection: Selection, output: Output | None = None
) -> Proposed:
    """Find proposals in all frames of some videos.

    Args:
        find: see `by_detector` and `by_network`.
        files: that it reads, which are not written over.
        output: JSON file to write; None for the recall alone.

    Raises:
        UsageError, CheckpointError, OutputError: before anything is run.
        DataError: a frame, or a file of proposals, cannot be read.
    """
    videos = selection.load()
    inputs = [*files, *selection.inputs(videos)]
    path = None if output is None else output.claim_file("file of proposals", inputs)
    found = Proposed()
    with progress("propose", sum(len(video.frames) for video in videos), "frames") as bar:
        for video in videos:
            last: np.ndarray | None = None
            for frame, proposals in find(video):
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
