"""Peak memory and time of comparing all objects with all proposals of one 480p frame.

Each row runs in a process of its own, of which the largest resident size before and after the
comparison tells what it held at most, features and proposals of the frame left out.

Example: `python benchmarks/bench_alignment.py`
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

import torch
from rich.console import Console
from rich.table import Table

from vostool.nn.proposal_matching import Candidates, ProposalMatcher, Templates

CHANNELS, CELLS = 256, 14
FRAME = (480, 864)
CASES = ((1, 50), (3, 50), (10, 50), (10, 200))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or with --case one row's figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", type=int, nargs=2, metavar=("OBJECTS", "PROPOSALS"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.case:
        print(*one_case(*options.case))
        return
    table = Table("objects", "proposals", "MB at most", "s", title="alignment, one 480p frame")
    for objects, proposals in CASES:
        megabytes, seconds = in_a_process(objects, proposals)
        table.add_row(str(objects), str(proposals), f"{megabytes:.0f}", f"{seconds:.2f}")
    Console(width=110).print(table)


def in_a_process(objects: int, proposals: int) -> tuple[float, float]:
    """`one_case`, where nothing was allocated before."""
    command = [sys.executable, __file__, "--case", str(objects), str(proposals)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes, seconds = result.stdout.split()
    return float(megabytes), float(seconds)


@torch.inference_mode()
def one_case(objects: int, proposals: int) -> tuple[float, float]:
    """Megabytes by which the process grew, and seconds of processor time."""
    torch.manual_seed(0)
    height, width = FRAME[0] // 16, FRAME[1] // 16
    matcher = ProposalMatcher(CHANNELS, cells=CELLS).eval()
    value, readout = (
        torch.randn(CHANNELS, height, width),
        torch.randn(objects, CHANNELS, height, width),
    )
    templates = Templates(
        torch.randn(objects, CHANNELS, CELLS, CELLS), torch.rand(objects, CELLS, CELLS)
    )
    corners = torch.rand(proposals, 2) * 300
    boxes = torch.cat([corners, corners + 20 + torch.rand(proposals, 2) * 150], 1)
    candidates = Candidates(boxes, torch.rand(proposals, FRAME[0] // 4, FRAME[1] // 4))
    few = Candidates(boxes[:1], candidates.masks[:1])
    matcher.similarity(templates, readout, value, few)  # threads and kernels are there from now on
    before, begun = largest_size(), time.process_time()
    matcher.similarity(templates, readout, value, candidates)
    return largest_size() - before, time.process_time() - begun


def largest_size() -> float:
    """Of this process so far, resident, in megabytes."""
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, kilobytes else


if __name__ == "__main__":
    main()
