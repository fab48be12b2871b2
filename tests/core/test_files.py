from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vostool.core.errors import OutputError
from vostool.core.files import atomic_path, write_json


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "x.json"
    write_json(target, {"a": 1})
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == '{\n  "a": 1\n}\n'
    assert [path.name for path in target.parent.iterdir()] == ["x.json"]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"no space left .*x\.png.*--resume"),
        atomic_path(tmp_path / "x.png") as temporary,
    ):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_had_linked_is_not_emptied(tmp_path: Path) -> None:
    # As `best.ckpt` is made: a link to another checkpoint, then a rename that never came.
    other, target = tmp_path / "iteration-1.ckpt", tmp_path / "best.ckpt"
    other.write_text("weights")
    with atomic_path(target) as temporary:
        left_behind = temporary
        temporary.write_text("x")
    os.link(other, left_behind)
    with atomic_path(target) as temporary:
        assert temporary == left_behind
        temporary.write_text("new")
    assert other.read_text() == "weights"
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "iteration-1.ckpt"]
