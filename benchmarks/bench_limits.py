"""Rates at the limits that are tested: 10,000 frames, 100,000 files in a folder, 254 objects.

Images are tiny, so that what is measured is what each file and each object costs, not its pixels.

Example: `python benchmarks/bench_limits.py --folder .`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from _measure import machine

from vostool.core.output import Output
from vostool.datasets.layout import list_files
from vostool.datasets.selection import Selection
from vostool.media.masks import encode_mask
from vostool.stages.data.check_data import check_data
from vostool.stages.predict.baseline import baseline
from vostool.stages.predict.ensemble import ensemble
from vostool.stages.predict.postprocess import postprocess
from vostool.stages.score.evaluate import evaluate

SIZE = (32, 48)
OBJECTS = 254
LARGE = (128, 192)


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where files are made; default /tmp")
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(machine())
        print(f"{'what':<50}{'units':>10}{'seconds':>10}{'per second':>12}")
        measure(Path(folder), options.frames, options.files)


def timed(what: str, units: int, work: Callable[[], object]) -> None:
    """Print how long it takes, as a line."""
    start = time.monotonic()
    work()
    seconds = time.monotonic() - start
    print(f"{what:<50}{units:>10,}{seconds:>10.1f}{units / seconds:>12,.0f}", flush=True)


def measure(root: Path, frames: int, files: int) -> None:
    """One line per stage."""
    long = write_video(root / "long", frames, np.eye(*SIZE, dtype=np.uint8))
    stages(long, frames, f"one video of {frames:,} frames", root / "a")
    crowded = write_video(root / "crowded", 20, crowd())
    stages(crowded, 20 * OBJECTS, f"{OBJECTS} objects x 20 frames", root / "b")
    (root / "many").mkdir()
    for number in range(files):
        (root / "many" / f"{number:06d}.jpg").touch()
    timed(f"list a folder of {files:,} files", files, lambda: list_files(root / "many"))


def stages(
    data: Selection,
    units: int,
    what: str,
    out: Path,
) -> None:
    """The commands that read and write every frame."""
    timed(f"check-data, {what}", units, lambda: check_data(data))
    timed(f"baseline, {what}", units, lambda: baseline(data, Output(out / "one")))
    members = [out / "one"] * 3
    timed(f"ensemble by vote, {what}", units, lambda: ensemble(members, Output(out / "vote")))
    timed(
        f"postprocess, {what}",
        units,
        lambda: postprocess(out / "one", ["fill-holes"], Output(out / "filled")),
    )
    timed(f"evaluate, {what}", units, lambda: evaluate(out / "one", data))


def write_video(root: Path, frames: int, mask: np.ndarray) -> Selection:
    """One video whose masks are all the same, in the layout of own data."""
    images, masks = root / "images" / "v", root / "masks" / "v"
    for folder in (images, masks):
        folder.mkdir(parents=True)
    _, picture = cv2.imencode(".jpg", np.zeros((*mask.shape, 3), np.uint8))
    drawn = encode_mask(mask)
    for number in range(frames):
        (images / f"{number:06d}.jpg").write_bytes(picture.tobytes())
        (masks / f"{number:06d}.png").write_bytes(drawn)
    return Selection("folder", root, "all")


def crowd() -> np.ndarray:
    """A mask with as many objects as there may be, 6 x 6 pixels each."""
    mask = np.zeros(LARGE, np.uint8)
    across = LARGE[1] // 8
    for number in range(OBJECTS):
        top, left = 8 * (number // across), 8 * (number % across)
        mask[top : top + 6, left : left + 6] = number + 1
    return mask


if __name__ == "__main__":
    main()
