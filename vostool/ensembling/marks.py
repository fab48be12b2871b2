"""What a member is made of, said the same way of a run and of the folder that it wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DIGEST, SHOWN = 64, 12
"""Characters of a SHA-256 digest, and those of it that a mark has."""


def run_mark(network: str, strategy: str, views: Any = None) -> str:
    """Mark of a network (its checkpoint's digest, or its name) with a memory strategy and views.

    Args:
        views: as options and `run.json` write them, "none" or None for frames as they are.
    """
    return " ".join(filter(None, (_short(network), strategy, _views(views))))


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
    # Earlier versions called the views "tta".
    views = settings.get("views", settings.get("tta"))
    return run_mark("+".join(made_of), "+".join(strategies), views)


def _short(network: str) -> str:
    return network[:SHOWN] if len(network) == DIGEST else network


def _texts(values: Any) -> list[str]:
    return [item for item in values if isinstance(item, str)] if isinstance(values, list) else []


def _views(views: Any) -> str:
    """The same text for the same views, however they are written; "" for frames as they are."""
    if not isinstance(views, str):
        return json.dumps(views) if views else ""
    words = {word.strip() for word in views.split(",")}
    flip, scales = words & {"flip"}, words - {"flip", "none", ""}
    try:
        numbers = sorted({float(scale) for scale in scales} or {1.0})
    except ValueError:  # of a manifest that someone else wrote
        return views
    text = ",".join([*flip, *(f"{number:g}" for number in numbers)])
    return "" if text == "1" else text
