"""The benchmark of fine-tuning runs and prints what it measures."""

from __future__ import annotations

import re
from functools import partial

import pytest


def test_every_part_has_a_time_and_the_overhead_a_limit(script, capsys, monkeypatch):
    small = partial(script("_measure").random_network, **script("bench_memory").SMALL)
    monkeypatch.setattr(script("bench_finetune"), "random_network", small)
    script("bench_finetune").main(["--size", "48x64", "--network", "resnet18", "--iterations", "1"])
    printed = capsys.readouterr().out
    rows = dict(re.findall(r"│ ([a-z:, -]+?) +│ +(\d+\.\d+) │", printed))
    assert len(rows) == 6
    assert float(rows["iteration, clips at hand"]) > 0
    assert float(rows["check on held-out warps"]) > 0
    assert re.search(r"overhead of 200 iterations .* -?\d+\.\d% │ +<= 5% │", printed)


def test_overhead_is_what_a_run_adds_to_its_iterations(script):
    cost = script("bench_finetune").Cost(
        bare=[1.0, 2.0], iteration=[1.02, 2.04], clip=0.1, check=0.5, once=2.0, waiting=0.3
    )
    # 2% more per iteration, and in a run of 200 x 1.5 s six checks and what is done once.
    assert cost.overhead == pytest.approx(0.02 + (3 + 2 + 0.3) / 300)
