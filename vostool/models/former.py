"""How recipes and checkpoints spoke before networks were composed of parts.

Checkpoints outlive versions: their choices and their tensors' names are read as those of today.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from vostool.nn.part_choice import PartChoice

_TENSORS = (
    (re.compile(r"^memory_encoder\."), "encoder.memory."),
    (re.compile(r"^query_encoder\."), "encoder.query."),
    (re.compile(r"^encoder\.(?=net\.|trunk\.|laterals\.|smooth\.|project\.)"), "encoder.shared."),
    (re.compile(r"^(memory_head|query_head)\."), r"encoder.\1."),
    (re.compile(r"^(aspp|compress)\."), r"mixer.\1."),
    (re.compile(r"^constraint\."), "prior."),
)


def current_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors by the names that they have now; names of now stay."""
    return {_current_name(name): value for name, value in weights.items()}


def _current_name(name: str) -> str:
    for pattern, replacement in _TENSORS:
        if pattern.match(name):
            return pattern.sub(replacement, name)
    return name


def current_values(values: Mapping[str, Any], defaults: Mapping[str, PartChoice]) -> dict[str, Any]:
    """Choices as they are written now; former ones win over those of today beside them.

    Args:
        defaults: the network's part of each kind.

    Raises:
        ValueError: a former switch is neither true nor false.
    """
    left = dict(values)
    if "refine" in left:
        left["context"] = "pyramid" if _flag(left, "refine") else "none"
    if "shared_heads" in left:
        left["encoder"] = {"name": "shared", "shared_heads": left.pop("shared_heads")}
    if "aspp_rates" in left:
        rates = left.pop("aspp_rates")
        left["mixer"] = {"name": "aspp", "rates": rates} if rates else "convolution"
    if "spatial_constraint" in left:
        left["prior"] = "spatial-constraint" if _flag(left, "spatial_constraint") else "none"
    if isinstance(left.get("refinement"), bool):
        left["refinement"] = "residual" if _flag(left, "refinement") else "none"
    for former, kind, name, option in _OPTIONS:
        if former in left:
            table = _table(left.get(kind, defaults[kind]))
            if table["name"] == name:
                left[kind] = {**table, option: left.pop(former)}
            elif kind in left:
                del left[former]  # an option of what was left out
    return left


_OPTIONS = (
    ("aspp_dropout", "mixer", "aspp", "dropout"),
    ("prior_weight", "prior", "spatial-constraint", "prior_weight"),
    ("refinement_channels", "refinement", "residual", "channels"),
)
"""Former key, and the kind, name and option of the part that it is about."""


def _flag(values: dict[str, Any], key: str) -> bool:
    value = values.pop(key)
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false")
    return value


def _table(part: Any) -> dict[str, Any]:
    if isinstance(part, PartChoice):
        return part.model_dump()
    return {"name": part} if isinstance(part, str) else dict(part)
