"""Figures of a cross-validation: variants over seeds and held-out videos, compared video by video.

Each video is held out once per seed. A variant's score of a seed is the mean over all videos, each
counted once; differences are taken between the same video of the same seed, which leaves out what
makes videos differ in difficulty.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from vostool.reporting.spread import Spread

HEADER = ("variant", "mean", "over seeds", "difference", "error", "better", "minutes")
NOTHING = "-"

Scores = Mapping[tuple[int, str], float]
"""(seed, video) -> figure in [0, 1]."""


@dataclass(frozen=True)
class Difference:
    """How a variant compares with another on what both were scored on.

    Attributes:
        mean: over videos, in [-1, 1].
        error: standard error of that mean over videos, each the mean of its seeds; 0 for one video.
        better: videos on which it is better.
        videos: videos compared.
    """

    mean: float
    error: float
    better: int
    videos: int


@dataclass(frozen=True)
class Variant:
    """One configuration with what was measured.

    Attributes:
        name: of its row.
        label: what it is; its name where that is empty.
        note: what a reader must know.
        scores: of every held-out video and seed.
        minutes: of training, mean over its trainings; None where unknown.
    """

    name: str
    label: str
    note: str
    scores: Scores
    minutes: float | None = None

    def by_video(self) -> dict[str, float]:
        """Mean over seeds of each video, in [0, 1]."""
        names = sorted({video for _, video in self.scores})
        return {
            name: statistics.fmean(v for (_, video), v in self.scores.items() if video == name)
            for name in names
        }

    def over_seeds(self) -> Spread | None:
        """Of the seeds' means over videos; None where nothing was measured."""
        seeds = sorted({seed for seed, _ in self.scores})
        means = [
            statistics.fmean(v for (own, _), v in self.scores.items() if own == seed)
            for seed in seeds
        ]
        return Spread.of(means) if means else None

    def compared_with(self, other: Variant) -> Difference | None:
        """On videos and seeds that both have; None without any."""
        common = self.scores.keys() & other.scores.keys()
        changes = [
            statistics.fmean(
                self.scores[key] - other.scores[key] for key in sorted(common) if key[1] == video
            )
            for video in sorted({video for _, video in common})
        ]
        if not changes:
            return None
        error = statistics.stdev(changes) / len(changes) ** 0.5 if len(changes) > 1 else 0.0
        better = sum(change > 0 for change in changes)
        return Difference(statistics.fmean(changes), error, better, len(changes))


@dataclass(frozen=True)
class CrossValidationReport:
    """All variants, the first of which the others are compared with.

    Attributes:
        title: of the whole.
        figure: name of the figure.
        scored_on: data set, folds and seeds, in words.
        variants: in order; those without scores are not made yet.
        expected: videos times seeds of a variant that is complete.
        overrides: of all trainings.
    """

    title: str
    figure: str
    scored_on: str
    variants: tuple[Variant, ...]
    expected: int
    overrides: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """What a reader of the figures must know."""
        base = self.variants[0].label or self.variants[0].name
        notes = [
            f"{self.figure} on {self.scored_on}, in percent: mean over held-out videos, ± the "
            "standard deviation over seeds",
            f"difference to {base}, video by video; error is its standard error over videos, and "
            "better the videos on which a variant is better",
        ]
        if self.overrides:
            notes.append(f"changed in all trainings: {', '.join(self.overrides)}")
        for item in self.variants:
            if item.note:
                notes.append(f"{item.label or item.name}: {item.note}")
            if item.scores and len(item.scores) < self.expected:
                done = f"{len(item.scores)} of {self.expected}"
                notes.append(f"{item.label or item.name}: unfinished, {done} scores")
        return notes

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=self.title)
        for column in HEADER:
            table.add_column(column, justify="left" if column == "variant" else "right")
        for item in self.variants:
            table.add_row(*self._cells(item))
        return table

    def as_markdown(self) -> str:
        """The table, one of every video, and the notes."""
        lines = [f"# {self.title}", "", _row(HEADER), "|---|" + "--:|" * (len(HEADER) - 1)]
        lines += [_row(self._cells(item)) for item in self.variants]
        shown = [item for item in self.variants if item.scores]
        found = {item.name: item.by_video() for item in shown}
        lines += ["", _row(["video", *(item.name for item in shown)])]
        lines += ["|---|" + "--:|" * len(shown)]
        for video in sorted({name for scores in found.values() for name in scores}):
            lines.append(_row([video, *(_percent(found[item.name].get(video)) for item in shown)]))
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes())]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """All of it, in [0, 1]."""
        return {
            "title": self.title,
            "figure": self.figure,
            "scored_on": self.scored_on,
            "overrides": list(self.overrides),
            "notes": self.notes(),
            "variants": [self._json(item) for item in self.variants],
        }

    def _cells(self, item: Variant) -> tuple[str, ...]:
        spread, change = item.over_seeds(), self._difference(item)
        several = spread is not None and spread.count > 1
        return (
            item.label or item.name,
            _percent(spread.mean if spread else None),
            f"± {100 * spread.deviation:.1f}" if spread is not None and several else NOTHING,
            NOTHING if change is None else f"{100 * change.mean:+.1f}",
            NOTHING if change is None else f"{100 * change.error:.1f}",
            NOTHING if change is None else f"{change.better} of {change.videos}",
            NOTHING if item.minutes is None else f"{item.minutes:.1f}",
        )

    def _difference(self, item: Variant) -> Difference | None:
        return None if item is self.variants[0] else item.compared_with(self.variants[0])

    def _json(self, item: Variant) -> dict[str, Any]:
        spread, change = item.over_seeds(), self._difference(item)
        by_seed: dict[str, dict[str, float]] = {}
        for (seed, video), value in sorted(item.scores.items()):
            by_seed.setdefault(str(seed), {})[video] = value
        return {
            "name": item.name,
            "label": item.label,
            "spread": None if spread is None else spread.as_json(),
            "difference": None if change is None else vars(change),
            "minutes": item.minutes,
            "videos": item.by_video(),
            "seeds": by_seed,
        }


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f}"


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
