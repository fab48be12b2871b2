"""How much faster `vostool evaluate` is than the official definitions written down plainly.

The plain implementation goes frame by frame and object by object over full-size masks, as the DAVIS
code does. Its dilation is that of the definitions (binary, with a disk); a second column shows it
with OpenCV's dilation, which is quicker and gives the same. All masks are real, at 480p.

Example: `python benchmarks/bench_evaluate.py --data ../shared/data`
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy import ndimage

TOLERANCE = 0.008
SHIFT = (3, -5)
"""Rows and columns by which the multi-object masks are moved to make predictions."""


def plain_j(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two bool masks; 1 if both are empty."""
    union = np.sum(predicted | truth)
    return 1.0 if union == 0 else float(np.sum(predicted & truth) / union)


def plain_boundary(mask: np.ndarray) -> np.ndarray:
    """A pixel is boundary if it differs from its right, lower or lower right neighbour.

    In the last row only the right neighbour counts, in the last column only the lower one, and the
    last pixel is never boundary.
    """
    boundary = np.zeros_like(mask)
    inner = mask[:-1, :-1]
    boundary[:-1, :-1] = (
        (inner != mask[:-1, 1:]) | (inner != mask[1:, :-1]) | (inner != mask[1:, 1:])
    )
    boundary[-1, :-1] = mask[-1, :-1] != mask[-1, 1:]
    boundary[:-1, -1] = mask[:-1, -1] != mask[1:, -1]
    return boundary


def disk(radius: int) -> np.ndarray:
    """Pixels at most `radius` from the centre, bool `[2r+1, 2r+1]`."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return x**2 + y**2 <= radius**2


def dilate_binary(mask: np.ndarray, element: np.ndarray) -> np.ndarray:
    """Dilation as in the definitions."""
    return ndimage.binary_dilation(mask, element)


def dilate_opencv(mask: np.ndarray, element: np.ndarray) -> np.ndarray:
    """The same by OpenCV."""
    return cv2.dilate(mask.astype(np.uint8), element.astype(np.uint8)).astype(bool)


def plain_f(
    predicted: np.ndarray,
    truth: np.ndarray,
    dilate: Callable[[np.ndarray, np.ndarray], np.ndarray] = dilate_binary,
    radius: int | None = None,
) -> float:
    """Boundary F of two bool masks."""
    if radius is None:
        diagonal = np.sqrt(predicted.shape[0] ** 2 + predicted.shape[1] ** 2)
        radius = int(np.ceil(TOLERANCE * diagonal))
    of_predicted, of_truth = plain_boundary(predicted), plain_boundary(truth)
    near_predicted, near_truth = dilate(of_predicted, disk(radius)), dilate(of_truth, disk(radius))
    if not of_predicted.any() and not of_truth.any():
        precision, recall = 1.0, 1.0
    elif not of_predicted.any():
        precision, recall = 1.0, 0.0
    elif not of_truth.any():
        precision, recall = 0.0, 1.0
    else:
        precision = float(np.sum(of_predicted & near_truth) / np.sum(of_predicted))
        recall = float(np.sum(of_truth & near_predicted) / np.sum(of_truth))
    total = precision + recall
    return 0.0 if total == 0 else 2 * precision * recall / total


def plain_scores(
    predicted: np.ndarray,
    truth: np.ndarray,
    ids: range,
    dilate: Callable[[np.ndarray, np.ndarray], np.ndarray] = dilate_binary,
) -> list[tuple[float, float]]:
    """J and F of every object of one frame."""
    return [
        (plain_j(predicted == i, truth == i), plain_f(predicted == i, truth == i, dilate))
        for i in ids
    ]


Pair = tuple[Path, Path]
Masks = tuple[np.ndarray, np.ndarray, range]


def read_pair(predicted: Path, truth: Path) -> Masks:
    """Read masks with one object, 0 and not 0."""
    first, second = (np.array(Image.open(path)) for path in (predicted, truth))
    return (first > 0).astype(np.uint8), (second > 0).astype(np.uint8), range(1, 2)


def single_object_files(data: Path) -> list[list[Pair]]:
    """Per validation sequence of DAVIS 2016, masks of OSVOS and truth, first and last left out."""
    folders = sorted((data / "third-party" / "osvos").iterdir())
    truth = data / "DAVIS" / "Annotations" / "480p"
    return [
        [(path, truth / folder.name / path.name) for path in sorted(folder.glob("*.png"))[1:-1]]
        for folder in folders
    ]


def write_single_objects(data: Path, target: Path) -> None:
    """OSVOS's masks of several objects as masks of one, which DAVIS 2016 scores."""
    from vostool.media.masks import read_mask, write_mask

    source = data / "third-party" / "osvos"
    for path in source.rglob("*.png"):
        write_mask(target / path.relative_to(source), (read_mask(path) > 0).astype(np.uint8))


def multi_object_masks(data: Path) -> list[Masks]:
    """First masks of DAVIS 2017 test-challenge at 480p against themselves, moved a little."""
    result = []
    for path in sorted((data / "test-challenge-first").rglob("*.png")):
        image = Image.open(path)
        if image.mode not in ("P", "L"):
            continue
        truth = np.array(image)
        if truth.max() < 255:
            result.append((np.roll(truth, SHIFT, (0, 1)), truth, range(1, int(truth.max()) + 1)))
    return result


def seconds(work: Callable[[], object], repeats: int = 3) -> tuple[float, object]:
    """Least wall time of some runs, and the result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def from_files(table: Table, data: Path, every: int) -> None:
    """Rows for the whole command, decoding included."""
    from vostool.datasets.selection import Selection
    from vostool.stages.score.evaluate import evaluate

    sequences = single_object_files(data)
    files = [pair for sequence in sequences for pair in sequence]
    sample = files[::every]

    def plain(pairs: list[Pair], dilate: Callable) -> list[tuple[float, float]]:
        return [plain_scores(*read_pair(*pair), dilate)[0] for pair in pairs]

    slow, expected = seconds(lambda: plain(sample, dilate_binary), 1)
    quick, everything = seconds(lambda: plain(files, dilate_opencv), 1)
    with tempfile.TemporaryDirectory() as scratch:
        output, masks = Path(scratch) / "scores.json", Path(scratch) / "masks"
        write_single_objects(data, masks)
        arguments = (masks, Selection("davis2016", data / "DAVIS", "val"))
        one, _ = seconds(lambda: evaluate(*arguments, jobs=1, json=output))
        two, report = seconds(lambda: evaluate(*arguments, jobs=2, json=output))
    ours = np.array([(j, f) for item in report.objects for j, f in zip(*item.shown.values())])
    difference = max(
        np.abs(ours - np.array(everything)).max(), np.abs(ours[::every] - np.array(expected)).max()
    )
    name = f"whole command, {len(files)} frames, 1 object"
    baselines = (slow / len(sample), quick / len(files))
    for jobs, time_taken in ((1, one), (2, two)):
        add_row(table, name, jobs, baselines, time_taken / len(files), difference)


def in_memory(table: Table, name: str, masks: list[Masks], every: int) -> None:
    """A row for scoring alone."""
    from vostool.scoring.evaluate import compare

    def ours() -> list[tuple[float, float]]:
        scores: list[tuple[float, float]] = []
        for first in range(0, len(masks), 16):
            batch = masks[first : first + 16]
            most = max(len(ids) for _, _, ids in batch)
            found = compare([m[0] for m in batch], [m[1] for m in batch], range(1, most + 1))
            j, f = found.j, found.f
            for row, (_, _, ids) in enumerate(batch):
                scores += zip(j[row, : len(ids)], f[row, : len(ids)])
        return scores

    def plain(some: list[Masks], dilate: Callable) -> list[tuple[float, float]]:
        return [score for item in some for score in plain_scores(*item, dilate)]

    slow, expected = seconds(lambda: plain(masks[::every], dilate_binary), 1)
    quick, everything = seconds(lambda: plain(masks, dilate_opencv), 1)
    taken, scores = seconds(ours)
    # The sample's plain scores equal OpenCV's, which are there for all frames.
    again = plain(masks[::every], dilate_opencv)
    difference = max(
        np.abs(np.array(scores) - np.array(everything)).max(),
        np.abs(np.array(again) - np.array(expected)).max(),
    )
    count = len(masks)
    baselines = (slow / len(masks[::every]), quick / count)
    add_row(table, name, 1, baselines, taken / count, difference)


def add_row(
    table: Table,
    name: str,
    jobs: int,
    baselines: tuple[float, float],
    ours: float,
    difference: float,
) -> None:
    """One measurement; times are per frame."""
    plain, opencv = baselines
    table.add_row(
        name,
        str(jobs),
        f"{plain * 1e3:.1f}",
        f"{opencv * 1e3:.1f}",
        f"{ours * 1e3:.2f}",
        f"{plain / ours:.0f}x",
        f"{opencv / ours:.1f}x",
        f"{difference:.0e}",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default, help="folder with real masks")
    parser.add_argument("--every", type=int, default=10, help="plain: every so many frames")
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"no real masks in {options.data}: give their folder with --data")
    cv2.setNumThreads(1)
    table = Table(title=f"milliseconds per 480p frame, {os.cpu_count()} processors")
    for column in (
        "what",
        "jobs",
        "plain",
        "OpenCV",
        "vostool",
        "ratio",
        "to OpenCV",
        "difference",
    ):
        table.add_column(column, justify="left" if column == "what" else "right")
    from_files(table, options.data, options.every)
    single = [read_pair(*pair) for seq in single_object_files(options.data) for pair in seq[::4]]
    in_memory(table, "scoring alone, 1 object", single, options.every)
    several = multi_object_masks(options.data)
    objects = sum(len(ids) for _, _, ids in several) / len(several)
    in_memory(table, f"scoring alone, {objects:.1f} objects", several, 5)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
