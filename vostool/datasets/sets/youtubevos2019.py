"""YouTube-VOS 2019 (Xu et al., arXiv 1809.03327)."""

from __future__ import annotations

from vostool.datasets.youtube_vos import youtube_vos_spec

SPEC = youtube_vos_spec(2019)
