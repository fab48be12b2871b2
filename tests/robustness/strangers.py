"""Checkpoints that somebody else made, with metadata of any kind."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from vostool.recipe import ModelChoice, build_model

MODEL: dict[str, Any] = {
    "name": "stm",
    "backbone": "resnet18",
    "backbone_options": {"layers": [1, 1, 1, 1], "channels": [4, 4, 4, 4]},
    "key_channels": 4,
    "value_channels": 8,
    "decoder_channels": 4,
}
METADATA: dict[str, Any] = {
    "format": 1,
    "recipe": {"model": MODEL},
    "iteration": 1,
    "metrics": {},
    "versions": {},
    "revision": None,
}


def with_value(place: str, value: Any) -> dict[str, Any]:
    """`METADATA` with another value at a dotted place."""
    metadata = copy.deepcopy(METADATA)
    table: Any = metadata
    *path, last = place.split(".")
    for step in path:
        table = table[step]
    table[last] = value
    return metadata


def write_checkpoint(path: Path, metadata: Any) -> Path:
    """A file with the weights of `MODEL` and that metadata, which may be text, too."""
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    model = build_model(ModelChoice.model_validate(MODEL))
    weights = {f"weights.{name}": value.clone() for name, value in model.state_dict().items()}
    save_file(weights, path, metadata={"vostool": text})
    return path


class Payload:
    """Pickled, this creates a file when it is read."""

    def __init__(self, proof: Path):
        self.proof = proof

    def __reduce__(self):
        return (Path.touch, (self.proof,))


def write_payload(folder: Path) -> tuple[Path, Path]:
    """A weights file that runs code, and the file which that code would create."""
    weights, proof = folder / "weights.pth", folder / "code-was-run"
    torch.save({"fc.weight": Payload(proof)}, weights)
    return weights, proof
