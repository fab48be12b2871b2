"""The split stage from Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vostool.core.errors import DataError, OutputError, UsageError
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.datasets.split import read_split
from vostool.stages.data.split import split


@pytest.fixture
def meta_only(tmp_path: Path) -> Path:
    """A YouTube-VOS folder with nothing but meta.json: 20 videos of 4 categories."""
    videos = {
        f"v{number:02d}": {"objects": {"1": {"category": f"kind{number % 4}", "frames": ["00000"]}}}
        for number in range(20)
    }
    (tmp_path / "train").mkdir()
    (tmp_path / "train/meta.json").write_text(json.dumps({"videos": videos}))
    return tmp_path


def test_meta_alone_is_enough(meta_only: Path) -> None:
    out = meta_only / "out/split.json"
    result = split(Selection("youtubevos2019", meta_only, "train"), Output(out), holdout=6, seed=3)
    assert read_split(out) == result
    assert (len(result.train), len(result.val)) == (14, 6)
    again = split(
        Selection("youtubevos2019", meta_only, "train"),
        Output(out, overwrite=True),
        holdout=6,
        seed=3,
    )
    assert again == result
    other = split(
        Selection("youtubevos2019", meta_only, "train"),
        Output(out, overwrite=True),
        holdout=6,
        seed=4,
    )
    assert other.val != result.val


def test_unseen_categories(meta_only: Path) -> None:
    result = split(
        Selection("youtubevos2018", meta_only, "train"),
        Output(meta_only / "s.json"),
        holdout=6,
        unseen_categories="kind1",
    )
    kind1 = {f"v{number:02d}" for number in range(1, 20, 4)}
    assert result.unseen_categories == ("kind1",)
    assert kind1.isdisjoint(result.train)
    assert len(kind1 & set(result.val)) == 3
    assert kind1 == (kind1 & set(result.val)) | set(result.left_out)


def test_nothing_is_overwritten_or_written_half(meta_only: Path) -> None:
    out = meta_only / "s.json"
    with pytest.raises(UsageError, match="cannot hold out 150 of 20"):
        split(Selection("youtubevos2019", meta_only, "train"), Output(out))
    assert not out.exists()
    out.write_text("mine")
    with pytest.raises(OutputError, match=r"exists.*s\.json.*--overwrite"):
        split(Selection("youtubevos2019", meta_only, "train"), Output(out), holdout=3)
    for path in (out, meta_only / "train" / "meta.json"):
        before = path.read_text()
        with pytest.raises(DataError, match=path.name):
            split(
                Selection("youtubevos2019", meta_only, "train"),
                Output(path, overwrite=True),
                holdout=3,
            )
        assert path.read_text() == before
    with pytest.raises(UsageError, match="no split 'nonsense'"):
        split(Selection("youtubevos2019", meta_only, "nonsense"), Output(meta_only / "t.json"))


def test_real_youtube_vos_gives_3321_and_150(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    shutil.copy(shared_data / "ytvos-meta/train.json", tmp_path / "train/meta.json")
    result = split(Selection("youtubevos2018", tmp_path, "train"), Output(tmp_path / "s.json"))
    assert (len(result.train), len(result.val)) == (3321, 150)
    hidden = split(
        Selection("youtubevos2018", tmp_path, "train"),
        Output(tmp_path / "t.json"),
        unseen_categories="5",
    )
    assert len(hidden.unseen_categories) == 5
    assert len(hidden.val) == 150
    assert len(hidden.train) + len(hidden.left_out) == 3321


def test_real_davis_splits_by_default(shared_data: Path, tmp_path: Path) -> None:
    result = split(
        Selection("davis2016", shared_data / "DAVIS", "train"), Output(tmp_path / "s.json")
    )
    assert (len(result.train), len(result.val)) == (25, 5)
