"""DAVIS 2016 (Perazzi et al., CVPR 2016): one object per video, masks 0 and 255."""

from __future__ import annotations

from pathlib import Path

from vostool.core.types import MaskEncoding, Video
from vostool.datasets.davis import load_davis
from vostool.datasets.spec import ScoringRule, VideoDatasetSpec


def _load(root: Path, split: str) -> list[Video]:
    # The first release has its lists in ImageSets/480p, later ones in ImageSets/2016.
    return load_davis(
        root,
        split,
        lists=("2016", "480p"),
        encoding=MaskEncoding.BINARY,
        first_mask_only=False,
    )


SPEC = VideoDatasetSpec(
    name="davis2016",
    title="DAVIS 2016, one object per video",
    splits=("train", "val"),
    load=_load,
    ground_truth_splits=("train", "val"),
    scoring=ScoringRule("davis", skip_first=True, skip_last=True),
    where="davischallenge.org, 'DAVIS 2016' (also contained in the 2017 TrainVal frames)",
    holdout=5,
)
