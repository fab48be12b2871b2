"""Sections of a report: what is said of a prediction's origin, and how objects are compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vostool.core.types import Frame, Video, VideoObject
from vostool.media.masks import write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.reporting.differences import VideoChanges
from vostool.reporting.entry import Entry, Scores
from vostool.reporting.objects import collect_objects, objects_table
from vostool.reporting.sections import provenance_section, scores_section
from vostool.reporting.table import Best, Column, Link
from vostool.reporting.video_page import Place


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


def test_objects_come_worst_first_and_are_compared_along_rows(tmp_path):
    columns = [Column("J", Best.HIGHEST), Column("J-Decay", Best.LOWEST)]

    def scores(*values: tuple[float, ...]) -> Scores:
        items = [Item("v", number, row) for number, row in enumerate(values, 3)]
        return Scores(columns, {"J": values[0][0], "J-Decay": 0.1}, [], items)

    a = scores((0.25, 0.75), (0.5, 0.25))
    b = scores((0.5, 0.75), (0.25, 0.5))
    entries = [entry(tmp_path, "a", a), entry(tmp_path, "b", b)]
    frames = tuple(Frame(f"{n:05d}", tmp_path / f"{n}.jpg") for n in range(2))
    video = Video("v", frames, (VideoObject(3, "00000"), VideoObject(4, "00000")), ())
    shares = {(0, 1): {4: np.array([np.nan, 0.125])}}
    facts = collect_objects(entries, [video], {"v": VideoChanges(video.frame_names, shares)})
    place = Place("01-v", "01-v.html", alone=True)
    table = objects_table(facts, entries, {"v": place})
    link = Link("00000", "01-v.html#frame=00000&object=4")
    other = Link("00000", "01-v.html#frame=00000&object=3")
    most = Link("00001", "01-v.html#frame=00001&object=4")
    assert table.rows == [
        [4, 2, 0.375, 0.375, link, 0.125, most],
        [3, 2, 0.5, 0.625, other, None, None],
    ]
    assert table.sorted_by == 3
    assert [table.is_best(1, column) for column in range(7)] == [False] * 3 + [True] + [False] * 3
    (table,) = scores_section(entries).tables
    assert [row[1] for row in table.rows] == [0.25, 0.5]
    assert table.is_best(1, 1)
    assert "2 objects in 1 videos" in table.caption
