"""MOSE (Ding et al., arXiv 2302.01872): crowded scenes, several objects."""

from __future__ import annotations

from pathlib import Path

from vostool.core.types import Video
from vostool.datasets.layout import build_videos, first_folder, list_folders
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec
from vostool.datasets.unlisted import build_unlisted


def _load(root: Path, split: str) -> list[Video]:
    folder = first_folder(
        [Path(root) / split],
        f"the folder of split {split}",
        f"give the folder that holds {split}/ as --root",
    )
    images = first_folder(
        [folder / "JPEGImages"], "the folder of frames", "unpack the archive again"
    )
    annotations = folder / "Annotations"

    def build(name: str) -> Video:
        return build_unlisted(
            name, images / name, annotations / name, first_mask_only=split == "train"
        )

    return build_videos(list_folders(images), build)


_SERVER = SubmissionProfile(prefix="", note="video folders lie at the root of the archive")

SPEC = VideoDatasetSpec(
    name="mose",
    title="MOSE, several objects in crowded scenes",
    splits=("train", "valid", "test"),
    load=_load,
    ground_truth_splits=("train",),
    scoring=ScoringRule("davis", skip_first=True, skip_last=True),
    submissions={"valid": _SERVER, "test": _SERVER},
    where="the MOSE project page (henghuiding.com/MOSE)",
)
