"""The file of a fitted ensemble: a network or plain weights, and the members it was fitted on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open

from vostool.core.errors import CheckpointError, UsageError
from vostool.core.files import atomic_path
from vostool.core.listing import some
from vostool.core.options import Options
from vostool.core.reading import parse_json
from vostool.core.tensor_files import tensors_digest, write_tensors
from vostool.core.toml import explain_mistakes
from vostool.ensembling.fusion import FusionNetwork
from vostool.ensembling.method import Members

KEY, DIGEST_KEY = "vostool-ensemble", "vostool-ensemble.sha256"
REMEDY = "use a file that `vostool fit-ensemble` wrote"
MAX_TEXT = 1 << 20


class FittedAbout(Options):
    """What a file says of itself.

    Attributes:
        marks: of the members, in the order in which they were fitted.
        weights: of a weighted mean; none: the file holds a network.
        width: channels of the network.
        fitted_on: data set and split, and how it was fitted.
    """

    marks: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    width: int = 32
    fitted_on: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """A fitted ensemble.

    Attributes:
        about: see `FittedAbout`.
        tensors: of the network; empty where there are weights.
    """

    about: FittedAbout
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def network(self) -> FusionNetwork:
        """The network, in eval mode. Raises RuntimeError if tensors do not fit."""
        network = FusionNetwork(len(self.about.marks), self.about.width)
        network.load_state_dict(dict(self.tensors))
        return network.eval().requires_grad_(False)

    def check_members(self, members: Members) -> None:
        """Refuse members that this was not fitted on, or in another order.

        Raises:
            UsageError: naming what differs.
        """
        wanted, given = self.about.marks, members.marks
        if wanted == given:
            return
        if sorted(wanted) == sorted(given):
            raise UsageError(
                "the members come in another order than those that the ensemble was fitted on",
                remedy=f"give them as {some(wanted, len(wanted))}",
            )
        strange = [
            f"{name} ({mark})"
            for name, mark in zip(members.names, given, strict=True)
            if mark not in wanted
        ]
        missing = [mark for mark in wanted if mark not in given]
        words = [f"not fitted on {some(strange)}"] if strange else []
        words += [f"lacks {some(missing)}"] if missing else []
        words = words or [f"{len(given)} members for {len(wanted)}"]
        raise UsageError(
            f"the ensemble was fitted on other members: {'; '.join(words)}",
            remedy="fit it again with `vostool fit-ensemble` on these members",
        )

    def save(self, path: Path) -> None:
        """Write the file at once."""
        text = json.dumps(self.about.model_dump(mode="json"))
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.tensors.items()}
        # A safetensors file holds at least one tensor.
        tensors = tensors or {"none": torch.zeros(1)}
        metadata = {KEY: text, DIGEST_KEY: _digest(text, tensors)}
        with atomic_path(path) as temporary:
            write_tensors(temporary, tensors, metadata)


def read_fitted(path: Path) -> Fitted:
    """Read a file.

    Raises:
        CheckpointError: missing, damaged, or not of `fit-ensemble`.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError("no such fitted ensemble", where=path, remedy=REMEDY)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            text = metadata.get(KEY)
            if text is None or len(text) > MAX_TEXT:
                raise CheckpointError("this is no fitted ensemble", where=path, remedy=REMEDY)
            about = FittedAbout.model_validate(
                parse_json(text, path, remedy=REMEDY, error=CheckpointError)
            )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        # Files of earlier versions have no digest.
        if metadata.get(DIGEST_KEY, digest := _digest(text, tensors)) != digest:
            raise ValueError("the digest is of other contents")
        fitted = Fitted(about, {} if about.weights else tensors)
        if about.weights is None:
            fitted.network()
        elif len(about.weights) != len(about.marks):
            raise ValueError(f"{len(about.weights)} weights for {len(about.marks)} members")
    except ValidationError as error:
        what = "; ".join(explain_mistakes(error, FittedAbout))
        raise CheckpointError(f"the file is damaged: {what}", where=path, remedy=REMEDY) from None
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            "the file is damaged, or no fitted ensemble", where=path, remedy=REMEDY
        ) from error
    return fitted


def _digest(text: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of what a file says of itself and of its tensors."""
    return hashlib.sha256(f"{text}{tensors_digest(tensors)}".encode()).hexdigest()
