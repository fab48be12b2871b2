"""What each measure costs, as a multiple of DAVIS's J and F on the same masks.

All masks are real, at 480p: OSVOS's of single objects against the truth, and first masks of several
objects against themselves, moved a little. Times are of scoring alone, without decoding, the least
of some runs that take turns.

Example: `python benchmarks/bench_measures.py --data ../shared/data`
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from bench_evaluate import Masks, multi_object_masks, read_pair, single_object_files
from rich.console import Console
from rich.table import Table

from vostool.core import registry
from vostool.scoring.evaluate import BATCH, compare
from vostool.scoring.mask_pair import Workspace
from vostool.scoring.measure import ENTRY_POINT_GROUP, PACKAGE, load_measure

REFERENCE = "davis"


def milliseconds_per_frame(
    measures: list[str], masks: list[Masks], repeats: int
) -> dict[str, float]:
    """Milliseconds per frame with each measure."""
    best = dict.fromkeys(measures, float("inf"))
    for _ in range(repeats):
        for name in measures:
            measure, workspace = load_measure(name), Workspace()
            start = time.perf_counter()
            for first in range(0, len(masks), BATCH):
                batch = masks[first : first + BATCH]
                ids = range(1, max(len(ids) for _, _, ids in batch) + 1)
                pairs = [m[0] for m in batch], [m[1] for m in batch]
                measure.score_frames(compare(*pairs, ids, workspace))
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: 1000 * seconds / len(masks) for name, seconds in best.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real test data")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    files = [pair for sequence in single_object_files(arguments.data) for pair in sequence]
    sets = {
        "1 object": [read_pair(*pair) for pair in files[::4]],
        "several objects": multi_object_masks(arguments.data),
    }
    table = Table("measure", *(f"{name}, ms per frame" for name in sets), "ratio", "ratio, several")
    measures = registry.names(PACKAGE, ENTRY_POINT_GROUP)
    found = [milliseconds_per_frame(measures, masks, arguments.repeats) for masks in sets.values()]
    for name in measures:
        times = [part[name] for part in found]
        ratios = [part[name] / part[REFERENCE] for part in found]
        table.add_row(name, *(f"{t:.2f}" for t in times), *(f"{r:.2f}x" for r in ratios))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
