"""LVOS v2 (Hong et al., arXiv 2404.19326): 720 long videos; the test split was never public."""

from __future__ import annotations

from vostool.datasets.lvos import lvos_spec

_UNSEEN = """
058oeZ2p 3bvEjhOT 49TNsJzk 6mNj04tC 711gAS21 8lxxCA5h 9NA8c5C3 9RoNInYO 9oLyy7aJ FiQUhyRi FiRTBMg2
FmzvB44A IlvtT6D6 JGG6MrhF K3OUeINk LWVlKBlK LY2zehlH N6CONZUW Oj1z5fO0 PQfn7XV2 QE1wMR58 Qf9YVXOW
R3UJGYwy SRRojucs YfoFnMgm ZFqAoImI afoR2rH6 beR0WT11 bwcKqVSN cdzAjcuN dtHbJvYy eEcUJVBZ gdqCcvs2
gw84JOqH m37l7ti1 nfcT3owb nwflTTf1 o36i3YWC p9RjdKoh pMntJwSQ q2HE4zaM rvwT3piq tAyQIobn v3uNUctx
vJ8W2TO5 wrrX6bxv xQZlxhxV xpI7xRWN yWnanBID yfzVCnvU yxCvN6OJ
"""

UNSEEN = frozenset(_UNSEEN.split())
"""Validation videos of unseen categories, as lvos-evaluation lists them (c05e889)."""

SPEC = lvos_spec("lvosv2", "LVOS v2, long videos", UNSEEN, {})
