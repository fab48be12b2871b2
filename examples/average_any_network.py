"""Average vostool's predictions with those of a network that vostool has never seen.

    python examples/average_any_network.py demo

runs in a folder where `vostool demo` was run. The other network's answer is made up of the masks in
demo/preds/famnet-a, softened at their edges; put yours in its place: it has to say, for a
frame, probabilities `[K+1, H, W]`, background first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.stages.predict.ensemble import ensemble
from vostool.stages.score.evaluate import evaluate


def write_probabilities(
    folder: Path, video: str, frame: str, probabilities: np.ndarray, ids: list[int]
) -> None:
    """Write `[K+1, H, W]` in 0..1, background first, then in the order of ids (1..254)."""
    masks, planes = folder / "Annotations" / video, folder / "Probabilities" / video
    masks.mkdir(parents=True, exist_ok=True)
    planes.mkdir(parents=True, exist_ok=True)
    rounded = np.rint(probabilities * 255).astype(np.uint8)
    np.savez_compressed(planes / f"{frame}.npz", planes=rounded, ids=np.array(ids, np.uint8))
    labels = np.array([0, *ids], np.uint8)[probabilities.argmax(0)]
    Image.fromarray(labels).save(masks / f"{frame}.png")


def softened(labels: np.ndarray, ids: list[int]) -> np.ndarray:
    """Labels `[H, W]` as probabilities `[K+1, H, W]` that sum to 1."""
    planes = [(labels == label).astype(np.float32) for label in (0, *ids)]
    return np.stack([cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in planes])


def other_network(videos: Selection, masks: Path, folder: Path) -> None:
    """The other network's predictions for all videos."""
    for video in videos.load():
        for frame in video.output_frames:
            labels = np.array(Image.open(masks / video.name / f"{frame}.png"))
            ids = list(video.ids)
            write_probabilities(folder, video.name, frame, softened(labels, ids), ids)


def main(demo: Path) -> None:
    """Write the other network's predictions, average, and score all three."""
    videos = Selection("youtubevos2019", demo / "data", "valid")
    ours, other, both = (demo / "preds" / name for name in ("famnet-b", "other", "averaged"))
    other_network(videos, demo / "preds/famnet-a/Annotations", other)
    ensemble([ours, other], Output(both, overwrite=True))
    for folder in (ours, other, both):
        print(f"{folder.name}: G {100 * evaluate(folder, videos).score:.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
