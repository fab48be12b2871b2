"""Sections of a report: what is said of a prediction's origin, and how objects are compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vostool.media.masks import write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.reporting.entry import Entry, Scores
from vostool.reporting.frames import worst_frames
from vostool.reporting.page import Best, Column
from vostool.reporting.sections import objects_section, provenance_section, scores_section


@dataclass(frozen=True)
class Item:
    """Scores of an object, as a measure of one score per frame gives them."""

    video: str
    id: int
    values: tuple[float, ...]
    category: str | None = None

    @property
    def frames(self) -> tuple[str, ...]:
        return tuple(f"{time:05d}" for time in range(len(self.values)))

    @property
    def shown(self) -> dict[str, np.ndarray]:
        return {"J": np.array(self.values)}

    @property
    def per_frame(self) -> np.ndarray:
        return np.array(self.values)


def entry(root: Path, label: str, scores: Scores | None = None, manifest: object = None) -> Entry:
    write_mask(root / label / "Annotations" / "v" / "0.png", np.zeros((2, 2), np.uint8))
    if manifest is not None:
        (root / label / "run.json").write_text(json.dumps(manifest))
    return Entry(label, PredictionFolder(root / label), scores)


@pytest.mark.parametrize(
    ("manifest", "command", "how"),
    [
        (None, "unknown", ""),
        (
            {
                "command": "infer",
                "checkpoints": [{"recipe": {"name": "stm"}}, {"recipe": 3}, 7],
                "settings": {
                    "views": "flip",
                    "memory": ["every:5", "visible"],
                    "merge": {"method": "auto"},
                    "crop_zoom": {"margin": 2},
                    "proposals": None,
                },
            },
            "infer",
            "stm, ?, ?, memory every:5 + visible, views flip, crop-zoom",
        ),
        (
            {"command": "postprocess", "settings": {"steps": [{"name": "drop-small"}, 1]}},
            "postprocess",
            "steps drop-small + 1",
        ),
        ({"checkpoints": [[]], "settings": {"memory": [[1]]}}, "unknown", "?, memory [1]"),
    ],
)
def test_provenance_says_what_it_can(tmp_path, manifest, command, how):
    (table,) = provenance_section([entry(tmp_path, "a", manifest=manifest)]).tables
    assert table.rows == [["a", str(tmp_path / "a"), command, how]]


def test_objects_are_compared_along_rows(tmp_path):
    columns = [Column("J", Best.HIGHEST), Column("J-Decay", Best.LOWEST)]

    def scores(*values: float) -> Scores:
        return Scores(columns, {"J": values[0], "J-Decay": 0.1}, [], [Item("v", 3, values)])

    entries = [entry(tmp_path, "a", scores(0.25, 0.75)), entry(tmp_path, "b", scores(0.5, 0.75))]
    (table,) = objects_section(entries).tables
    assert table.rows == [["v", 3, None, 2, 0.5, 0.625]]
    assert [table.is_best(0, column) for column in range(6)] == [False] * 5 + [True]
    (table,) = scores_section(entries).tables
    assert [row[1] for row in table.rows] == [0.25, 0.5]
    assert table.is_best(1, 1)
    assert "1 objects in 1 videos" in table.caption


def test_worst_frames_are_spread_over_objects_and_time():
    first = Item("v", 1, (0.1, 0.11, 0.12, 0.13, 0.9, 0.14, 0.15, 0.16))
    second = Item("v", 2, (0.8, 0.2))
    found = [(item.id, row) for item, row in worst_frames([first, second], 5)]
    assert found == [(1, 0), (1, 3), (2, 1)]
