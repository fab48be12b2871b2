"""From the command line, on each data set in its published layout: check, infer, score, hand in."""

from __future__ import annotations

import subprocess
import sys
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


@dataclass(frozen=True)
class Case:
    """A data set, its layout, the split that is scored, and the one that is handed in."""

    dataset: str
    write: Callable[[Path], object]
    split: str
    ranking: str
    archive: str = "a.zip"
    rehearse: bool = True


CASES = [
    Case("lvos", write_lvos, "valid", "V-Mean"),
    Case("mosev2", lambda root: write_mosev2(root, names=("a", "b")), "train", "F_new"),
    Case("vost", write_vost, "val", "J_last-Mean", rehearse=False),
    Case("sav", write_sav, "val", "J&F", rehearse=False),
    Case("burst", write_burst, "val", "HOTA-common", archive="a.json", rehearse=False),
    Case("visor", write_visor, "val", "F-Decay"),
]


def vostool(*arguments: object) -> str:
    """Standard output of a command that must succeed."""
    command = [sys.executable, "-m", "vostool", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.dataset)
def test_whole_chain(tmp_path, case):
    root, preds, archive = tmp_path / "data", tmp_path / "preds", tmp_path / case.archive
    case.write(root)
    data = ["--dataset", case.dataset, "--root", root, "--split", case.split]
    vostool("check-data", *data)
    vostool("baseline", *data, "--out", preds)
    assert case.ranking in vostool("evaluate", preds, *data)
    extra = ["--rehearse"] if case.rehearse else []
    packed = vostool("package-submission", preds, *data, "--out", archive, *extra)
    assert not case.rehearse or case.ranking in packed
    assert "right for" in vostool("check-submission", archive, *data, *extra)
