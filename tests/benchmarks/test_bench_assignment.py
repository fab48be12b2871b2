"""The benchmark of the matching layer prints shares and a ratio; its loop computes the same."""

from __future__ import annotations

import re


def test_shares_and_ratio_are_printed_and_the_loop_is_equal(script, capsys):
    script("bench_assignment").main(
        ["--problems", "10", "--frames", "1", "--repeats", "1", "--most-projections", "200"]
    )
    printed = capsys.readouterr().out
    assert len(re.findall(r"│ [01]\.\d\d +│ [01]\.\d\d +│ [01]\.\d\d +│", printed)) == 4
    ratio, difference = re.search(r"loop / layer.* (\d+) +│ >= 20 +│ (\S+)", printed).groups()
    assert float(ratio) > 1
    assert float(difference) < 1e-5
