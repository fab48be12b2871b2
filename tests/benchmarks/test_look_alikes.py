"""Videos with a twin and with a return are what the script says, and so are its figures."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from vostool.datasets.catalogue import load_videos
from vostool.models.systems import stm
from vostool.training.checkpoints.checkpoint import describe, save_checkpoint

SIZE = (96, 160)


@pytest.fixture
def script(script):
    return script("look_alikes")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """DAVIS 2016 with two sequences of 10 frames: a bright disc with a dark left half."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(("one", "two")):
        images, masks = (tmp_path / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        for index in range(10):
            image = rng.integers(0, 40, (*SIZE, 3), dtype=np.uint8) + 60 * number
            mask = np.zeros(SIZE, np.uint8)
            cv2.circle(mask, (70 + index, 50), 16, 255, -1)
            image[mask > 0] = 220
            cv2.imwrite(str(images / f"{index:05d}.jpg"), image)
            cv2.imwrite(str(masks / f"{index:05d}.png"), mask)
    (tmp_path / "ImageSets" / "2016").mkdir(parents=True)
    (tmp_path / "ImageSets" / "2016" / "val.txt").write_text("one\ntwo\n")
    return tmp_path


@pytest.fixture
def videos(root: Path):
    return load_videos("davis2016", root, "val")


def test_the_twin_enters_late_and_looks_the_same(script, videos) -> None:
    made = script.with_twin(videos[0], videos[1], SIZE, 10)
    assert not made.twins[0].any()
    assert all(twin.any() for twin in made.twins[2:])
    assert not any((twin & truth).any() for twin, truth in zip(made.twins, made.truths))
    last = made.images[-1]
    assert last[made.truths[-1]].mean() == pytest.approx(last[made.twins[-1]].mean(), abs=5)
    assert last[~made.truths[-1] & ~made.twins[-1]].mean() < 150


def test_false_positives_are_the_labelled_part_of_the_twin(script, videos) -> None:
    made = script.with_twin(videos[0], videos[1], SIZE, 10)
    both = [truth | twin for truth, twin in zip(made.truths, made.twins)]
    assert script.twin_scores(made, made.truths) == (1.0, 0.0)
    overlap, wrong = script.twin_scores(made, both)
    assert wrong == 1.0
    expected = [t.sum() / b.sum() for t, b in zip(made.truths[1:], both[1:])]
    assert overlap == pytest.approx(np.mean(expected))


def test_the_object_leaves_and_comes_back_on_the_other_side(script, videos) -> None:
    made = script.with_return(videos[0], videos[1], SIZE, 10)
    present = [truth.any() for truth in made.truths]
    assert present == [True] * 4 + [False] * 2 + [True] * 4
    columns = [np.nonzero(truth)[1].mean() / SIZE[1] for truth in made.truths if truth.any()]
    assert max(columns[:4]) < 0.3 and min(columns[4:]) > 0.7


def test_return_scores(script, videos) -> None:
    made = script.with_return(videos[0], videos[1], SIZE, 10)
    assert script.return_scores(made, made.truths) == (1.0, 1.0, 0.0)
    never_again = [truth if index < 4 else truth & False for index, truth in enumerate(made.truths)]
    assert script.return_scores(made, never_again) == (1.0, 0.0, 0.0)
    everything = [np.ones(SIZE, bool)] * 10
    assert script.return_scores(made, everything)[2] == 1.0


def test_it_prints_a_row_per_network(script, root, tmp_path, capsys) -> None:
    values = {"name": "stm", "backbone": "resnet18", "key_channels": 8, "value_channels": 8,
              "decoder_channels": 8}  # fmt: skip
    network = stm.build(stm.Config(**{k: v for k, v in values.items() if k != "name"}))
    recipe = {"model": values, "data": {"d": {"video": "davis2016"}}, "loop": {"iterations": 1}}
    checkpoint = tmp_path / "tiny" / "best.ckpt"
    checkpoint.parent.mkdir()
    save_checkpoint(checkpoint, network, describe(recipe, 1, {}))
    pictures = tmp_path / "pictures"
    script.main(
        ["--root", str(root), "--checkpoint", str(checkpoint), "--frames", "6",
         "--short-side", "96", "--pictures", str(pictures)]
    )  # fmt: skip
    assert len(re.findall(r"tiny/best.ckpt +│(?: +\d\.\d{3} │){5}", capsys.readouterr().out)) == 1
    assert len(list(pictures.rglob("*.jpg"))) == 2 * 2 * 2
