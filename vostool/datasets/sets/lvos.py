"""LVOS v1 (Hong et al., arXiv 2211.10181): long videos; objects may appear late and come back."""

from __future__ import annotations

from vostool.datasets.lvos import lvos_spec
from vostool.datasets.servers import dead_codalab
from vostool.datasets.spec import SubmissionProfile

_UNSEEN = """
058oeZ2p 49TNsJzk 6mNj04tC 711gAS21 8lxxCA5h FiRTBMg2 FmzvB44A JGG6MrhF K3OUeINk LWVlKBlK N6CONZUW
Oj1z5fO0 R3UJGYwy UtEnRpiP aFytsETk dtHbJvYy gdqCcvs2 gw84JOqH nfcT3owb pMntJwSQ tAyQIobn v3uNUctx
vJ8W2TO5 xpI7xRWN yWnanBID yfzVCnvU yxCvN6OJ
"""

UNSEEN = frozenset(_UNSEEN.split())
"""Validation videos of unseen categories, as lvos-evaluation listed them for v1 (cfbfaf1)."""

SPEC = lvos_spec(
    "lvos",
    "LVOS v1, long videos",
    UNSEEN,
    {
        "test": SubmissionProfile(
            prefix="Annotations/",
            note="frames in steps of 5 over each object's range; more frames are ignored",
            server=dead_codalab("8767", "LVOS v1 test"),
        )
    },
)
