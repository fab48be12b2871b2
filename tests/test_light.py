"""Commands that handle files alone do not load torch, which takes longer than most of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_davis import write_davis

from vostool.core.output import Output
from vostool.core.types import MaskEncoding
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask, write_mask
from vostool.stages.predict.baseline import baseline

PROGRAM = """
import sys
from vostool.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
heavy = sorted({"torch", "torchvision", "timm"} & set(sys.modules))
assert not heavy, heavy
"""
COMMANDS = {
    "evaluate": "evaluate preds",
    "recipes": "recipes",
    "evaluate --gt": "evaluate preds --gt data/Annotations/480p --video d",
    "check-data": "check-data --dataset davis2016 --root data --split val",
    "postprocess": "postprocess preds --steps drop-small,fill-holes,keep-near-last --out final",
    "package-submission": "package-submission handed --rehearse --out a.zip",
    "import": "import data/Annotations/480p --out imported",
    "report": "report preds --out page",
    "export-overlay": "export-overlay preds --out drawn",
    "verify": "verify preds",
    "baseline": "baseline --dataset davis2016 --root data --split val --out again",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Data and predictions in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_davis(Path("data"), train="a", val="d")
    baseline(Selection("davis2016", Path("data"), "val"), Output(Path("preds")))
    mose = Path("mose/train")
    shutil.copytree("data/JPEGImages/480p", mose / "JPEGImages")
    for path in Path("data/Annotations/480p").rglob("*.png"):
        mask = read_mask(path, MaskEncoding.BINARY)
        write_mask(mose / "Annotations" / path.parent.name / path.name, mask)
    baseline(Selection("mose", Path("mose"), "train"), Output(Path("handed")))


@pytest.mark.parametrize("name", COMMANDS)
def test_it_runs_without_torch(project, name):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *COMMANDS[name].split()], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_check_sees_torch():
    program = PROGRAM.replace("import sys\n", "import sys, torch\n", 1)
    done = subprocess.run([sys.executable, "-c", program, "--version"], capture_output=True)
    assert done.returncode == 1 and b"['torch'" in done.stderr
