"""VISOR (Darkhalil et al., arXiv 2209.13064): kitchens seen from the cook's head, sparse frames.

In the folder `VISOR_2022` that VISOR-VOS's converter writes, 480p; the raw release is polygons.
Names of the objects come from `SPLIT_data_mapping.json`, where it is there.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from vostool.core.errors import DataError
from vostool.core.types import MaskEncoding, Video
from vostool.datasets.davis import davis_root, load_davis, read_list
from vostool.datasets.layout import CHECK, read_json
from vostool.datasets.servers import dead_codalab
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec

HOME = "VISOR_2022"
LISTS = ("2022",)
UNSEEN = "val_unseen"


def _load(root: Path, split: str) -> list[Video]:
    videos = load_davis(
        root,
        split,
        lists=LISTS,
        encoding=MaskEncoding.INDEXED,
        first_mask_only=False,
        home=HOME,
    )
    path = _mapping_file(root, split)
    if not path.is_file():
        return videos
    mapping = _mapping(path)
    return [_named(video, mapping, path) for video in videos]


def _mapping_file(root: Path, split: str) -> Path:
    return davis_root(root, HOME) / f"{split.split('_')[0]}_data_mapping.json"


def _mapping(path: Path) -> dict[str, dict[str, str]]:
    """Names of the objects of each sequence, `{SEQUENCE: {"1": name}}`."""
    value: Any = read_json(path)
    if not isinstance(value, dict) or not all(
        isinstance(names, dict) and all(isinstance(name, str) for name in names.values())
        for names in value.values()
    ):
        raise DataError("the file does not map sequences to names", where=path, remedy=CHECK)
    return value


def _named(video: Video, mapping: dict[str, dict[str, str]], path: Path) -> Video:
    names = mapping.get(video.name)
    if names is None:
        raise DataError(
            f"video {video.name} is missing from the names of objects",
            where=path,
            remedy="run the converter again",
        )
    for item in video.objects:
        if str(item.id) not in names:
            raise DataError(
                f"object {item.id} of video {video.name} has no name",
                where=path,
                remedy="run the converter again, or correct the first mask",
            )
    objects = tuple(
        dataclasses.replace(item, category=names[str(item.id)], label=names[str(item.id)])
        for item in video.objects
    )
    return dataclasses.replace(video, objects=objects)


def _index(root: Path, split: str) -> dict[str, frozenset[str]]:
    path = _mapping_file(root, split)
    mapping = _mapping(path) if path.is_file() else {}
    names = read_list(davis_root(root, HOME), LISTS, split)
    return {name: frozenset(mapping.get(name, {}).values()) for name in names}


_SERVER = SubmissionProfile(
    format="visor-json",
    note="one file val.json with polygons at 854 x 480, into which holes fill up; the first frame "
    "may be left out; test is scored by the organisers, who take a Docker image",
    server=dead_codalab("9767", "VISOR semi-supervised segmentation"),
)

SPEC = VideoDatasetSpec(
    name="visor",
    title="VISOR, kitchens seen from the cook's head",
    splits=("train", "val", UNSEEN),
    load=_load,
    ground_truth_splits=("train", "val", UNSEEN),
    scoring=ScoringRule("davis", skip_first=True, skip_last=False),
    submissions={"val": _SERVER},
    where="epic-kitchens.github.io/VISOR, converted by visor_to_davis.py of VISOR-VOS",
    index=_index,
)
