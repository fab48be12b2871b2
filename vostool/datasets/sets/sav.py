"""SA-V (Ravi et al., arXiv 2408.00714): a mask per object, which may overlap; 000 is an object.

Frames are at 24 fps, masks at 6 fps, every fourth frame. Object 000 has id 1, and so on. The
training split (movies with run-length codes) is not read.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.types import Frame, Layer, Video, VideoObject
from vostool.datasets.davis import names_in_list
from vostool.datasets.layout import (
    CHECK,
    MASK_SUFFIXES,
    build_videos,
    first_folder,
    list_files,
    list_folders,
)
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec

SPLITS = ("val", "test")
IMAGES, MASKS = "JPEGImages_24fps", "Annotations_6fps"
MOST_OBJECTS = 254


def _load(root: Path, split: str) -> list[Video]:
    folder = first_folder(
        [Path(root) / f"sav_{split}"],
        f"the folder of split {split}",
        f"give the folder that holds sav_{split}/ as --root",
    )
    listed = folder / f"sav_{split}.txt"
    if not listed.is_file():
        raise DataError("the list of videos is missing", where=listed, remedy=CHECK)
    return build_videos(names_in_list(listed), partial(_build, folder))


def _build(folder: Path, name: str) -> Video:
    stems = list_files(folder / IMAGES / name)
    if not stems:
        raise DataError(f"video {name} has no frames", where=folder / IMAGES / name, remedy=CHECK)
    masks = _masks(folder / MASKS / name, name)
    first = next(iter(masks.values()))
    lost = [stem for stem in first if stem not in stems]
    if lost:
        raise DataError(
            f"the masks of frame {lost[0]} of video {name} have no frame of the same name",
            where=folder / IMAGES / name,
            remedy="download the frames again",
        )
    frames = tuple(
        Frame(stem, path, layers=_layers(masks, stem) if stem in first else None)
        for stem, path in stems.items()
    )
    start = next(iter(first))
    objects = tuple(VideoObject(i, start, label=f"{i - 1:03d}") for i in masks)
    return Video(name, frames, objects, tuple(first))


def _masks(folder: Path, name: str) -> dict[int, dict[str, Path]]:
    """Mask files by object and frame; every object has one in the same frames."""
    masks: dict[int, dict[str, Path]] = {}
    for place in list_folders(folder):
        if not place.isdecimal() or int(place) >= MOST_OBJECTS:
            raise DataError(
                f"{place!r} is no number of an object of video {name}",
                where=folder / place,
                remedy="object folders are called 000, 001, ... up to 253",
            )
        masks[int(place) + 1] = list_files(folder / place, MASK_SUFFIXES)
    if not masks or not any(masks.values()):
        raise DataError(f"video {name} has no mask", where=folder, remedy=CHECK)
    everywhere = dict.fromkeys(stem for files in masks.values() for stem in files)
    for number, files in masks.items():
        missing = [stem for stem in everywhere if stem not in files]
        if missing:
            raise DataError(
                f"object {number - 1:03d} of video {name} has no mask in frame {missing[0]}, where "
                "other objects have one",
                where=folder / f"{number - 1:03d}",
                remedy="download the annotations again; an absent object has an empty mask",
            )
    return dict(sorted(masks.items()))


def _layers(masks: dict[int, dict[str, Path]], stem: str) -> tuple[Layer, ...]:
    return tuple(Layer(i, files[stem], str(files[stem])) for i, files in masks.items())


SPEC = VideoDatasetSpec(
    name="sav",
    title="SA-V, objects that may overlap",
    splits=SPLITS,
    load=_load,
    ground_truth_splits=SPLITS,
    scoring=ScoringRule("vos-benchmark", skip_first=True, skip_last=True),
    submissions=dict.fromkeys(
        SPLITS,
        SubmissionProfile(
            format="layers",
            note="scored locally, VIDEO/OBJECT/FRAME.png for every annotated frame; without "
            "--strict, the official scorer passes over videos that lack",
        ),
    ),
    where="ai.meta.com/datasets/segment-anything-video (SA-V, val and test)",
)
