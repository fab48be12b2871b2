"""MOSEv1 (Ding et al., arXiv 2302.01872): crowded scenes, several objects.

The official scorer is not public; that it is DAVIS's is not verified.
"""

from __future__ import annotations

from vostool.datasets import servers
from vostool.datasets.mose import load
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec

_SERVER = SubmissionProfile(
    prefix="", note="video folders lie at the root of the archive", server=servers.MOSE_V1
)

SPEC = VideoDatasetSpec(
    name="mose",
    title="MOSEv1, several objects in crowded scenes",
    splits=("train", "valid", "test"),
    load=load,
    ground_truth_splits=("train",),
    scoring=ScoringRule("davis", skip_first=True, skip_last=True),
    submissions={"valid": _SERVER, "test": _SERVER},
    where="the MOSE project page (henghuiding.com/MOSE)",
)
