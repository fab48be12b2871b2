"""Checkpoints: what goes in comes out, and everything else is refused in one sentence."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from vostool.core.errors import CheckpointError, OutputError
from vostool.training.checkpoints.checkpoint import (
    describe,
    load_start,
    load_weights,
    read_checkpoint,
    read_info,
    save_checkpoint,
)
from vostool.training.checkpoints.resuming import Progress, ResumeState, read_resume, save_resume
from vostool.training.checkpoints.run_folder import RunFolder

RECIPE = {"model": {"name": "stm"}, "loop": {"iterations": 7}}


class Shared(nn.Module):
    """One layer under two names, as networks with shared heads have."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.second = self.first


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Shared]:
    model = Shared()
    path = tmp_path / "a.ckpt"
    save_checkpoint(path, model, describe(RECIPE, 7, {"J&F-Mean": 0.5}))
    return path, model


def test_round_trip(saved) -> None:
    path, model = saved
    weights, info = read_checkpoint(path)
    assert info.recipe == RECIPE
    assert (info.iteration, info.metrics) == (7, {"J&F-Mean": 0.5})
    assert info.versions["torch"] == torch.__version__
    other = Shared()
    load_weights(other, weights, path)
    assert torch.equal(other.first.weight, model.first.weight)
    assert other.second is other.first
    assert read_info(path) == info


def test_another_architecture_names_what_differs(saved) -> None:
    weights, _ = read_checkpoint(saved[0])
    with pytest.raises(CheckpointError, match=r"first\.weight is \(3, 2\), the model has \(5, 2\)"):
        load_weights(Shared(5), weights, saved[0])
    with pytest.raises(CheckpointError, match=r"weight is missing.*is not in the model"):
        load_weights(nn.Linear(2, 3), weights, saved[0])


class Parts(nn.Module):
    """A network of which some parts may be new."""

    parts_that_may_be_new = frozenset({"middle", "extra"})

    def __init__(self, middle: int, extra: bool, trunk: int = 3) -> None:
        super().__init__()
        self.trunk = nn.Linear(2, trunk)
        self.middle = nn.Linear(3, middle)
        if extra:
            self.extra = nn.Linear(2, 2)


def test_starting_from_a_checkpoint_without_some_parts() -> None:
    old, new = Parts(4, extra=False), Parts(5, extra=True)
    before = {name: value.clone() for name, value in new.state_dict().items()}
    assert load_start(new, old.state_dict(), Path("a.ckpt")) == (["extra", "middle"], [])
    assert torch.equal(new.trunk.weight, old.trunk.weight)
    # A part is taken over whole or not at all, though here one of its tensors would fit.
    for name in ("middle.weight", "middle.bias", "extra.weight"):
        assert torch.equal(new.state_dict()[name], before[name])
    same = Parts(4, extra=False)
    assert load_start(same, old.state_dict(), Path("a.ckpt")) == ([], [])
    assert torch.equal(same.middle.weight, old.middle.weight)
    assert load_start(same, Parts(4, extra=True).state_dict(), Path("a.ckpt")) == ([], ["extra"])


def test_other_parts_must_fit_even_at_the_start() -> None:
    with pytest.raises(CheckpointError, match=r"trunk\.weight is \(4, 2\)"):
        load_start(Parts(4, False), Parts(4, False, trunk=4).state_dict(), Path("a.ckpt"))
    with pytest.raises(CheckpointError, match=r"is missing"):
        load_start(nn.Linear(2, 2), {}, Path("a.ckpt"))


@pytest.mark.parametrize("keep", [0, 4, 100, -8])
def test_truncated_file(saved, keep: int) -> None:
    path = saved[0]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        read_checkpoint(path)


def test_a_header_length_that_looks_like_a_pickle_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    starts = set()
    for padding in range(0, 256, 8):
        recipe = RECIPE | {"name": "x" * padding}
        save_checkpoint(path, nn.Linear(1, 1), describe(recipe, 1, {}))
        starts.add(path.read_bytes()[0])
        assert read_info(path).recipe == recipe
    assert 0x80 in starts


@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_pickled_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "weights.pth"
    if kind == "torch":
        torch.save({"a": torch.zeros(1)}, path)
    else:
        path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match=r"pickled file.*weights\.pth.*give a \*\.ckpt"):
        read_checkpoint(path)


def test_bare_weights_and_missing_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "backbone.safetensors"
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_checkpoint(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="weights without a recipe"):
        read_checkpoint(path)


def test_resume_state_round_trip(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1, betas=(0.8, 0.9))
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    path = tmp_path / "resume.state"
    progress = Progress(recipe=RECIPE, iteration=3, best_score=None, processes=1, scaler={})
    save_resume(path, ResumeState(model.state_dict(), optimiser.state_dict(), progress))
    state = read_resume(path)
    assert state.progress == progress
    again = torch.optim.Adam(nn.Linear(2, 2).parameters(), lr=0.7)
    again.load_state_dict(state.optimiser)
    before, after = optimiser.state_dict(), again.state_dict()
    assert after["param_groups"][0]["lr"] == 0.1
    for index, slots in before["state"].items():
        assert slots.keys() == after["state"][index].keys()
        for name, value in slots.items():
            assert torch.equal(value, after["state"][index][name])


def test_a_full_disk_leaves_the_old_checkpoint(saved, monkeypatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    before = saved[0].read_bytes()
    monkeypatch.setattr("vostool.core.tensor_files.save_file", fails)
    with pytest.raises(OutputError, match=r"no space left.*a\.ckpt.*--resume"):
        save_checkpoint(saved[0], saved[1], describe(RECIPE, 8, {}))
    assert saved[0].read_bytes() == before
    assert [path.name for path in saved[0].parent.iterdir()] == ["a.ckpt"]


def test_a_checkpoint_is_no_resume_state(saved) -> None:
    with pytest.raises(CheckpointError, match="not a resume state"):
        read_resume(saved[0])


def test_run_folder_keeps_the_last_and_the_best(tmp_path: Path) -> None:
    files = RunFolder(tmp_path, keep=2)
    scores = {1: 0.2, 2: 0.9, 3: 0.5, 4: 0.4}
    for iteration, score in scores.items():
        model = nn.Linear(1, 1)
        nn.init.constant_(model.weight, iteration)
        files.save(model, describe(RECIPE, iteration, {"s": score}), best=iteration <= 2)
    assert [(entry.iteration, entry.metrics["s"]) for entry in files.entries()] == [
        (3, 0.5),
        (4, 0.4),
    ]
    assert sorted(path.name for path in tmp_path.glob("iteration*")) == [
        "iteration-00000003.ckpt",
        "iteration-00000004.ckpt",
    ]
    weights, info = read_checkpoint(files.best)
    assert info.iteration == 2
    assert float(weights["weight"]) == 2.0
