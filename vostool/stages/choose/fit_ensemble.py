"""`vostool fit-ensemble`: fit how prediction folders are merged, on videos with true masks.

The videos must be ones that no member was trained on, such as those of an offline split, and not
the ones that results are reported on. Cross-validation over videos says what fitting is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from rich.table import Table

from vostool.core.console import progress
from vostool.core.errors import DataError, UsageError
from vostool.core.figures import per_cent
from vostool.core.listing import some
from vostool.core.output import Output
from vostool.core.types import VOID, Video
from vostool.datasets.annotations import read_annotation
from vostool.datasets.selection import Selection
from vostool.ensembling.fitted import Fitted, FittedAbout
from vostool.ensembling.fitting import FitFrame, FitOptions, fit_network, fit_weights
from vostool.ensembling.folder_members import FolderMembers
from vostool.ensembling.fusion import FusionNetwork
from vostool.ensembling.method import Members, choose_method
from vostool.ensembling.weights import as_text
from vostool.scoring.evaluate import compare, counted_frames
from vostool.scoring.ground_truth import require_ground_truth
from vostool.scoring.measure import Measure, load_measure

Kind = Literal["learned", "weighted"]
Merge = Callable[[torch.Tensor], torch.Tensor]
"""Members' probabilities `[Q, K+1, H, W]` -> merged planes `[K+1, H, W]`."""

SHRINK = 2
"""Frames are fitted and compared at 1 / SHRINK of their size."""
ORDER = ("mean", "weighted", "vote", "learned")


@dataclass(frozen=True)
class FitReport:
    """What was fitted.

    Attributes:
        file: the new file.
        kind: what it holds.
        weights: of a weighted mean of the members, fitted too where a network is asked for.
        figures: by way of merging (members alone, too), means over the objects of held-out videos
            of the measure's figures; empty where there was no cross-validation.
        folds: of the cross-validation, 0 for none.
        videos, frames: numbers of what was fitted to.
    """

    file: Path
    kind: Kind
    weights: tuple[float, ...]
    figures: Mapping[str, Mapping[str, float]]
    folds: int
    videos: int
    frames: int

    def table(self) -> Table:
        """The comparison."""
        title = f"{self.folds}-fold cross-validation over {self.videos} videos, at half size; "
        title += "in per cent"
        table = Table(title=title)
        table.add_column("merged by")
        columns = next(iter(self.figures.values()), {})
        for name in columns:
            table.add_column(name, justify="right")
        for way, values in self.figures.items():
            table.add_row(way, *(per_cent(values[name]) for name in columns))
        return table


def fit_ensemble(
    members: Sequence[Path],
    selection: Selection,
    output: Output,
    *,
    kind: Kind = "learned",
    options: FitOptions | None = None,
    frames_per_video: int = 8,
    folds: int = 5,
) -> FitReport:
    """Fit, compare by cross-validation, and write the file that `--method learned` takes.

    Args:
        members: prediction folders with probabilities, of each member alone.
        selection: videos with ground truth.
        frames_per_video: annotated frames taken of a video, evenly spread.
        folds: of the cross-validation, at most as many as there are videos; 0 leaves it out.

    Raises:
        UsageError: fewer than two members, members without probabilities or with equal marks.
        DataError: members disagree, lack a video, or there is no ground truth.
        OutputError: the file exists.
    """
    options = options or FitOptions()
    target = output.claim_file("fitted ensemble")
    folders = FolderMembers(members)
    folders.prepare(choose_method("mean"))
    about = folders.members
    _check(about)
    videos = selection.load()
    rule = selection.scoring_rule()
    require_ground_truth(videos, rule, selection)
    frames = _load(folders, videos, selection, frames_per_video)
    measure = load_measure(rule.measure)
    names = sorted({frame.video for frame in frames})
    folds = min(folds, len(names))
    figures = {}
    if folds >= 2:
        figures = _cross_validate(frames, names, folds, about, options, measure)
    weights = fit_weights(frames, options.seed)
    fitted_on = {
        **selection.record,
        "videos": names,
        "frames": len(frames),
        "options": options.model_dump(mode="json"),
    }
    if kind == "weighted":
        told = FittedAbout(marks=about.marks, weights=weights, fitted_on=fitted_on)
        Fitted(told).save(target)
    else:
        network = _fit(frames, options, "fitting")
        told = FittedAbout(marks=about.marks, width=options.width, fitted_on=fitted_on)
        Fitted(told, network.state_dict()).save(target)
    return FitReport(
        target, kind, weights, figures, folds if figures else 0, len(names), len(frames)
    )


def _check(members: Members) -> None:
    if len(members) < 2:
        raise UsageError("one member needs no ensemble", remedy="give at least two folders")
    if len(set(members.marks)) < len(members):
        twice = [mark for mark in members.marks if members.marks.count(mark) > 1]
        raise UsageError(
            f"two members are the same: {some(twice)}", remedy="give folders of different runs"
        )


def _load(
    folders: FolderMembers, videos: Sequence[Video], selection: Selection, per_video: int
) -> list[FitFrame]:
    known = set(folders.folders[0].videos())
    missing = [video.name for video in videos if video.name not in known]
    if missing:
        raise DataError(
            f"the members lack the videos {some(missing)}",
            where=folders.folders[0].root,
            remedy=f"run vostool infer on {selection}, or name the videos with --video",
        )
    rule = selection.scoring_rule()
    frames = []
    with progress("reading", len(videos), "videos") as bar:
        for video in videos:
            counted = [name for name, ids in counted_frames(video, rule).items() if ids]
            there = set(folders.folders[0].frames(video.name))
            usable = [name for name in counted if name in there]
            chosen = np.linspace(0, len(usable) - 1, min(per_video, len(usable))).round()
            for place in sorted({int(index) for index in chosen}):
                frames.append(_frame(folders, video, usable[place]))
            bar.advance(1, video.name)
    if not frames:
        raise DataError("no frame of these members counts", remedy="give videos with true masks")
    return frames


def _frame(folders: FolderMembers, video: Video, name: str) -> FitFrame:
    """Planes and true labels of a frame at half its size."""
    truth = read_annotation(video, video.frames[video.index(name)])
    ids = folders.ids(video.name)
    labels = ids.to_rows(truth)
    labels[truth == VOID] = VOID
    height, width = (max(1, side // SHRINK) for side in truth.shape)
    planes = []
    for folder in folders.folders:
        stored, _ = folder.probabilities(video.name, name)
        if stored.shape[1:] != truth.shape:
            raise DataError(
                f"probabilities of {stored.shape[1]}x{stored.shape[2]} pixels for a frame of "
                f"{truth.shape[0]}x{truth.shape[1]}",
                where=folder.probabilities_path(video.name, name),
                remedy="run vostool infer on this data set again",
            )
        small = [
            cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in stored
        ]
        planes.append(np.stack(small))
    half = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return FitFrame(video.name, torch.from_numpy(np.stack(planes)), torch.from_numpy(half))


def _fit(frames: Sequence[FitFrame], options: FitOptions, label: str) -> FusionNetwork:
    with progress(label, options.iterations, "it") as bar:
        return fit_network(frames, options, lambda step, loss: bar.advance(1, f"loss {loss:.3f}"))


def _cross_validate(
    frames: Sequence[FitFrame],
    names: Sequence[str],
    folds: int,
    members: Members,
    options: FitOptions,
    measure: Measure,
) -> dict[str, dict[str, float]]:
    """Mean figures of every way of merging, each video held out once."""
    order = np.random.default_rng(options.seed).permutation(len(names))
    held_out = [{names[k] for k in part} for part in np.array_split(order, folds)]
    figures: dict[str, list[dict[str, float]]] = {}
    for number, held in enumerate(held_out, start=1):
        rest = [frame for frame in frames if frame.video not in held]
        network = _fit(rest, options, f"fold {number} of {folds}")
        ways = _ways(members, fit_weights(rest, options.seed), network)
        for video in sorted(held):
            own = [frame for frame in frames if frame.video == video]
            for way, merge in ways.items():
                figures.setdefault(way, []).extend(_figures(own, merge, measure))
    return {
        way: {name: float(np.mean([item[name] for item in found])) for name in found[0]}
        for way, found in figures.items()
        if found
    }


def _ways(members: Members, weights: tuple[float, ...], network: FusionNetwork) -> dict[str, Merge]:
    def alone(number: int) -> Merge:
        return lambda planes: planes[number]

    def method(name: str, values: dict[str, object]) -> Merge:
        start = choose_method(name, values).prepare(members)

        def merge(planes: torch.Tensor) -> torch.Tensor:
            accumulator = start()
            for number, part in enumerate(planes):
                accumulator.add(part, number)
            return accumulator.result()

        return merge

    ways = {name: alone(number) for number, name in enumerate(members.names)}
    ways |= {"mean": method("mean", {}), "weighted": method("weighted", {"weights": weights})}
    ways |= {"vote": method("vote", {}), "learned": lambda planes: network(planes)[1]}
    return ways


def _figures(frames: Sequence[FitFrame], merge: Merge, measure: Measure) -> list[dict[str, float]]:
    """The measure's figures of each object of a video, means over its frames."""
    predicted, truths = [], []
    for frame in frames:
        with torch.no_grad():
            labels = merge(frame.probabilities()).argmax(0)
        truth = frame.labels.numpy()
        predicted.append(np.where(truth == VOID, 0, labels.numpy()).astype(np.uint8))
        truths.append(np.where(truth == VOID, 0, truth).astype(np.uint8))
    ids = sorted({int(value) for truth in truths for value in np.unique(truth)} - {0})
    if not ids:
        return []
    shown = measure.score_frames(compare(predicted, truths, ids)).shown
    means = {name: np.nanmean(values, axis=0) for name, values in shown.items()}
    return [{name: float(values[k]) for name, values in means.items()} for k in range(len(ids))]


def sentence(report: FitReport, members: Sequence[Path]) -> str:
    """How to use what was fitted."""
    folders = " ".join(map(str, members))
    return (
        f"{report.file} (fitted to {report.frames} frames of {report.videos} videos)\n"
        f"fitted weights: {as_text(report.weights)}\n"
        f"use: vostool ensemble {folders} --method learned --weights {report.file} --out OUT"
    )
