"""`vostool split` as a command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vostool.cli.main import main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    entry = {"objects": {"1": {"category": "cat", "frames": ["00000"]}}}
    (tmp_path / "train").mkdir()
    meta = {"videos": {f"v{number}": entry for number in range(9)}}
    (tmp_path / "train/meta.json").write_text(json.dumps(meta))
    return tmp_path


def call(root: Path, *arguments: str) -> int:
    common = ["split", "--dataset", "youtubevos2019", "--root", str(root)]
    with pytest.raises(SystemExit) as stop:
        main([*common, "--out", str(root / "s.json"), *arguments])
    return int(stop.value.code or 0)


def test_writes_lists_and_says_how_to_use_them(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(root, "--holdout", "2", "--seed", "5") == 0
    written = json.loads((root / "s.json").read_text())
    assert (len(written["train"]), len(written["val"]), written["seed"]) == (7, 2, 5)
    assert "7 videos to train on, 2 held out" in capsys.readouterr().err
    assert call(root, "--holdout", "2") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert call(root, "--holdout", "3", "--overwrite", "--quiet") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--holdout", "9"], "cannot hold out 9 of 9"),
        (["--holdout", "2", "--unseen-categories", "dog"], "unknown categories: dog"),
        (["--split", "training"], "no split 'training'"),
    ],
)
def test_wrong_usage(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert call(root, *arguments) == 2
    assert words in capsys.readouterr().err
    assert not (root / "s.json").exists()


def test_divides_only_the_videos_named(root: Path) -> None:
    videos = [text for name in ("v1", "v4", "v7") for text in ("--video", name)]
    meta = json.loads((root / "train/meta.json").read_text())
    for name in meta["videos"]:
        for kind, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
            image = Image.fromarray(np.ones((4, 4), np.uint8))
            path = root / "train" / kind / name / f"00000.{suffix}"
            path.parent.mkdir(parents=True)
            image.save(path)
    assert call(root, "--holdout", "1", *videos) == 0
    written = json.loads((root / "s.json").read_text())
    assert sorted([*written["train"], *written["val"]]) == ["v1", "v4", "v7"]
    assert len(written["val"]) == 1


def test_folds_take_no_holdout(
    root: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path_factory.mktemp("folds")
    into = ("--out", str(out))
    assert call(root, "--folds", "3", "--holdout", "2") == 2
    assert "leave out --holdout" in capsys.readouterr().err
    assert call(root, "--folds", "3", *into) == 0
    assert "9 videos in 3 folds of 3, 3, 3" in capsys.readouterr().err
    (out / "fold-2.json").write_text("{}")
    assert call(root, "--folds", "2", "--overwrite", *into) == 1
    assert "not a split file" in capsys.readouterr().err
    (out / "fold-2.json").unlink()
    assert call(root, "--folds", "2", "--overwrite", *into) == 0
    assert sorted(path.name for path in out.glob("*.json")) == ["fold-1.json", "fold-2.json"]
