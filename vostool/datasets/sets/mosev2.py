"""MOSEv2 (Ding et al., arXiv 2508.05630): crowds, small objects, objects that vanish and return."""

from __future__ import annotations

from vostool.datasets import servers
from vostool.datasets.mose import load_with_meta
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec

_SERVER = SubmissionProfile(
    prefix="",
    reject_single_top_level=True,
    note="video folders lie at the root of the archive, all frames in each: the scorer counts PNGs "
    "instead of reading their names, so that a missing one shifts all that follow",
    server=servers.MOSE_V2,
)

SPEC = VideoDatasetSpec(
    name="mosev2",
    title="MOSEv2, crowds and objects that vanish and return",
    splits=("train", "valid"),
    load=load_with_meta,
    ground_truth_splits=("train",),
    scoring=ScoringRule("mosev2", skip_first=True, skip_last=True),
    submissions={"valid": _SERVER},
    where="the MOSEv2 project page (mose.video) and its Hugging Face data set",
)
