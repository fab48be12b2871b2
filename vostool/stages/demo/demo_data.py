"""A small generated video data set in the YouTube-VOS layout, for the demo and for trying things.

Blobs with a texture of their own move, turn, deform and pass in front of each other over a
panning textured background. Colours within a video are close, so that objects must be told apart
by shape, texture and place; one object of every third video comes in late, from outside.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from vostool.core.console import progress
from vostool.core.durable import make_durable
from vostool.core.files import atomic_path, write_json
from vostool.media.masks import write_mask

CATEGORIES = ("pebble", "bean", "clover", "cross", "starfish")
"""Kinds of object; the number of bumps on the outline grows along the list."""

RAW_STEP = 5
"""Raw frames between two frames on disk, as in YouTube-VOS."""


@dataclass(frozen=True)
class DemoDataOptions:
    """How much is made.

    Attributes:
        train_videos, valid_videos: numbers of videos; the two splits never share one.
        frames: frames per video.
        height, width: frame size in pixels.
        late_every: in one of so many videos an object comes in late.
        held_out_category: a category that no training video has ("unseen").
    """

    train_videos: int = 36
    valid_videos: int = 24
    frames: int = 14
    height: int = 96
    width: int = 160
    late_every: int = 3
    held_out_category: str = "cross"


@dataclass(frozen=True)
class _Blob:
    """One moving object: everything about it over time, t in frames."""

    category: str
    start: np.ndarray
    speed: np.ndarray
    radius: float
    spin: float
    outline: np.ndarray
    phases: np.ndarray
    texture: np.ndarray
    enters: int

    def centre(self, time: float, options: DemoDataOptions) -> np.ndarray:
        """(x, y) in pixels: straight on, reflected at a margin inside the frame; an object that
        enters late comes in over the right edge within three frames.
        """
        size = np.array([options.width, options.height], float)
        margin = np.minimum(self.radius * 0.8, size * 0.3)
        span = size - 2 * margin
        moved = self.start - margin + self.speed * max(time - self.enters, 0.0)
        inside = margin + span - np.abs(moved % (2 * span) - span)
        if self.enters == 0:
            return inside
        outside = np.array([size[0] + 0.6 * self.radius, inside[1]])
        entered = np.clip((time - self.enters + 1) / 3, 0.0, 1.0)
        if time < self.enters:
            outside[0] += self.radius
        return entered * inside + (1 - entered) * outside


def make_demo_data(
    root: Path,
    seed: int = 0,
    options: DemoDataOptions | None = None,
) -> Path:
    """Write `train` and `valid` in the YouTube-VOS layout under `root` and return `root`.

    All frames of both splits are annotated, `meta.json` lists the frames of each object, and the
    same seed gives the same pixels.
    """
    options = options or DemoDataOptions()
    counts = {"train": options.train_videos, "valid": options.valid_videos}
    with progress("making videos", sum(counts.values()), "videos") as bar:
        for position, (split, count) in enumerate(counts.items()):
            meta: dict[str, Any] = {"videos": {}}
            for number in range(count):
                name = f"{split}{number:03d}"
                rng = np.random.default_rng((seed, position, number))
                categories = _categories(rng, split, options)
                late = number % options.late_every == options.late_every - 1
                meta["videos"][name] = _write_video(
                    Path(root) / split, name, rng, categories, late, options
                )
                bar.advance()
            folder = Path(root) / split
            make_durable([*folder.rglob("*.jpg"), *folder.rglob("*.png")])
            write_json(folder / "meta.json", meta)
    return Path(root)


def _categories(rng: np.random.Generator, split: str, options: DemoDataOptions) -> list[str]:
    """Categories of a video's two or three objects; held-out ones are in `valid` only."""
    allowed = [name for name in CATEGORIES if split != "train" or name != options.held_out_category]
    return list(rng.choice(allowed, size=int(rng.integers(2, 4))))


def _write_video(
    folder: Path,
    name: str,
    rng: np.random.Generator,
    categories: list[str],
    late: bool,
    options: DemoDataOptions,
) -> dict[str, Any]:
    """Write one video's frames and masks; returns its entry for `meta.json`."""
    images, masks = render_video(rng, categories, late, options)
    seen: dict[int, list[str]] = defaultdict(list)
    for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
        frame = f"{index * RAW_STEP:05d}"
        with atomic_path(folder / "JPEGImages" / name / f"{frame}.jpg", durable=False) as path:
            Image.fromarray(image).save(path, format="JPEG", quality=92)
        write_mask(folder / "Annotations" / name / f"{frame}.png", mask)
        for object_id in np.unique(mask[mask > 0]):
            seen[int(object_id)].append(frame)
    objects = {
        str(object_id): {"category": str(categories[object_id - 1]), "frames": frames}
        for object_id, frames in sorted(seen.items())
    }
    return {"objects": objects}


def render_video(
    rng: np.random.Generator, categories: list[str], late: bool, options: DemoDataOptions
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Draw a video.

    Args:
        categories: one per object; object k gets id k + 1. Later ones are drawn in front.
        late: the last object waits outside for about a third of the video.

    Returns:
        Images uint8 `[H, W, 3]` and masks uint8 `[H, W]`, one pair per frame.
    """
    hue = rng.random()
    background = _texture(rng, (hue + 0.55 + 0.3 * rng.random()) % 1.0, contrast=0.5)
    pan = rng.uniform(-2.0, 2.0, 2)
    blobs = [
        _make_blob(rng, category, position, len(categories), hue, options)
        for position, category in enumerate(categories)
    ]
    if late:
        enters = options.frames // 3 + int(rng.integers(0, 2))
        blobs[-1] = replace(blobs[-1], enters=enters)
    frames = [_render(background, pan, blobs, time, options, rng) for time in range(options.frames)]
    return [image for image, _ in frames], [mask for _, mask in frames]


def _make_blob(
    rng: np.random.Generator,
    category: str,
    position: int,
    count: int,
    hue: float,
    options: DemoDataOptions,
) -> _Blob:
    """An object that starts in its own third of the frame, so that all are visible at first."""
    bumps = CATEGORIES.index(category) + 1
    outline = np.zeros(7)
    outline[bumps] = rng.uniform(0.16, 0.26) if bumps > 1 else 0.05
    outline += rng.uniform(0, 0.04, 7)
    size = np.array([options.width, options.height], float)
    start = size * [(position + rng.uniform(0.35, 0.65)) / count, rng.uniform(0.3, 0.7)]
    # Objects head for the middle of the frame, so that they meet there.
    heading = size * rng.uniform(0.35, 0.65, 2) - start
    return _Blob(
        category,
        start=start,
        speed=rng.uniform(3.0, 6.0) * heading / max(float(np.hypot(*heading)), 1.0),
        radius=options.height * rng.uniform(0.19, 0.27),
        spin=rng.uniform(-0.12, 0.12),
        outline=outline,
        phases=rng.uniform(0, 2 * np.pi, 7),
        texture=_texture(rng, (hue + 0.2 * position) % 1.0, contrast=0.8),
        enters=0,
    )


def _texture(rng: np.random.Generator, hue: float, contrast: float) -> np.ndarray:
    """Smooth noise in three octaves around one colour, float32 `[256, 256, 3]`, repeating."""
    noise = np.zeros((256, 256), np.float32)
    for cells, weight in ((8, 0.5), (24, 0.35), (64, 0.25)):
        grid = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        grid = np.pad(grid, 2, mode="wrap")
        side = 256 * (cells + 4) // cells
        start = (side - 256) // 2
        fine = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
        noise += weight * fine[start : start + 256, start : start + 256]
    value = np.clip(0.55 + contrast * 0.5 * noise, 0.05, 1.0)
    saturation = np.clip(rng.uniform(0.4, 0.7) - 0.3 * noise, 0.0, 1.0)
    hues = (hue + 0.04 * noise) % 1.0
    colours = np.stack([hues * 360, saturation, value], axis=-1).astype(np.float32)
    return cv2.cvtColor(colours, cv2.COLOR_HSV2RGB)


def _render(
    background: np.ndarray,
    pan: np.ndarray,
    blobs: list[_Blob],
    time: int,
    options: DemoDataOptions,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0 : options.height, 0 : options.width].astype(np.float32)
    image = _sample(background, columns + pan[0] * time + 40, rows + pan[1] * time + 40)
    mask = np.zeros((options.height, options.width), np.uint8)
    for object_id, blob in enumerate(blobs, start=1):
        x, y = blob.centre(time, options)
        turn = blob.spin * time
        right, down = columns - np.float32(x), rows - np.float32(y)
        across = np.cos(turn) * right + np.sin(turn) * down
        along = np.cos(turn) * down - np.sin(turn) * right
        inside = _outline(blob, np.arctan2(along, across), time) - np.hypot(across, along)
        cover = np.clip(inside + 0.5, 0, 1)[..., None]
        image = image * (1 - cover) + _sample(blob.texture, across + 128, along + 128) * cover
        mask[inside > 0] = object_id
    noisy = image * 255 + rng.normal(0, 3, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), mask


def _outline(blob: _Blob, angle: np.ndarray, time: int) -> np.ndarray:
    """Distance of the outline from the centre in each direction, breathing over time."""
    size = np.ones_like(angle)
    for bumps in range(1, 7):
        wobble = blob.outline[bumps] * (1 + 0.4 * np.sin(0.5 * time + blob.phases[bumps]))
        size += wobble * np.cos(bumps * angle + blob.phases[bumps])
    return blob.radius * size


def _sample(texture: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Bilinear lookup at float32 positions, repeating at the edges."""
    return cv2.remap(
        texture,
        columns.astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
