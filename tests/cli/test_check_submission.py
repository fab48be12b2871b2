"""`vostool check-submission` from the command line."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from vostool.cli.main import main
from vostool.media.masks import encode_mask, write_mask


def test_problems_are_listed_with_exit_code_1(capsys, tmp_path):
    root = tmp_path / "DAVIS"
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "test-dev.txt").write_text("a\nb\n")
    mask = np.ones((6, 8), np.uint8)
    for video in "ab":
        write_mask(root / f"JPEGImages/480p/{video}/00000.png", mask)
        write_mask(root / f"Annotations/480p/{video}/00000.png", mask)
    archive = tmp_path / "sub.zip"
    with zipfile.ZipFile(archive, "w") as handle:
        handle.writestr("a/00000.png", encode_mask(2 * mask))
        handle.writestr(".DS_Store", b"")
    arguments = [str(archive), "--dataset", "davis2017", "--root", str(root), "--split", "test-dev"]
    with pytest.raises(SystemExit) as caught:
        main(["check-submission", *arguments])
    assert caught.value.code == 1
    out = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in out] == [".DS_Store", "b/", "a/00000.png"]
