"""Small data sets on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vostool.media.masks import write_mask

SIZE = (12, 16)


def block(*ids: int) -> np.ndarray:
    """A mask with a 3 x 3 square per id."""
    mask = np.zeros(SIZE, np.uint8)
    for position, value in enumerate(ids):
        mask[4:7, 4 * position : 4 * position + 3] = value
    return mask


def write_image(path: Path, size: tuple[int, int] = SIZE, value: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


def write_frames(folder: Path, names: list[str], suffix: str = ".jpg") -> None:
    for name in names:
        write_image(folder / f"{name}{suffix}")


def write_grey(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def write_davis(
    root: Path, year: str, split: str, videos: dict[str, dict[str, np.ndarray]]
) -> Path:
    """DAVIS layout: three frames per video, masks as given; 2016 in 0 and 255."""
    (root / "ImageSets" / year).mkdir(parents=True, exist_ok=True)
    (root / "ImageSets" / year / f"{split}.txt").write_text("\n".join(videos) + "\n")
    for name, masks in videos.items():
        write_frames(root / "JPEGImages/480p" / name, ["00000", "00001", "00002"])
        for frame, mask in masks.items():
            path = root / "Annotations/480p" / name / f"{frame}.png"
            if year == "2016":
                write_grey(path, mask)
            else:
                write_mask(path, mask)
    return root


def write_youtube_vos(
    root: Path,
    split: str,
    objects: dict[str, dict[str, Any]],
    masks: dict[str, dict[str, np.ndarray]],
    frames: list[str],
) -> Path:
    """YouTube-VOS layout with the same frames in all videos."""
    folder = root / split
    folder.mkdir(parents=True, exist_ok=True)
    videos = {name: {"objects": entry} for name, entry in objects.items()}
    (folder / "meta.json").write_text(json.dumps({"videos": videos}))
    for name in objects:
        write_frames(folder / "JPEGImages" / name, frames)
        for frame, mask in masks.get(name, {}).items():
            write_mask(folder / "Annotations" / name / f"{frame}.png", mask)
    return root
