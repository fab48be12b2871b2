"""The benchmark of alignment's memory prints its table; the memory stays bounded."""

from __future__ import annotations

import pytest


def test_a_case_prints_memory_and_time(script, capsys) -> None:
    script("bench_alignment").main(["--case", "2", "3"])
    megabytes, seconds = map(float, capsys.readouterr().out.split())
    assert megabytes >= 0
    assert seconds > 0


@pytest.mark.slow
def test_many_objects_need_no_more_memory_than_some(script) -> None:
    # All 500 dynamic templates, their normalised copies and their keys at once would take 450 MB.
    megabytes, _ = script("bench_alignment").in_a_process(10, 50)
    assert megabytes < 350
