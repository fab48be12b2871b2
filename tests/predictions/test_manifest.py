"""The manifest, whole and in parts."""

from __future__ import annotations

import hashlib
import json

import pytest

from vostool.core.errors import DataError, UsageError
from vostool.predictions import manifest
from vostool.predictions.manifest import Shard


def test_round_trip_and_absence(tmp_path):
    assert manifest.read_manifest(tmp_path) is None
    manifest.write_manifest(tmp_path, {"command": "infer", "videos": {"a": {"frames": 3}}})
    assert manifest.read_manifest(tmp_path) == {"command": "infer", "videos": {"a": {"frames": 3}}}
    assert manifest.video_entries(manifest.read_manifest(tmp_path)) == {"a": {"frames": 3}}
    manifest.retire_manifest(tmp_path, Shard())
    assert list(tmp_path.iterdir()) == []


def test_parts_are_joined_while_running_and_at_the_end(tmp_path):
    def part(**status):
        return {"command": "infer", "videos": {name: {"status": s} for name, s in status.items()}}

    manifest.write_manifest(tmp_path, part(b="finished"), Shard(1, 2))
    manifest.write_manifest(tmp_path, part(a="pending"), Shard(0, 2))
    assert not (tmp_path / "run.json").exists()
    assert list(manifest.read_manifest(tmp_path)["videos"]) == ["a", "b"]
    manifest.write_manifest(tmp_path, part(a="finished"), Shard(0, 2))
    whole = json.loads((tmp_path / "run.json").read_text())
    assert whole["videos"] == {"a": {"status": "finished"}, "b": {"status": "finished"}}


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"run\.json"):
        manifest.read_manifest(tmp_path)


@pytest.mark.parametrize(("rank", "world"), [(1, 1), (-1, 2), (0, 0)])
def test_impossible_shards(rank, world):
    with pytest.raises(UsageError, match="WORLD_SIZE"):
        Shard(rank, world)


def test_digest(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 1000)
    assert manifest.file_digest(tmp_path / "x") == hashlib.sha256(b"abc" * 1000).hexdigest()
