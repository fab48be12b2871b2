"""DAVIS 2016 sequences with a moving square, and a tiny network's recipe."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIZE, FRAMES = (48, 64), 4

RECIPE = """
description = "a test"
[model]
name = "stm"
backbone = "resnet18"
key_channels = 4
value_channels = 8
decoder_channels = 8
[model.backbone_options]
layers = [1, 1, 1, 1]
channels = [8, 8, 16, 16]
[data.davis2016]
video = "davis2016"
[clip]
crop = [32, 48]
short_side = [40, 48]
min_area = 10
window_jitter = 2
[loop]
iterations = 1
batch = 1
precision = "fp32"
[optimiser]
learning_rate = 1e-3
"""


def write_davis(root: Path, train: str = "abc", val: str = "d") -> Path:
    """One letter per sequence."""
    rng = np.random.default_rng(0)
    lists = root / "ImageSets"
    for folder in ("480p", "2016"):
        (lists / folder).mkdir(parents=True)
    for split, names in (("train", train), ("val", val)):
        lines = [line for name in names for line in _write_sequence(root, name, rng)]
        (lists / "480p" / f"{split}.txt").write_text("\n".join(lines) + "\n")
        (lists / "2016" / f"{split}.txt").write_text("\n".join(names) + "\n")
    return root


def _write_sequence(root: Path, name: str, rng: np.random.Generator) -> list[str]:
    ground, lines = rng.integers(90, 130, (*SIZE, 3), np.uint8), []
    for frame in range(FRAMES):
        image, mask = ground.copy(), np.zeros(SIZE, np.uint8)
        top, left = 8 + ord(name) % 5, 6 + 5 * frame
        image[top : top + 20, left : left + 24] = (40, 40, 220)
        mask[top : top + 20, left : left + 24] = 255
        for kind, file, pixels in (
            ("JPEGImages", f"{frame:05d}.jpg", image),
            ("Annotations", f"{frame:05d}.png", mask),
        ):
            folder = root / kind / "480p" / name
            folder.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(folder / file), pixels)
        stem = f"480p/{name}/{frame:05d}"
        lines.append(f"/JPEGImages/{stem}.jpg /Annotations/{stem}.png")
    return lines
