"""What a member is made of, said the same way of a run and of the folder that it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIGEST, SHOWN = 64, 12
"""Characters of a SHA-256 digest, and those of it that a mark has."""


def run_mark(network: str, strategy: str) -> str:
    """Mark of a network (its checkpoint's digest, or its name) with a memory strategy."""
    return f"{_short(network)} {strategy}"


def folder_mark(name: str, manifest: Mapping[str, Any] | None) -> str:
    """Mark of a prediction folder: of the run that wrote it, else the folder's name.

    A folder of several networks or strategies has a mark of all of them, which no single run has.
    """
    settings = (manifest or {}).get("settings")
    if not isinstance(settings, Mapping):
        return name
    digests = _texts(settings.get("checkpoints"))
    names = [
        item.get("name") for item in settings.get("networks") or [] if isinstance(item, Mapping)
    ]
    made_of = [_short(text) for text in digests + _texts(names)]
    strategies = _texts(settings.get("memory"))
    if not made_of or not strategies:
        return name
    return f"{'+'.join(made_of)} {'+'.join(strategies)}"


def _short(network: str) -> str:
    return network[:SHOWN] if len(network) == DIGEST else network


def _texts(values: Any) -> list[str]:
    return [item for item in values if isinstance(item, str)] if isinstance(values, list) else []
