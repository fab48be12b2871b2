"""The benchmarks of crop-then-zoom run and print their tables."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np


def test_cost_follows_the_windows_pixels(script, capsys):
    arguments = ["--size", "64x112", "--network", "resnet18", "--frames", "1", "--memory", "2"]
    script("bench_crop_zoom").main(arguments)
    printed = capsys.readouterr().out
    rows = re.findall(r"window of an object of (\d+) pixels +│ +(\d+) │", printed)
    assert [int(side) for side, _ in rows] == [24, 60, 120]
    assert all(0 < int(pixels) < 64 * 112 for _, pixels in rows)


def write_sequence(root: Path, name: str, frames: int = 4) -> None:
    rng = np.random.default_rng(0)
    for folder in ("JPEGImages", "Annotations"):
        (root / folder / "480p" / name).mkdir(parents=True)
    for t in range(frames):
        image = rng.integers(0, 256, (192, 320, 3), dtype=np.uint8)
        mask = np.zeros((192, 320), np.uint8)
        cv2.circle(mask, (80 + 3 * t, 90), 20, 255, -1)
        cv2.imwrite(str(root / "JPEGImages" / "480p" / name / f"{t:05d}.jpg"), image)
        cv2.imwrite(str(root / "Annotations" / "480p" / name / f"{t:05d}.png"), mask)
    (root / "ImageSets" / "2016").mkdir(parents=True)
    (root / "ImageSets" / "2016" / "val.txt").write_text(f"{name}\n")


def test_the_stand_in_gains_from_zooming(script, capsys, tmp_path):
    write_sequence(tmp_path, "disc")
    script("crop_zoom_standin").main(
        ["--root", str(tmp_path), "--blur", "4", "--set", "zoom_height=192",
         "--set", "zoom_width=320"]
    )  # fmt: skip
    printed = capsys.readouterr().out
    ((plain, zoomed),) = re.findall(r"│ disc +│ +(\d\.\d+) │ +(\d\.\d+) │", printed)
    assert float(zoomed) > float(plain) + 0.02
