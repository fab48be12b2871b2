"""Loading networks from files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vostool.core.errors import CheckpointError
from vostool.models import released_stm as _released_stm
from vostool.models.systems import stm
from vostool.stages.predict.load import load_segmenter


def test_released_stm_file_is_ready_to_segment(tmp_path: Path) -> None:
    network = stm.build(stm.Config())
    ours = {
        name: value for name, value in network.state_dict().items() if "num_batches" not in name
    }
    theirs = {}
    for pattern, prefix in _released_stm._RULES:
        plain = pattern.replace("\\", "")
        for name in [name for name in ours if name.startswith(prefix)]:
            theirs[f"module.{plain}{name.removeprefix(prefix)}"] = ours.pop(name)
    assert not ours, "every tensor of ours has a name in the released file"
    torch.save(theirs, tmp_path / "STM_weights.pth")
    loaded, recipe = load_segmenter(tmp_path / "STM_weights.pth")
    assert recipe["model"]["name"] == "stm"
    assert not loaded.training
    assert torch.equal(loaded.mixer.compress.weight, network.mixer.compress.weight)


def test_another_tensor_file_is_refused(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"neither a checkpoint.*other\.pth"):
        load_segmenter(tmp_path / "other.pth")
