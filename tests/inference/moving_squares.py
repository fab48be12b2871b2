"""Videos of coloured squares, in memory and on disk."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vostool.core.types import Frame, Video, VideoObject
from vostool.media.masks import write_mask

COLOURS = {2: (230, 40, 40), 7: (40, 220, 60), 9: (60, 60, 240)}


def squares(frames: int, size=(50, 81), ids=(2, 7), starts=None, seed=0, drift=0):
    """Images, true id masks, and given masks per frame index, of squares that move right.

    Args:
        starts: id -> frame in which the square appears; default 0.
        drift: grey levels by which colours change per frame.
    """
    generator = np.random.default_rng(seed)
    starts = starts or {}
    images, truth, given = [], [], {}
    for t in range(frames):
        image = generator.integers(90, 130, (*size, 3)).astype(np.uint8)
        mask = np.zeros(size, np.uint8)
        for row, value in enumerate(ids):
            begin = starts.get(value, 0)
            if t < begin:
                continue
            y, x = 4 + 14 * row, 4 + 3 * (t - begin) + 5 * row
            mask[y : y + 12, x : x + 14] = value
            image[mask == value] = np.clip(np.array(COLOURS[value]) - drift * t, 0, 255)
            if t == begin:
                given[t] = given.get(t, np.zeros(size, np.uint8)) + (mask == value) * np.uint8(
                    value
                )
        images.append(image)
        truth.append(mask)
    return images, truth, given


def write_video(root, name="squares", frames=6, output=None, **arguments):
    """Write such a video as PNG files; return the Video and its true masks by frame name."""
    images, truth, given = squares(frames, **arguments)
    records, objects = [], []
    for t, image in enumerate(images):
        path = root / name / f"{t:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        annotation = None
        if t in given:
            annotation = root / f"{name}-masks" / f"{t:05d}.png"
            write_mask(annotation, given[t])
            objects += [VideoObject(int(v), f"{t:05d}") for v in np.unique(given[t]) if v]
        records.append(Frame(f"{t:05d}", path, annotation))
    names = tuple(frame.name for frame in records)
    objects.sort(key=lambda item: item.id)
    video = Video(name, tuple(records), tuple(objects), output or names)
    return video, dict(zip(names, truth))
