"""DAVIS 2017 (Pont-Tuset et al., arXiv 1704.00675): several objects, all given in frame 0."""

from __future__ import annotations

from pathlib import Path

from vostool.core.types import MaskEncoding, Video
from vostool.datasets.davis import load_davis
from vostool.datasets.servers import dead_codalab
from vostool.datasets.spec import ScoringRule, Server, SubmissionProfile, VideoDatasetSpec

LABELLED = ("train", "val")
TEST = ("test-dev", "test-challenge")


def _load(root: Path, split: str) -> list[Video]:
    return load_davis(
        root,
        split,
        lists=("2017",),
        encoding=MaskEncoding.INDEXED,
        first_mask_only=split in TEST,
    )


def _profile(server: Server) -> SubmissionProfile:
    return SubmissionProfile(
        prefix="",
        reject_single_top_level=True,
        note="sequence folders lie at the root of the archive; every frame of each counts",
        server=server,
    )


_PROFILES = {
    "test-dev": _profile(dead_codalab("6812", "DAVIS 2017 test-dev")),
    "test-challenge": _profile(dead_codalab("(number not verified)", "DAVIS challenges")),
}

SPEC = VideoDatasetSpec(
    name="davis2017",
    title="DAVIS 2017, several objects per video",
    splits=(*LABELLED, *TEST),
    load=_load,
    ground_truth_splits=LABELLED,
    scoring=ScoringRule("davis", skip_first=True, skip_last=True),
    submissions=_PROFILES,
    where="davischallenge.org, 'DAVIS 2017', 480p: TrainVal, Test-Dev and Test-Challenge",
    holdout=6,
)
