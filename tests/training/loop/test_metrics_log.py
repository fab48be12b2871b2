"""The metrics file: append, resume, damage, TensorBoard."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vostool.core.errors import UsageError
from vostool.training.loop.metrics_log import MetricsLog, read_metrics


def test_lines_after_the_resumed_iteration_are_dropped(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path)
    for iteration in range(1, 6):
        log.write("train", iteration, {"loss": 1 / iteration})
    log = MetricsLog(tmp_path, resume_at=3)
    log.write("validation", 3, {"J&F-Mean": 0.5})
    assert [(r["iteration"], r["kind"]) for r in read_metrics(log.path)] == [
        (1, "train"),
        (2, "train"),
        (3, "train"),
        (3, "validation"),
    ]


def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path)
    log.write("train", 1, {"loss": 2.0})
    with log.path.open("a") as file:
        file.write('{"iteration": 2, "kin')
    assert [record["iteration"] for record in read_metrics(log.path)] == [1]
    assert read_metrics(tmp_path / "absent.jsonl") == []


@pytest.mark.parametrize("line", ["[1]", "7", '{"iteration": "x"}', "[" * 2000, "9" * 6000])
def test_a_line_that_is_no_record_ends_the_reading(tmp_path: Path, line: str) -> None:
    log = MetricsLog(tmp_path)
    log.write("train", 1, {"loss": 2.0})
    with log.path.open("a") as file:
        file.write(f'{line}\n{{"iteration": 3}}\n')
    assert [record["iteration"] for record in read_metrics(log.path)] == [1]
    assert [r["iteration"] for r in read_metrics(MetricsLog(tmp_path, resume_at=5).path)] == [1]


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    log = MetricsLog(tmp_path, tensorboard=True)
    log.write("train", 1, {"loss": 2.0})
    log.close()
    assert any((tmp_path / "tensorboard").iterdir())


def test_tensorboard_that_is_not_installed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match=r"not installed: pip install"):
        MetricsLog(tmp_path, tensorboard=True)
