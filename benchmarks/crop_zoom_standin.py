"""What resolution alone is worth: crop-then-zoom with a stand-in that knows the truth coarsely.

The stand-in for a network sees the true mask, but only blurred and averaged over blocks of 16 x 16
pixels, as the features of STM are; it makes no other mistakes. Its masks with and without zooming
are scored with J and F per sequence of DAVIS 2016 (first and last frame left out). Sequences whose
object is not eligible have equal scores; the last column says why. As most objects of DAVIS are
large, --shrink 4 shows them from four times as far away, in a frame of the original size.

Example: `python benchmarks/crop_zoom_standin.py --root data/DAVIS --every 3 --shrink 4`
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from _measure import positive
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn import functional

from vostool.core.options import assign, read_assignment
from vostool.core.types import Fate, ObjectIds, Video
from vostool.datasets.catalogue import annotation, load_videos
from vostool.inference.crop_zoom.eligibility import Verdict
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.run import run_with_crop_zoom
from vostool.inference.engine import Member, run_video
from vostool.inference.run import Propagation, Request
from vostool.inference.source import SourceFrame
from vostool.inference.strategy import parse_strategies
from vostool.inference.tracker import make_tracker
from vostool.models import FrameViews, InputSpec, Prediction
from vostool.nn.aggregation import soft_aggregate
from vostool.scoring.evaluate import compare as compare_masks

STRIDE = 16


class StandIn(nn.Module):
    """Finds the object wherever the picture is white, at stride 16. Keeps `Segmenter`'s protocol.

    Args:
        blur: standard deviation of the blur, in network pixels.
    """

    kernel: torch.Tensor

    def __init__(self, blur: float):
        super().__init__()
        self.input_spec = InputSpec((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), STRIDE)
        reach = torch.arange(-int(3 * blur), int(3 * blur) + 1).float()
        kernel = torch.exp(-reach.square() / (2 * blur**2)) if blur else torch.ones(1)
        self.register_buffer("kernel", kernel / kernel.sum())

    def encode(self, frame: FrameViews) -> torch.Tensor:
        """Probability `[V, 1, H, W]` of the object, from white pictures of it."""
        plane, reach = frame.images[:, :1], len(self.kernel) // 2
        for shape, sides in (((1, 1, -1, 1), (0, 0, 1, 1)), ((1, 1, 1, -1), (1, 1, 0, 0))):
            padded = functional.pad(plane, [reach * side for side in sides], mode="replicate")
            plane = functional.conv2d(padded, self.kernel.view(shape))
        coarse = functional.avg_pool2d(plane, STRIDE)
        return functional.interpolate(coarse, scale_factor=STRIDE, mode="bilinear")

    def start(self, max_memory: int | None = None) -> list[int]:
        """How many objects are followed."""
        return [0]

    def memorize(
        self,
        frame: FrameViews,
        features: torch.Tensor,
        probabilities: torch.Tensor,
        state: list[int],
        fates: Sequence[Fate],
    ) -> None:
        """Nothing to remember but the number of objects."""
        state[0] = len(fates)

    def segment(self, frame: FrameViews, features: torch.Tensor, state: list[int]) -> Prediction:
        """DAVIS 2016 has one object."""
        logits, probabilities = soft_aggregate(features.expand(-1, state[0], -1, -1))
        return Prediction(probabilities, logits)


@dataclass(frozen=True)
class TruthSource:
    """A video whose pictures are white where the object is; the first mask is given."""

    video: Video
    every: int
    shrink: float = 1.0

    @property
    def name(self) -> str:
        """Name of the video."""
        return self.video.name

    @property
    def ids(self) -> ObjectIds:
        """The one object."""
        return self.video.ids

    def __len__(self) -> int:
        return len(self.video.frames[:: self.every])

    def masks(self) -> Iterator[tuple[str, np.ndarray]]:
        """Names and true masks bool `[H, W]` of the frames."""
        for frame in self.video.frames[:: self.every]:
            truth = annotation(self.video, frame)
            if truth is None:
                raise SystemExit(f"{self.name}, frame {frame.name}: no annotation")
            yield frame.name, from_afar(truth > 0, self.shrink)

    def __iter__(self) -> Iterator[SourceFrame]:
        for index, (name, truth) in enumerate(self.masks()):
            image = np.repeat(truth[..., None], 3, axis=2).astype(np.uint8) * 255
            given = truth.astype(np.uint8) * self.ids.values[0] if index == 0 else None
            yield SourceFrame(name, image, given)


def from_afar(mask: np.ndarray, shrink: float) -> np.ndarray:
    """A bool mask `[H, W]`, made smaller by a factor in the middle of a frame of the same size."""
    if shrink == 1:
        return mask
    height, width = (max(1, round(side / shrink)) for side in mask.shape)
    small = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    result = np.zeros(mask.shape, bool)
    top, left = (mask.shape[0] - height) // 2, (mask.shape[1] - width) // 2
    result[top : top + height, left : left + width] = small > 0.5
    return result


@dataclass(frozen=True)
class Score:
    """Mean J and F of one sequence."""

    j: float
    f: float

    @classmethod
    def of(cls, masks: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> Score:
        """First and last frame do not count, as in DAVIS."""
        found, right = (
            [(mask != 0).astype(np.uint8) for mask in some[1:-1]] for some in (masks, truths)
        )
        compared = compare_masks(found, right, (1,))
        return cls(float(compared.j.mean()), float(compared.f.mean()))


def compare(
    source: TruthSource, blur: float, zoom: CropZoomOptions
) -> tuple[Score, Score, Verdict]:
    """Scores without and with zooming, and what was decided about the object."""
    members = _members(blur)
    truths = [truth for _, truth in source.masks()]
    plain = [result.mask > 0 for result in run_video(source, members)]
    verdicts: list[Verdict] = []
    run = run_with_crop_zoom(
        Propagation(members), source, Request(), zoom, make_tracker(), on_verdicts=verdicts.extend
    )
    zoomed = [result.mask > 0 for result in run]
    return Score.of(plain, truths), Score.of(zoomed, truths), verdicts[0]


def _members(blur: float) -> list[Member]:
    return [Member(StandIn(blur).eval(), parse_strategies(("every:5",)))]  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of DAVIS")
    parser.add_argument("--split", default="val")
    parser.add_argument("--sequence", action="append", help="only this one; may be repeated")
    parser.add_argument("--every", type=positive, default=1, help="use every N-th frame")
    parser.add_argument("--blur", type=float, default=4.0, help="in network pixels")
    parser.add_argument("--shrink", type=float, default=1.0, help="how far away, at least 1")
    parser.add_argument("--set", action="append", default=[], help="threshold, such as margin=2")
    options = parser.parse_args(arguments)
    if options.shrink < 1 or options.blur < 0:
        parser.error("--shrink must be at least 1, --blur at least 0")
    values: dict[str, object] = {}
    assign(values, [read_assignment(text, example="margin=2") for text in options.set])
    zoom = CropZoomOptions.model_validate(values)
    table = Table(
        title=f"stand-in at stride {STRIDE}, blur {options.blur:g}, {options.split}, "
        f"every {options.every}, shrunk {options.shrink:g} times"
    )
    for column in ("sequence", "J", "J zoomed", "F", "F zoomed", "object"):
        table.add_column(column, justify="left" if column in ("sequence", "object") else "right")
    for video in load_videos("davis2016", options.root, options.split):
        if options.sequence and video.name not in options.sequence:
            continue
        plain, zoomed, verdict = compare(
            TruthSource(video, options.every, options.shrink), options.blur, zoom
        )
        figures = (plain.j, zoomed.j, plain.f, zoomed.f)
        width, height = verdict.largest
        note = f"{verdict.rule.value} ({width:.0f}x{height:.0f})"
        table.add_row(video.name, *(f"{figure:.3f}" for figure in figures), note)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
