from __future__ import annotations

import pytest

from vostool.core.figures import per_cent, rate


def test_scores_are_read_in_per_cent() -> None:
    assert [per_cent(0.83424), per_cent(-0.005), per_cent(1.0, 1)] == ["83.42", "-0.50", "100.0"]


@pytest.mark.parametrize(
    ("done", "seconds", "unit", "text"),
    [
        (24, 10, "frames", "2.4 frames/s"),
        (1, 1, "frames", "1.0 frames/s"),
        (1, 25, "frames", "25.0 s/frame"),  # 0.04 frames per second say nothing
        (3, 4, "it", "1.3 s/it"),
        (1, 2, "MB", "2.0 s/MB"),
    ],
)
def test_slow_work_is_told_in_seconds_per_unit(
    done: int, seconds: float, unit: str, text: str
) -> None:
    assert rate(done, seconds, unit) == text
