"""The benchmarks of matching and post-processing run; formulations of local matching agree."""

from __future__ import annotations

import re


def test_matching_prints_its_ratios_and_both_ways_agree(script, capsys):
    script("bench_matching").main(["--size", "64x80", "--repeats", "1"])
    printed = capsys.readouterr().out
    assert "both ways: equal" in printed
    ratios = re.findall(r"│ +(\d+\.\d+) │ +at (?:most|least)", printed)
    assert len(ratios) == 2 and all(float(ratio) > 0 for ratio in ratios)


def test_postprocessing_prints_frames_per_second(script, capsys):
    script("bench_postprocess").main(["--size", "64x80", "--frames", "3"])
    rows = re.findall(r"│ +(\d+) │ +(\d+) │", capsys.readouterr().out)
    assert [row[0] for row in rows] == ["0", "3", "1000"]
    assert all(int(row[1]) > 0 for row in rows)
