"""VOST (Tokmakov et al., arXiv 2212.06200): objects that are cut, broken and poured.

Masks are at 5 fps, frames also at 10 fps for methods that want to see more; `val_10fps` runs on
those and is scored on the same masks. In the truth 255 means background. Not verified: the pattern
of the frames' names.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.types import Frame, Video
from vostool.datasets.davis import davis_root, read_list
from vostool.datasets.layout import CHECK, MASK_SUFFIXES, build_videos, list_files
from vostool.datasets.objects import objects_of_first_mask
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec

DENSE = "_10fps"
SPLITS = ("train", "val")


def _load(root: Path, split: str) -> list[Video]:
    base = split.removesuffix(DENSE)
    home = davis_root(root, "VOST")
    names = read_list(home, (".",), base)
    images = home / f"JPEGImages{DENSE if split != base else ''}"
    if not images.is_dir():
        raise DataError("the folder of frames is missing", where=images, remedy=CHECK)
    return build_videos(names, partial(_build, images, home / "Annotations", split != base))


def _build(images: Path, annotations: Path, dense: bool, name: str) -> Video:
    """Objects are those of the first mask; masks mark the frames to submit."""
    stems = list_files(images / name)
    masks = list_files(annotations / name, MASK_SUFFIXES)
    if not stems or not masks:
        raise DataError(
            f"video {name} has {len(stems)} frames and {len(masks)} masks",
            where=images / name,
            remedy=CHECK,
        )
    lost = [stem for stem in masks if stem not in stems]
    if lost:
        raise DataError(
            f"the mask {lost[0]} of video {name} has no frame of the same name",
            where=images / name,
            remedy="download the frames again" if not dense else "use the split without _10fps",
        )
    first = next(iter(masks))
    objects = objects_of_first_mask(masks[first], first)
    frames = tuple(Frame(stem, path, masks.get(stem)) for stem, path in stems.items())
    video = Video(name, frames, objects, tuple(masks))
    step = video.index(tuple(masks)[1]) - video.index(first) if len(masks) > 1 else 1
    return dataclasses.replace(video, frame_step=1 if dense else max(step, 1))


SPEC = VideoDatasetSpec(
    name="vost",
    title="VOST, objects that change their shape",
    splits=(*SPLITS, *(f"{split}{DENSE}" for split in SPLITS)),
    load=_load,
    ground_truth_splits=(*SPLITS, *(f"{split}{DENSE}" for split in SPLITS)),
    scoring=ScoringRule("vost", skip_first=True, skip_last=True),
    submissions={
        name: SubmissionProfile(note="scored locally, with the masks as VIDEO/NAME.png")
        for name in ("val", f"val{DENSE}")
    },
    where="vostdataset.org",
)
