"""What a run may replace in its folder: only what a manifest says a run of ours wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vostool.core.errors import OutputError
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.media.masks import write_mask
from vostool.predictions import manifest
from vostool.predictions.manifest import Shard
from vostool.predictions.run import Planned, PredictionRun

MASK = np.ones((4, 6), np.uint8)


def planned(**videos: int) -> dict[str, Planned]:
    return {
        name: Planned(tuple(f"{time:05d}" for time in range(count)), ObjectIds((1,)))
        for name, count in videos.items()
    }


def write(run: PredictionRun, *names: str) -> None:
    """Finish these videos, by default all that are to do."""
    for name in names or run.todo:
        run.begin(name)
        for frame in run.planned[name].frames:
            run.writer.write_mask(name, frame, MASK)
        run.finish(name, 0.0)


def start(out: Path, settings: dict | None = None, shard: Shard | None = None, **videos: int):
    how = {key: videos.pop(key) for key in ("resume", "overwrite") if key in videos}
    return PredictionRun(
        Output(out, **how), {"command": "test"}, settings or {}, planned(**videos), inputs=[],
        shard=shard, all_videos={"a", "b"} if shard else None,
    )  # fmt: skip


def masks(out: Path) -> set[str]:
    return {str(path.relative_to(out / "Annotations")) for path in out.rglob("*.png")}


def test_overwriting_removes_what_was_listed_and_no_more(tmp_path):
    write(start(tmp_path, a=3, b=2))
    write_mask(tmp_path / "Annotations" / "mine" / "00000.png", MASK)
    (tmp_path / "notes.txt").write_text("mine")
    write(start(tmp_path, overwrite=True, a=1))
    assert masks(tmp_path) == {"a/00000.png", "mine/00000.png"}
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize("text", [None, '{"command": "x"}', '{"videos": {}}', '{"videos": [1]}'])
def test_a_folder_that_no_run_wrote_is_not_overwritten(tmp_path, text):
    write_mask(tmp_path / "Annotations" / "a" / "00000.png", 7 * MASK)
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    before = (tmp_path / "Annotations" / "a" / "00000.png").read_bytes()
    with pytest.raises(OutputError, match="not made by vostool"):
        start(tmp_path, overwrite=True, a=1)
    assert (tmp_path / "Annotations" / "a" / "00000.png").read_bytes() == before


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_foreign_masks_in_a_video_stop_the_run_before_anything_is_touched(tmp_path, how):
    write(start(tmp_path, a=2, b=2), "b")
    write_mask(tmp_path / "Annotations" / "a" / "extra.png", MASK)
    before, told = masks(tmp_path), (tmp_path / "run.json").read_bytes()
    with pytest.raises(OutputError, match=r"Annotations/a/extra\.png.*remove them yourself"):
        start(tmp_path, a=2, b=2, **{how: True})
    assert masks(tmp_path) == before
    assert (tmp_path / "run.json").read_bytes() == told


@pytest.mark.parametrize(("extra", "right"), [(0, True), (1, False)])
def test_old_manifests_tell_only_how_many_masks_are_theirs(tmp_path, extra, right):
    write(start(tmp_path, a=2))
    told = json.loads((tmp_path / "run.json").read_text())
    del told["videos"]["a"]["masks"]
    (tmp_path / "run.json").write_text(json.dumps(told))
    for number in range(extra):
        write_mask(tmp_path / "Annotations" / "a" / f"extra{number}.png", MASK)
    if right:
        write(start(tmp_path, overwrite=True, a=1))
        assert masks(tmp_path) == {"a/00000.png"}
    else:
        with pytest.raises(OutputError, match="no earlier run wrote"):
            start(tmp_path, overwrite=True, a=1)
        assert len(masks(tmp_path)) == 3


def test_a_manifest_that_names_other_places_leads_nowhere(tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    write(start(out, a=1))
    write_mask(other / "00000.png", MASK)
    told = json.loads((out / "run.json").read_text())
    told["videos"]["../../other"] = {"frames": 1, "masks": ["00000"]}
    (out / "run.json").write_text(json.dumps(told))
    write(start(out, overwrite=True, a=1))
    assert (other / "00000.png").exists()


def test_processes_that_overwrite_together_find_the_run_before(tmp_path):
    write(start(tmp_path, {"x": 1}, a=2, b=2, old=1))
    first = start(tmp_path, {"x": 2}, Shard(0, 2), overwrite=True, a=1)
    second = start(tmp_path, {"x": 2}, Shard(1, 2), overwrite=True, b=1)
    write(first)
    write(second)
    assert masks(tmp_path) == {"a/00000.png", "b/00000.png"}
    assert [path.name for path in tmp_path.glob("run*replaced*")] == []
    assert set(manifest.read_manifest(tmp_path)["videos"]) == {"a", "b"}


def test_a_process_that_never_began_leaves_nothing_that_looks_finished(tmp_path):
    write(start(tmp_path, {"x": 1}, a=2, b=2))
    write(start(tmp_path, {"x": 2}, Shard(0, 2), overwrite=True, a=2))
    assert start(tmp_path, {"x": 2}, resume=True, a=2, b=2).todo == ["b"]


def test_the_manifest_has_one_line_per_video(tmp_path):
    write(start(tmp_path, a=40, b=40))
    text = (tmp_path / "run.json").read_text()
    assert len(text.splitlines()) < 30
    assert list(json.loads(text)["videos"]) == ["a", "b"]
