"""A flipped bit anywhere in what is resumed, loaded or merged is an error that names the file."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from vostool.core.errors import CheckpointError, DataError, VostoolError
from vostool.core.types import ObjectIds
from vostool.ensembling.fitted import Fitted, FittedAbout, read_fitted
from vostool.ensembling.fusion import FusionNetwork
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.training.checkpoints.checkpoint import (
    describe,
    read_checkpoint,
    read_info,
    save_checkpoint,
)
from vostool.training.checkpoints.resuming import Progress, ResumeState, read_resume, save_resume

FLIPS = 200
Reader = Callable[[], Any]


class Small(nn.Module):
    """Tensors of several types, an empty one and a number among them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.randn(3, 5))
        self.register_buffer("coarse", torch.randn(4).to(torch.bfloat16))
        self.register_buffer("count", torch.tensor(7))
        self.register_buffer("none", torch.zeros(0, 2))


def checkpoint(root: Path) -> tuple[Path, Reader]:
    path = root / "a.ckpt"
    save_checkpoint(path, Small(), describe({"model": {"name": "stm"}}, 12, {"J&F": 0.5}))
    return path, lambda: read_checkpoint(path)


def resume_state(root: Path) -> tuple[Path, Reader]:
    path, model = root / "resume.state", Small()
    slots = {"step": torch.tensor(3.0), "exp_avg": torch.randn(3, 5), "kind": 1.5}
    optimiser = {"state": {0: slots}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    progress = Progress(recipe={"a": 1.5}, iteration=3, best_score=None, processes=1, scaler={})
    save_resume(path, ResumeState(model.state_dict(), optimiser, progress))
    return path, lambda: read_resume(path)


def fitted_network(root: Path) -> tuple[Path, Reader]:
    path, about = root / "fused.safetensors", FittedAbout(marks=("a", "b"), width=8)
    torch.manual_seed(0)
    Fitted(about, FusionNetwork(2, 8).state_dict()).save(path)
    return path, lambda: read_whole(path)


def fitted_weights(root: Path) -> tuple[Path, Reader]:
    path = root / "weights.safetensors"
    Fitted(FittedAbout(marks=("a", "b"), weights=(0.25, 0.75))).save(path)
    return path, lambda: read_whole(path)


def read_whole(path: Path) -> Any:
    found = read_fitted(path)
    return found.about.model_dump(), dict(found.tensors)


def probabilities(root: Path) -> tuple[Path, Reader]:
    writer, ids = PredictionWriter(root), ObjectIds((2, 7))
    writer.write_mask("v", "0", np.zeros((24, 32), np.uint8))
    planes = np.random.default_rng(0).integers(0, 256, (3, 24, 32), np.uint8)
    writer.write_probabilities("v", "0", planes, ids)
    return writer.probabilities_path("v", "0"), lambda: read_all(PredictionFolder(root))


def read_all(folder: PredictionFolder) -> Any:
    assert folder.probability_ids("v", "0") == folder.probabilities("v", "0")[1]
    return folder.probabilities("v", "0")


TENSOR_FILES = [checkpoint, resume_state]
KINDS = [*TENSOR_FILES, probabilities, fitted_network, fitted_weights]


def same(a: Any, b: Any) -> bool:
    """Whether two results of a reader are equal to the bit."""
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    return same(vars(a), vars(b)) if isinstance(a, ResumeState) else a == b


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_are_noticed_or_harmless(tmp_path: Path, rng, kind) -> None:
    path, read = kind(tmp_path)
    whole, expected = path.read_bytes(), read()
    errors = []
    for bit in rng.permutation(8 * len(whole))[:FLIPS]:
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(data))
        try:
            found = read()
        except VostoolError as error:
            errors.append(str(error))
        else:
            assert same(found, expected), f"bit {bit} changed the result silently"
    assert all(path.name in error for error in errors)
    assert len(errors) > 0.9 * min(FLIPS, 8 * len(whole))


def rewrite(path: Path, change: Callable[[dict[str, str], dict[str, torch.Tensor]], None]) -> None:
    """Change a file's metadata and tensors, and write it as safetensors does."""
    with safe_open(path, "pt") as file:
        entries = dict(file.metadata())
    tensors = load_file(path)
    change(entries, tensors)
    save_file(tensors, path, metadata=entries)


def test_what_a_checkpoint_says_is_checked_without_its_weights(tmp_path: Path) -> None:
    path, _ = checkpoint(tmp_path)

    def other_iteration(entries: dict[str, str], _: dict[str, torch.Tensor]) -> None:
        entries["vostool"] = entries["vostool"].replace('"iteration": 12', '"iteration": 13')

    rewrite(path, other_iteration)
    with pytest.raises(CheckpointError, match=r"metadata are not those that were written.*a\.ckpt"):
        read_info(path)


def test_the_digest_is_of_names_types_and_shapes_too(tmp_path: Path) -> None:
    def rename(_: dict[str, str], tensors: dict[str, torch.Tensor]) -> None:
        tensors["weights.other"] = tensors.pop("weights.weight")

    def reshape(_: dict[str, str], tensors: dict[str, torch.Tensor]) -> None:
        tensors["weights.weight"] = tensors["weights.weight"].reshape(5, 3)

    def as_numbers(_: dict[str, str], tensors: dict[str, torch.Tensor]) -> None:
        tensors["weights.weight"] = tensors["weights.weight"].view(torch.int32)

    for change in (rename, reshape, as_numbers):
        path, _ = checkpoint(tmp_path)
        rewrite(path, change)
        with pytest.raises(CheckpointError, match=r"tensors are not those.*a\.ckpt.*copy it again"):
            read_checkpoint(path)


@pytest.mark.parametrize("kind", TENSOR_FILES)
def test_files_of_before_digests_are_read(tmp_path: Path, kind) -> None:
    path, read = kind(tmp_path)
    expected = read()

    def forget(entries: dict[str, str], _: dict[str, torch.Tensor]) -> None:
        said = json.loads(entries["vostool"])
        assert said.pop("tensors_sha256") and entries.pop("vostool.sha256")
        entries["vostool"] = json.dumps(said | {"format": 1})

    rewrite(path, forget)
    assert same(read(), expected)


def test_probabilities_of_before_digests_are_read_and_checked(
    tmp_path: Path,
) -> None:
    path, read = probabilities(tmp_path)
    (planes, ids) = read()
    with path.open("wb") as file:
        np.savez_compressed(file, planes=planes, ids=np.array(ids.values, np.uint8))
    whole = path.read_bytes()
    assert same(read(), (planes, ids))
    middle = len(whole) // 2  # of the compressed planes
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :])
    with pytest.raises(DataError, match=r"0\.npz"):
        read()


def test_the_digest_is_one_that_other_tools_can_check(tmp_path: Path) -> None:
    path, _ = probabilities(tmp_path)
    with zipfile.ZipFile(path) as archive:
        comment = archive.comment.decode()
    content = path.read_bytes()[: -len(comment)]
    assert comment == f"vostool sha256 {hashlib.sha256(content).hexdigest()}"
