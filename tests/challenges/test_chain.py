"""From the command line, on each data set in its published layout: check, infer, score, hand in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from layouts import (
    write_burst,
    write_lvos,
    write_mosev2,
    write_sav,
    write_visor,
    write_vost,
)

from vostool.cli.main import main

TINY = "stm:backbone=resnet18,weights=none"
"""Untrained; where no network is named, the baseline's copies are handed in."""


@dataclass(frozen=True)
class Case:
    """A data set, its layout, the split that is scored, and the one that is handed in."""

    dataset: str
    write: Callable[[Path], object]
    split: str
    ranking: str
    archive: str = "a.zip"
    rehearse: bool = True
    network: str | None = None


CASES = [
    Case("lvos", write_lvos, "valid", "V-Mean"),
    Case("mosev2", lambda root: write_mosev2(root, names=("a", "b")), "train", "F_new"),
    Case("vost", write_vost, "val", "J_last-Mean", rehearse=False),
    Case("sav", write_sav, "val", "J&F", rehearse=False),
    Case(
        "burst", write_burst, "val", "HOTA-common", archive="a.json", rehearse=False, network=TINY
    ),
    Case("visor", write_visor, "val", "F-Decay"),
]


@pytest.fixture
def vostool(capsys) -> Callable[..., str]:
    """Runs a command that must succeed; returns its standard output."""

    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stop:
            main([*map(str, arguments)])
        shown = capsys.readouterr()
        assert not stop.value.code, shown.out + shown.err
        return shown.out

    return run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.dataset)
def test_whole_chain(tmp_path, case, vostool):
    root, preds, archive = tmp_path / "data", tmp_path / "preds", tmp_path / case.archive
    case.write(root)
    data = ["--dataset", case.dataset, "--root", root, "--split", case.split]
    vostool("check-data", *data)
    infer = ["infer", "--network", case.network] if case.network else ["baseline"]
    vostool(*infer, *data, "--out", preds)
    assert case.ranking in vostool("evaluate", preds, *data)
    vostool("report", preds, *data, "--out", tmp_path / "page")
    extra = ["--rehearse"] if case.rehearse else []
    packed = vostool("package-submission", preds, *data, "--out", archive, *extra)
    assert not case.rehearse or case.ranking in packed
    assert "right for" in vostool("check-submission", archive, *data, *extra)
