"""Fixtures for data sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_data_sets import block, write_youtube_vos


@pytest.fixture
def youtube_root(tmp_path: Path) -> Path:
    """Split valid: video 'late' with object 1 from frame 00000, 5 from 00010 (gap in ids).

    The mask of 00010 holds objects 1 and 5 and an id 9 that meta.json does not list.
    """
    return write_youtube_vos(
        tmp_path,
        "valid",
        {
            "late": {
                "1": {"category": None, "frames": ["00000", "00005"]},
                "5": {"category": "owl", "frames": ["00010", "00015"]},
            }
        },
        {"late": {"00000": block(1), "00010": block(1, 5, 9)}},
        ["00000", "00005", "00010", "00015", "00020"],
    )
