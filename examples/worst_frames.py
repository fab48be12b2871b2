"""Find the frames in which a prediction is worst, and how two predictions differ there.

    python examples/worst_frames.py demo

runs in a folder where `vostool demo` was run. It works on scores per frame, which `vostool evaluate
--json` writes as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vostool.datasets.selection import Selection
from vostool.stages.score.evaluate import evaluate


def main(demo: Path, count: int = 5) -> None:
    """Print the frames of lowest J&F of the ensemble, beside what one member has there."""
    videos = Selection("youtubevos2019", demo / "data", "valid")
    merged, alone = (
        {
            (scores.video, scores.id, frame): float(value)
            for scores in evaluate(demo / "preds" / name, videos).objects
            for frame, value in zip(scores.frames, scores.per_frame, strict=True)
        }
        for name in ("ensemble", "famnet-b")
    )
    worst = sorted(merged, key=merged.__getitem__)[:count]
    print("video, object, frame: J&F of the ensemble, of famnet alone")
    for video, number, frame in worst:
        figures = (table[video, number, frame] for table in (merged, alone))
        print(f"{video}, {number}, {frame}:", ", ".join(f"{100 * value:.1f}" for value in figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
