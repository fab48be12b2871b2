"""`vostool explain`: what a network's memory gives to a frame, and how regions are aligned."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.catalogue import given_mask
from vostool.datasets.selection import Selection
from vostool.inference.engine import Member
from vostool.inference.files import VideoSource
from vostool.inference.given import Cast
from vostool.inference.prepare import prepare, resolve
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Propagation, Request, Run
from vostool.inference.wrappers.proposals import WithDetector
from vostool.media.images import read_frame
from vostool.models import Segmenter
from vostool.models.explaining import AlignedPoints, ShowsAlignment, ShowsRelevance
from vostool.nn.mask_proposals import tight_boxes
from vostool.proposals import coco
from vostool.reporting.relevance import (
    draw_contour,
    draw_heat,
    draw_points,
    side_by_side,
    write_png,
)
from vostool.stages.predict.load import load_segmenter
from vostool.stages.predict.watched import SegmentedFrame, Watched

log = logging.getLogger(__name__)

MOST_FRAMES = 7
"""Memory frames that are drawn: those that matter most."""
POINTS = 6
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Question:
    """What is to be explained.

    Attributes:
        frame: name, default the last one.
        objects: ids, default all.
        pixel: x and y in the frame, instead of all pixels of the objects.
    """

    frame: str | None = None
    objects: tuple[int, ...] = ()
    pixel: tuple[int, int] | None = None


def explain(
    checkpoint: Path,
    selection: Selection,
    question: Question,
    output: Output,
    options: PropagationOptions | None = None,
    *,
    proposals: Path | None = None,
    device: str = "auto",
) -> list[Path]:
    """Run a video up to a frame, and draw what its memory gives to it.

    One picture per object: `relevance-FRAME-ID.png` has the frame with the object or the pixel, and
    the memory frames with heat maps (one scale for all); `alignment-FRAME-ID.png` has places of the
    object's template and where its proposal has them, where the network aligns regions.

    Args:
        selection: names one video.
        output: folder.
        proposals: COCO result file, for a network that chooses among proposals.

    Raises:
        UsageError: not one video, unknown frame or objects, a pixel outside of the frame, or a
            network that can explain nothing.
        DataError, CheckpointError, OutputError: as `infer`.
    """
    videos = selection.load()
    if len(videos) != 1:
        raise UsageError("one video is explained at a time", remedy="name it with --video")
    video = videos[0]
    index = _position(video, question)
    where, dtype = resolve(device, "fp32")
    network, recipe = load_segmenter(checkpoint, where)
    if not isinstance(network, ShowsRelevance | ShowsAlignment):
        raise UsageError(f"{recipe['model']['name']} has no memory whose reading can be shown")
    inputs = [checkpoint, *selection.inputs(videos)]
    with output.owned(inputs):
        folder = output.claim_folder(inputs)
        watched = Watched(prepare(network, where))
        run: Run = Propagation((Member(watched),), options or PropagationOptions(), dtype)
        if proposals is not None:
            run = WithDetector(run, coco.open_source([proposals], where))
        name = video.frames[index].name
        for _ in run(VideoSource(video, {name}), Request()):
            pass
        if watched.moment is None:
            raise UsageError(
                f"nothing is read in frame {name}, in which masks are given",
                remedy="choose a later --frame",
            )
        return _Pictures(video, index, watched.network, watched.moment).write(question, folder)


def parse_pixel(text: str) -> tuple[int, int]:
    """Read `X,Y`. Raises UsageError for anything else."""
    x, _, y = text.partition(",")
    try:
        return int(x), int(y)
    except ValueError:
        raise UsageError(f"cannot read --pixel {text!r}", remedy="write --pixel X,Y") from None


def _position(video: Video, question: Question) -> int:
    """Index of the frame. Raises UsageError: unknown frame or objects."""
    name = question.frame if question.frame is not None else video.frames[-1].name
    if name not in video.frame_names:
        raise UsageError(
            f"video {video.name} has no frame {name}",
            remedy=f"it has {video.frames[0].name} to {video.frames[-1].name}",
        )
    unknown = sorted(set(question.objects) - set(video.ids))
    if unknown:
        known = ", ".join(map(str, video.ids))
        raise UsageError(f"video {video.name} has no object {unknown[0]}", remedy=f"it has {known}")
    return video.index(name)


class _Pictures:
    """Of one frame of a video, after it was segmented."""

    def __init__(self, video: Video, index: int, network: Segmenter, moment: SegmentedFrame):
        self.video, self.index, self.network, self.moment = video, index, network, moment
        self.name = video.frames[index].name
        self.image = read_frame(video.frames[index])
        self.cast = Cast(video.ids)
        for position, frame in enumerate(video.frames[:index]):
            if video.new_objects(frame.name):
                self.cast.enter(given_mask(video, frame), position)

    @torch.inference_mode()
    def write(self, question: Question, folder: Path) -> list[Path]:
        """All pictures; objects that are not in the frame have none."""
        written = []
        for row, number in enumerate(self.cast.rows):
            if question.objects and number not in question.objects:
                continue
            for kind, sheet in (
                ("relevance", self._relevance(row, question.pixel)),
                ("alignment", self._alignment(row)),
            ):
                if sheet is not None:
                    path = folder / f"{kind}-{self.name}-{number}.png"
                    write_png(path, sheet)
                    written.append(path)
        if not written:
            log.warning(f"frame {self.name} has none of these objects, so that nothing is drawn")
        return written

    def _relevance(self, row: int, pixel: tuple[int, int] | None) -> np.ndarray | None:
        if not isinstance(self.network, ShowsRelevance):
            return None
        pixels, marked = self._pixels(row, pixel)
        if pixels is None:
            return None
        moment = self.moment
        found = self.network.relevance(moment.features, moment.state, row, pixels)
        if found is None:
            return None
        size = (self.image.shape[0], self.image.shape[1])
        heats = moment.to_frame(found.maps, size).numpy()
        shares = found.maps.sum((1, 2)).tolist()
        most = sorted(np.argsort(shares)[::-1][:MOST_FRAMES].tolist())
        pictures = [(f"{self.name}, object {self.cast.rows[row]}", marked)]
        scale = max(float(heats[most].max()), 1e-9)
        first = min(self.cast.starts)
        for number in most:
            frame = self.video.frames[first + found.times[number]]
            heated = draw_heat(read_frame(frame), heats[number] / scale)
            pictures.append((f"{frame.name}: {100 * shares[number]:.0f} %", heated))
        return side_by_side(pictures)

    def _pixels(
        self, row: int, pixel: tuple[int, int] | None
    ) -> tuple[torch.Tensor | None, np.ndarray]:
        """Pixels of the view that ask, and the frame with them marked."""
        height, width = self.image.shape[:2]
        labels = self.moment.prediction.probabilities[0].argmax(0)
        mask = labels == row + 1
        if pixel is None:
            if not mask.any():
                return None, self.image
            shown = self.moment.to_frame(mask[None].float(), (height, width))[0].numpy() >= 0.5
            return mask, draw_contour(self.image, shown, WHITE)
        x, y = pixel
        if not (0 <= x < width and 0 <= y < height):
            raise UsageError(f"--pixel {x},{y} lies outside of the frame, {width} x {height}")
        content = self.moment.frame.content
        one = torch.zeros_like(mask)
        top = content.top + y * content.height // height
        one[top, content.left + x * content.width // width] = True
        return one, draw_points(self.image, (x - 8, y - 8, x + 8, y + 8), np.array([[0.5, 0.5]]))

    def _alignment(self, row: int) -> np.ndarray | None:
        if not isinstance(self.network, ShowsAlignment):
            return None
        moment = self.moment
        found = self.network.aligned_points(
            moment.features, moment.state, moment.prediction, row, POINTS
        )
        if found is None:
            return None
        start, number = self.video.frames[self.cast.starts[row]], self.cast.rows[row]
        given = torch.from_numpy(given_mask(self.video, start) == number)
        box = tight_boxes(given[None])[0].tolist()
        template = draw_points(read_frame(start), box, found.template.cpu().numpy())
        there = draw_points(self.image, self._box(found), found.proposal.cpu().numpy())
        return side_by_side(
            [(f"{start.name}: template", template), (f"{self.name}: proposal", there)]
        )

    def _box(self, found: AlignedPoints) -> list[float]:
        """The proposal's box in pixels of the frame."""
        content, (height, width) = self.moment.frame.content, self.image.shape[:2]
        x0, y0, x1, y1 = found.box.tolist()
        x0, x1 = ((x - content.left) * width / content.width for x in (x0, x1))
        y0, y1 = ((y - content.top) * height / content.height for y in (y0, y1))
        return [max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)]
