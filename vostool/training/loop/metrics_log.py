"""Metrics of a run: JSON lines, and TensorBoard events where wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vostool.core.durable import sync
from vostool.core.errors import DataError, UsageError
from vostool.core.files import explain_write_errors, write_text
from vostool.core.reading import parse_json, read_text

FILE_NAME = "metrics.jsonl"


class MetricsLog:
    """Appends one JSON object per line: `{"iteration": ..., "kind": "train", ...}`.

    Args:
        folder: the run's folder.
        tensorboard: write TensorBoard events to `folder/tensorboard` too.
        resume_at: iteration from which a resumed run goes on; later lines are dropped, because
            the run will write them again.
    """

    def __init__(self, folder: Path, *, tensorboard: bool = False, resume_at: int = 0):
        self.path = Path(folder) / FILE_NAME
        kept = [r for r in read_metrics(self.path) if r["iteration"] <= resume_at]
        write_text(self.path, "".join(json.dumps(r) + "\n" for r in kept))
        self._board = _summary_writer(Path(folder) / "tensorboard") if tensorboard else None

    def write(self, kind: str, iteration: int, values: Mapping[str, float | None]) -> None:
        """Append one line."""
        line = json.dumps({"iteration": iteration, "kind": kind, **values})
        with explain_write_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if self._board is not None:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(f"{kind}/{name}", value, iteration)

    def make_durable(self) -> None:
        """Wait until all lines are on the disk, as the state must be that goes on after them."""
        with explain_write_errors(self.path):
            sync(self.path)

    def close(self) -> None:
        """Flush events."""
        if self._board is not None:
            self._board.close()


@dataclass
class Means:
    """Means of named values since they were last taken.

    Attributes:
        sums: by name.
        count: of sets of values.
    """

    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, values: Mapping[str, float]) -> None:
        """Count one more set of values."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def take(self) -> dict[str, float]:
        """The means, and begin anew."""
        means = {name: total / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Records of a metrics file; none without a file, nor from a line on that is cut short."""
    if not path.is_file():
        return []
    records = []
    for line in read_text(path).splitlines():
        try:
            record = parse_json(line, path)
        except DataError:
            break
        if not isinstance(record, dict) or not isinstance(record.get("iteration"), int):
            break
        records.append(record)
    return records


def _summary_writer(folder: Path):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "TensorBoard is not installed", remedy="pip install 'vostool[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder))
