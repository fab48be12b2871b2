"""Networks that `infer` runs: of checkpoints, or by name where they need no checkpoint of ours."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import BaseModel, ValidationError
from torch import nn

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.core.options import assign, read_assignment
from vostool.core.suggest import did_you_mean
from vostool.core.toml import explain_mistakes
from vostool.inference.engine import Member
from vostool.inference.prepare import prepare
from vostool.inference.trained import TrainedNetwork
from vostool.models import ENTRY_POINT_GROUP, Segmenter
from vostool.predictions.manifest import file_digest
from vostool.stages.predict.load import load_segmenter

USAGE = "write --network NAME or NAME:key=value,...; NAME is an entry point, or package.module"


@dataclass(frozen=True)
class NetworkChoice:
    """A network by name.

    Attributes:
        name: of an entry point of `vostool.segmenters`, of one of vostool's own networks, or the
            path of a module, such as `package.module`.
        values: for the module's `Config`.
    """

    name: str
    values: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NetworkChoice:
        """Read `NAME` or `NAME:key=value,...`.

        Raises:
            UsageError: of another form.
        """
        name, colon, rest = text.strip().partition(":")
        if not name or (colon and not rest):
            raise UsageError(f"cannot read --network {text!r}", remedy=USAGE)
        values: dict[str, Any] = {}
        # Lists have commas, too: a value ends where the next key begins.
        texts = re.split(r",(?=\s*[\w.]+\s*=)", rest) if rest else []
        assign(values, [read_assignment(item, f"--network {name}:", "key=value") for item in texts])
        return cls(name, values)

    def build(self) -> tuple[nn.Module, dict[str, Any]]:
        """The network, and all values of its `Config`.

        Raises:
            UsageError: there is no such module, it is no network's, or values are wrong.
        """
        module = self._module()
        for part in ("Config", "build"):
            if not hasattr(module, part):
                raise UsageError(f"{self.name} is not a network's module: it has no {part}")
        config = self._config(module.Config)
        network = module.build(config)
        missing = [] if isinstance(network, Segmenter) else _missing(network)
        if missing or not isinstance(network, nn.Module):
            lacks = f"has no {', '.join(missing)}" if missing else "is not a torch.nn.Module"
            raise UsageError(
                f"what {self.name} builds {lacks}",
                remedy="vostool/models/segmenter.py documents the protocol",
            )
        return network.eval(), config.model_dump(mode="json")

    def _config(self, kind: type[BaseModel]) -> BaseModel:
        """The values, checked; unknown ones are mistakes, whatever the class makes of them."""
        unknown = [name for name in self.values if name not in kind.model_fields]
        if unknown and kind.model_config.get("extra") != "allow":
            hint = did_you_mean(unknown[0], kind.model_fields)
            known = ", ".join(kind.model_fields) or "none"
            raise UsageError(
                f"--network {self.name}: unknown key {unknown[0]}", remedy=f"{hint}known: {known}"
            )
        try:
            return kind.model_validate(self.values)
        except ValidationError as error:
            clauses = "; ".join(explain_mistakes(error, kind))
            raise UsageError(f"--network {self.name}: {clauses}", remedy="correct it") from None

    def _module(self) -> Any:
        if "." not in self.name:
            return registry.load(
                "vostool.models.systems",
                self.name,
                kind="network",
                entry_point_group=ENTRY_POINT_GROUP,
            )
        try:
            return importlib.import_module(self.name)
        except ImportError as error:
            raise UsageError(
                f"cannot import {self.name} ({error})",
                remedy="install its package, or name its folder in PYTHONPATH",
            ) from error


def _missing(network: Any) -> list[str]:
    wanted = ("input_spec", "start", "encode", "segment", "memorize")
    return [name for name in wanted if not hasattr(network, name)]


@dataclass(frozen=True)
class Networks:
    """Networks ready to run.

    Attributes:
        members: for the engine.
        checkpoints, named: what the manifest says about each, those by name apart.
    """

    members: tuple[Member, ...]
    checkpoints: tuple[dict[str, Any], ...]
    named: tuple[dict[str, Any], ...]

    @property
    def identities(self) -> dict[str, Any]:
        """What must be equal in a resumed run."""
        digests = [item["sha256"] for item in self.checkpoints]
        return {"checkpoints": digests, "networks": list(self.named)}


def load_networks(
    choices: Sequence[Path | NetworkChoice],
    device: torch.device,
    *,
    compile_parts: bool = False,
    keep_trained: bool = False,
) -> Networks:
    """Load checkpoints and build networks by name, ready for inference.

    Args:
        compile_parts: see `prepare`.
        keep_trained: keep the networks as they were trained, too, for wrappers.

    Raises:
        UsageError: none, or one twice; a network by name that cannot be built.
        CheckpointError: a checkpoint cannot be read.
    """
    if not choices:
        raise UsageError(
            "no checkpoint", remedy="pass --checkpoint runs/NAME/best.ckpt, or --network NAME"
        )
    members, checkpoints, named = [], [], []
    for choice in choices:
        if isinstance(choice, NetworkChoice):
            network, values = choice.build()
            trained, digest = TrainedNetwork(choice.name, network), ""
            named.append({"name": choice.name, "config": values})
        else:
            path = Path(choice)
            network, recipe = load_segmenter(path)
            trained = TrainedNetwork("/".join(path.parts[-2:]), network, recipe)
            digest = file_digest(path)
            checkpoints.append({"path": str(path), "sha256": digest, "recipe": recipe})
        ready = cast(Segmenter, prepare(network, device, compile_parts=compile_parts))
        kept = trained if keep_trained else None
        members.append(Member(ready, name=trained.name, digest=digest, trained=kept))
    digests = [item["sha256"] for item in checkpoints]
    if len(set(digests)) < len(digests) or any(named.count(item) > 1 for item in named):
        raise UsageError(
            "the same checkpoint is given twice", remedy="it would only count double; drop one"
        )
    return Networks(tuple(members), tuple(checkpoints), tuple(named))
