"""`select`: measures of the data set with their spread, and averages of weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vostool.cli.main import main
from vostool.core.errors import CheckpointError, OutputError, UsageError
from vostool.core.files import write_json
from vostool.core.folder_lock import sole_owner
from vostool.datasets.split import SplitFile, write_split
from vostool.datasets.still_spec import Still
from vostool.inference.validation import Validation
from vostool.media.masks import write_mask
from vostool.recipe import Recipe, build_model, parse_recipe
from vostool.reporting.spread import Spread
from vostool.stages.choose.select import select
from vostool.stages.train.training_data import DataFolders, training_clips
from vostool.training.checkpoints.averaging import average_checkpoints
from vostool.training.checkpoints.checkpoint import describe, read_checkpoint, save_checkpoint
from vostool.training.checkpoints.run_folder import RunFolder

SIZE, FRAMES = (32, 48), 3
CATEGORIES = {"ant": "insect", "bee": "insect", "cow": "beast", "dog": "beast"}
TABLE = {
    "name": "tiny",
    "description": "a test",
    "model": {
        "name": "stm",
        "backbone": "resnet18",
        "backbone_options": {"layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]},
        "key_channels": 4,
        "value_channels": 4,
        "decoder_channels": 4,
    },
    "data": {"videos": {"video": "youtubevos2019", "section": "train"}},
    "loop": {"iterations": 3, "precision": "fp32"},
    "validation": {"data": "videos"},
}


def test_a_run_in_which_somebody_writes_is_left_alone(run: Path, videos: Path, split: Path) -> None:
    before = (run / "best.ckpt").read_bytes()
    with sole_owner(run), pytest.raises(OutputError, match="is writing into this folder"):
        select(run, DataFolders({"videos": videos}, split), last=1, device="cpu")
    assert (run / "best.ckpt").read_bytes() == before


def recipe(**changes) -> Recipe:
    return parse_recipe({**TABLE, **changes}, "tiny")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YouTube-VOS layout: four videos with a moving square, two categories."""
    root = tmp_path_factory.mktemp("ytvos")
    rng = np.random.default_rng(0)
    meta = {}
    names = [f"{5 * frame:05d}" for frame in range(FRAMES)]
    for name, category in CATEGORIES.items():
        meta[name] = {"objects": {"1": {"category": category, "frames": names}}}
        for frame, file in enumerate(names):
            image, mask = rng.integers(0, 99, (*SIZE, 3), np.uint8), np.zeros(SIZE, np.uint8)
            mask[8:24, 6 + 4 * frame : 26 + 4 * frame] = 1
            image[mask == 1] = (220, 30, 30)
            path = root / "train" / "JPEGImages" / name / f"{file}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
            write_mask(root / "train" / "Annotations" / name / f"{file}.png", mask)
    (root / "train" / "meta.json").write_text(json.dumps({"videos": meta}))
    return root


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("split") / "split.json"
    hidden = SplitFile("youtubevos2019", "train", 0, ("ant",), ("bee", "cow"), ("beast",), ("dog",))
    write_split(path, hidden)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with three checkpoints, of random weights."""
    folder = tmp_path / "run"
    files = RunFolder(folder)
    for iteration in (1, 2, 3):
        torch.manual_seed(iteration)
        model = build_model(recipe().model)
        files.save(model, describe(recipe().resolved(), iteration, {}), best=True)
    write_json(folder / "recipe.json", recipe().resolved())
    return folder


def score_by_iteration(monkeypatch: pytest.MonkeyPatch, run: Path, average: float) -> None:
    """Checkpoints score 0.5, 0.7, 0.6, anything else `average`."""
    scores = {
        float(first_weight(read_checkpoint(run / f"iteration-{n:08d}.ckpt")[0])): score
        for n, score in ((1, 0.5), (2, 0.7), (3, 0.6))
    }

    def score(self, model, dtype=None):
        found = scores.get(float(first_weight(model.state_dict())), average)
        return {"G": found, "J-seen": found / 2}

    monkeypatch.setattr(Validation, "score", score)


def first_weight(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    return weights["decoder.predict.weight"].flatten()[0]


def test_the_four_measures_where_the_split_held_categories_out(
    run: Path, videos: Path, split: Path
) -> None:
    result = select(run, DataFolders({"videos": videos}, split), last=2, device="cpu")
    assert result.videos == ("bee", "cow")
    assert [item.iteration for item in result.checkpoints] == [2, 3]
    for item in result.checkpoints:
        figures = item.figures
        four = [figures[f"{k}-{part}"] for part in ("seen", "unseen") for k in ("J", "F")]
        assert item.score == figures["G"] == pytest.approx(np.mean(four))
    stored = json.loads((run / "selection.json").read_text(encoding="utf-8"))
    scores = [item.score for item in result.checkpoints]
    assert stored["spread"]["G"]["mean"] == pytest.approx(np.mean(scores))
    assert stored["spread"]["G"]["deviation"] == pytest.approx(np.std(scores, ddof=1))
    assert stored["spread"]["G"]["lowest"] == min(scores)


def test_an_average_is_kept_only_if_it_is_better(
    run: Path, videos: Path, split: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    places = DataFolders({"videos": videos}, split)
    score_by_iteration(monkeypatch, run, average=0.9)
    result = select(run, places, average=2, device="cpu")
    assert [item.iteration for item in result.averaged] == [2, 3]
    assert result.best is result.average
    weights, info = read_checkpoint(run / "best.ckpt")
    two, three = (read_checkpoint(run / f"iteration-0000000{n}.ckpt")[0] for n in (2, 3))
    for name, value in weights.items():
        torch.testing.assert_close(value, ((two[name] + three[name]) / 2).to(value.dtype))
    assert info.metrics["G"] == 0.9
    assert info.recipe == recipe().resolved()
    assert (run / "average-2.ckpt").is_file()
    score_by_iteration(monkeypatch, run, average=0.7)
    result = select(run, places, average=2, device="cpu")
    assert result.best.iteration == 2
    assert not (run / "average-2.ckpt").exists()
    assert first_weight(read_checkpoint(run / "best.ckpt")[0]) == first_weight(two)
    stored = json.loads((run / "selection.json").read_text(encoding="utf-8"))
    assert stored["average"]["kept"] is False
    assert stored["average"]["of"] == ["iteration-00000002.ckpt", "iteration-00000003.ckpt"]


def test_the_command_says_whether_the_average_was_kept(
    run: Path, videos: Path, split: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    score_by_iteration(monkeypatch, run, average=0.65)
    arguments = ["select", str(run), "--data", f"videos={videos}", "--split-file", str(split)]
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--average", "3", "--device", "cpu"])
    assert not caught.value.code
    printed = capsys.readouterr()
    assert "not better, 65.00 % against 70.00 %" in printed.err
    for word in (
        "average-3.ckpt",
        "standard deviation",
        "lowest",
        "J-seen",
        "in per cent",
        "65.00",
    ):
        assert word in printed.out
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--average", "4"])
    assert caught.value.code == 2
    assert "choose --average from 2 to 3" in capsys.readouterr().err


def test_weights_of_another_architecture(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.ckpt"
    wider = recipe(model={**TABLE["model"], "key_channels": 6})
    save_checkpoint(other, build_model(wider.model), describe(wider.resolved(), 1, {}))
    with pytest.raises(CheckpointError, match=r"different architectures.*other\.ckpt"):
        average_checkpoints([run / "best.ckpt", other])


def test_spread() -> None:
    spread = Spread.of([1.0, 2.0, 4.0])
    assert (spread.lowest, spread.highest, spread.count) == (1.0, 4.0, 3)
    assert spread.mean == pytest.approx(7 / 3)
    assert spread.deviation == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert Spread.of([5.0]).deviation == 0
    with pytest.raises(ValueError, match="no values"):
        Spread.of([])


STILLS = {
    "data": {"frames": {"stills": "video-frames", "section": "train"}},
    "validation": {},
    "synthesis": {"crop": [32, 32], "max_objects": 1},
}


def test_frames_of_held_out_videos_are_no_stills(
    videos: Path, split: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those that are scored nor the others of an unseen category."""
    read = set()
    original = Still.read
    monkeypatch.setattr(Still, "read", lambda still: (read.add(still.group), original(still))[1])
    clips = training_clips(
        recipe(**STILLS), DataFolders({"frames": videos}, split), samples=12,
    )  # fmt: skip
    for number in range(12):
        clips[number]
    assert read == {"ant"}


def test_stills_that_need_a_split(videos: Path) -> None:
    with pytest.raises(UsageError, match=r"offline split \(video-frames\).*--split-file"):
        training_clips(recipe(**STILLS), DataFolders({"frames": videos}), samples=4)
    with pytest.raises(UsageError, match="section cannot be val"):
        recipe(**{**STILLS, "data": {"frames": {"stills": "video-frames", "section": "val"}}})
