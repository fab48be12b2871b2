"""`vostool import` on the command line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from small_davis import write_davis

from vostool.cli.main import main
from vostool.predictions.folder import PredictionFolder
from vostool.stages.selecting import Asked, select_videos


def call(*arguments) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code or 0


@pytest.fixture
def folders(tmp_path):
    """A DAVIS 2016 video of four frames, and masks of it named by number."""
    root = write_davis(tmp_path / "data", train="a", val="d")
    (tmp_path / "in" / "d").mkdir(parents=True)
    for time in range(4):
        stored = Image.open(root / f"Annotations/480p/d/{time:05d}.png")
        stored.save(tmp_path / f"in/d/{time}.png")
    return root, tmp_path / "in", tmp_path / "out"


def test_masks_are_imported_and_know_their_data_set(folders, capsys):
    root, source, out = folders
    where = ("--dataset", "davis2016", "--root", root, "--split", "val")
    assert call("import", source, "--out", out, *where) == 0
    shown = capsys.readouterr().out
    assert "frames are named as the data set does" in shown and "(4 masks)" in shown
    assert np.array_equal(np.unique(PredictionFolder(out).mask("d", "00003")), [0, 1])
    assert select_videos(Asked(), [out]).root == root
    assert call("evaluate", out) == 0
    assert "100.00" in capsys.readouterr().out


def test_what_is_missing_is_one_line_and_exit_code_one(folders, capsys):
    root, source, out = folders
    for time in (1, 2):
        (source / f"d/{time}.png").unlink()
    where = ("--dataset", "davis2016", "--root", root, "--split", "val")
    assert call("import", source, "--out", out, *where) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "not repaired" in line]
    assert len(lines) == 1 and "frames without a mask" in lines[0] and " 2 " in lines[0]
