"""Sections of a report on predictions as a whole: scores, scores over time, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vostool.reporting.chart import Chart
from vostool.reporting.entry import Entry, ScoredObject, Scores
from vostool.reporting.page import Section
from vostool.reporting.table import Cell, Column, Table

TOLD = ("memory", "views", "tta", "feedback", "method", "steps")
"""Settings that the provenance of a prediction names; `tta` is what `views` was called."""

NOT_WRAPPERS = ("merge", "options")
"""Groups of settings that do not mean that something was done besides."""


def scores_section(entries: Sequence[Entry]) -> Section:
    """All predictions side by side, on the same videos."""
    scored = _scored(entries)
    columns = scored[0][1].columns
    rows = [
        [entry.title, *(scores.figures.get(column.title) for column in columns)]
        for entry, scores in scored
    ]
    notes = dict.fromkeys(note for _, scores in scored for note in scores.notes)
    objects = scored[0][1].objects
    caption = (
        f"Per cent, means over {len(objects)} objects in {len({o.video for o in objects})} videos."
    )
    table = Table([Column("prediction"), *columns], rows, caption=caption)
    return Section("Scores", [f"Note: {note}." for note in notes], tables=[table])


def time_section(entries: Sequence[Entry]) -> Section:
    """Scores of all objects against the time since their masks were given."""
    scored = _scored(entries)
    chart = Chart.of(
        {entry.label: _by_position(scores.objects) for entry, scores in scored},
        title="All objects, from their first scored frame on",
        ylabel=scored[0][1].per_frame_name,
    )
    return Section("Scores over time", charts=[chart])


def provenance_section(entries: Sequence[Entry]) -> Section:
    """Where each prediction comes from."""
    rows: list[list[Cell]] = [
        [entry.label, str(entry.folder.root), *_made_by(entry.folder.manifest or {})]
        for entry in entries
    ]
    columns = [Column(name) for name in ("prediction", "folder", "command", "how")]
    return Section("Provenance", tables=[Table(columns, rows)])


def _scored(entries: Sequence[Entry]) -> list[tuple[Entry, Scores]]:
    return [(entry, entry.scores) for entry in entries if entry.scores is not None]


def _by_position(objects: Sequence[ScoredObject]) -> list[float | None]:
    """Mean score over the objects that have a k-th scored frame, for each k."""
    longest = max((len(item.frames) for item in objects), default=0)
    curves = [item.per_frame for item in objects]
    return [
        float(np.mean([curve[position] for curve in curves if len(curve) > position]))
        for position in range(longest)
    ]


def _made_by(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Command and the settings worth knowing, from a run's manifest, which may say anything."""
    settings, networks = manifest.get("settings"), manifest.get("checkpoints")
    settings = settings if isinstance(settings, dict) else {}
    told = []
    for item in networks if isinstance(networks, list) else ():
        recipe = item.get("recipe") if isinstance(item, dict) else None
        told.append(str(recipe.get("name")) if isinstance(recipe, dict) else "?")
    told += [f"{name} {_text(settings[name])}" for name in TOLD if settings.get(name)]
    groups = (name for name, value in settings.items() if isinstance(value, dict))
    told += [name.replace("_", "-") for name in groups if name not in NOT_WRAPPERS]
    return str(manifest.get("command", "unknown")), ", ".join(told)


def _text(value: Any) -> str:
    """A setting in a few words; steps by their names."""
    if not isinstance(value, list):
        return str(value)
    return " + ".join(str(v.get("name") if isinstance(v, dict) else v) for v in value)
