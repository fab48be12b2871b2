"""The toy sequence in the published layout of each data set, frames included, and predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from toy import COUNT, toy_predictions, toy_truths

from vostool.media.masks import write_mask
from vostool.media.rle import encode_runs


def only(masks: Sequence[np.ndarray], id: int) -> list[np.ndarray]:
    """The masks with one of their objects alone."""
    return [np.where(mask == id, mask, 0).astype(np.uint8) for mask in masks]


def write_frames(folder: Path, masks: Mapping[str, np.ndarray]) -> None:
    """Grey frames on which the objects are bright."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, mask in masks.items():
        grey = (60 + 70 * mask).astype(np.uint8)
        Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(folder / f"{name}.jpg")


def write_masks(folder: Path, masks: Mapping[str, np.ndarray]) -> None:
    """Palette PNGs."""
    for name, mask in masks.items():
        write_mask(folder / f"{name}.png", mask)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


LVOS_NAMES = [f"{number:08d}" for number in range(1, 46, 5)][:COUNT]


def write_lvos(
    root: Path,
    frame_range: tuple[Any, Any, Any] = (1, 41, 9),
    split: str = "valid",
    folder: str = "valid",
    all_masks: bool = True,
) -> None:
    """`vid` with objects 1 and 2, and the unseen `vid2` with object 2 alone."""
    keys = ("start", "end", "frame_nums")
    entry = {"frame_range": dict(zip(keys, frame_range, strict=True))}
    videos = {"vid": {"1": entry, "2": entry}, "vid2": {"2": entry}}
    for name, objects in videos.items():
        masks = toy_truths() if "1" in objects else only(toy_truths(), 2)
        named = dict(zip(LVOS_NAMES, masks, strict=True))
        write_frames(root / folder / "JPEGImages" / name, named)
        shown = named if all_masks else {LVOS_NAMES[0]: masks[0]}
        write_masks(root / folder / "Annotations" / name, shown)
    meta = {"videos": {name: {"objects": objects} for name, objects in videos.items()}}
    write_json(root / folder / f"{split}_meta.json", meta)
    (root / "unseen_videos.txt").write_text("vid2\n")


def write_lvos_predictions(folder: Path) -> None:
    """Toy predictions for both videos."""
    for name, masks in (("vid", toy_predictions()), ("vid2", only(toy_predictions(), 2))):
        write_masks(folder / "Annotations" / name, dict(zip(LVOS_NAMES, masks, strict=True)))


NAMES = [f"{t:05d}" for t in range(COUNT)]
VISOR_SEQUENCE = "P01_107_seq_00001"
VISOR_NAMES = [f"P01_107_frame_{140 + 30 * t:010d}" for t in range(COUNT)]


def write_mosev2(
    root: Path, split: str = "train", meta: Any = None, names: Sequence[str] = ("toy",)
) -> None:
    """The same video under each name; all masks in train, the first one in valid."""
    masks = dict(zip(NAMES, toy_truths(), strict=True))
    shown = masks if split == "train" else {NAMES[0]: masks[NAMES[0]]}
    for name in names:
        write_frames(root / split / "JPEGImages" / name, masks)
        write_masks(root / split / "Annotations" / name, shown)
    if meta is not None:
        write_json(root / f"meta_{split}.json", meta)


def write_vost(root: Path, dense: bool = False) -> None:
    """One video; with `dense`, frames at 10 fps between those of 5 fps, too."""
    masks = dict(zip(NAMES, toy_truths(), strict=True))
    write_frames(root / "JPEGImages" / "toy", masks)
    write_masks(root / "Annotations" / "toy", masks)
    (root / "ImageSets").mkdir(parents=True)
    for split in ("train", "val"):
        (root / "ImageSets" / f"{split}.txt").write_text("toy\n")
    if dense:
        between = {f"{name}_5": mask for name, mask in masks.items()}
        write_frames(root / "JPEGImages_10fps" / "toy", masks | between)


def write_visor(root: Path, mapping: Any = None) -> None:
    """One sequence in all lists, at the toy's size."""
    home = root / "VISOR_2022"
    masks = dict(zip(VISOR_NAMES, toy_truths(), strict=True))
    write_frames(home / "JPEGImages/480p" / VISOR_SEQUENCE, masks)
    write_masks(home / "Annotations/480p" / VISOR_SEQUENCE, masks)
    (home / "ImageSets/2022").mkdir(parents=True)
    for split in ("train", "val", "val_unseen"):
        (home / f"ImageSets/2022/{split}.txt").write_text(f"{VISOR_SEQUENCE}\n")
    names = {VISOR_SEQUENCE: {"1": "knife", "2": "left hand"}}
    for split in ("train", "val"):
        write_json(home / f"{split}_data_mapping.json", mapping or names)


SAV_VIDEO = "sav_000001"
SAV_DENSE = [f"{t:05d}" for t in range(4 * COUNT - 3)]
SAV_NAMES = SAV_DENSE[::4]


def write_layers(folder: Path, masks: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """A folder per object, 000 for id 1, with binary masks; `masks` hold ids."""
    for number in (1, 2):
        planes = [(mask == number).astype(np.uint8) for mask in masks]
        write_masks(folder / f"{number - 1:03d}", dict(zip(names, planes, strict=True)))


def write_sav(root: Path, split: str = "val", video: str = SAV_VIDEO) -> None:
    """The toy's objects as 000 and 001, masks in every fourth frame."""
    folder = root / f"sav_{split}"
    truths = toy_truths()
    frames = {name: truths[t // 4] for t, name in enumerate(SAV_DENSE)}
    write_frames(folder / "JPEGImages_24fps" / video, frames)
    write_layers(folder / "Annotations_6fps" / video, truths, SAV_NAMES)
    (folder / f"sav_{split}.txt").write_text(f"{video}\n")


BURST_VIDEO = "LaSOT-toy"
BURST_NAMES = [f"frame{30 * t:04d}" for t in range(COUNT)]


def burst_codes(masks: Sequence[np.ndarray], tracks: Mapping[str, int]) -> list[dict[str, Any]]:
    """Run-length codes by track, for each frame; empty masks are left out."""
    frames = []
    for mask in masks:
        planes = {track: mask == number for track, number in tracks.items()}
        frames.append(
            {
                track: {"rle": encode_runs(plane).counts.decode(), "is_gt": True, "score": 1.0}
                for track, plane in planes.items()
                if plane.any()
            }
        )
    return frames


def write_burst(root: Path, split: str = "val", tracks: Sequence[int] = (1, 2)) -> dict[str, Any]:
    """The toy's objects as tracks of the categories 4 (common) and 1 (uncommon)."""
    names = dict(zip(map(str, tracks), (1, 2), strict=True))
    write_frames(root / split / "LaSOT/toy", dict(zip(BURST_NAMES, toy_truths(), strict=True)))
    images = [f"{name}.jpg" for name in BURST_NAMES]
    sequence = {
        "width": 128,
        "height": 96,
        "id": 17,
        "seq_name": "toy",
        "dataset": "LaSOT",
        "fps": 30,
        "all_image_paths": images,
        "annotated_image_paths": images,
        "neg_category_ids": [],
        "not_exhaustive_category_ids": [],
        "track_category_ids": dict(zip(names, (4, 1), strict=True)),
        "segmentations": burst_codes(toy_truths(), names),
    }
    categories = [{"id": 4, "name": "airplane"}, {"id": 1, "name": "aerosol_can"}]
    value = {"sequences": [sequence], "categories": categories, "split": split}
    write_json(root / split / "all_classes.json", value)
    return value
