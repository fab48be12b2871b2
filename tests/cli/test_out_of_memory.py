"""Memory that really runs out, and memory that was foretold: in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from moving_squares import write_video

from vostool.predictions.manifest import read_manifest

CHILD = """
import resource, sys
from pathlib import Path
import torch, cv2
from vostool.cli.main import main
from vostool.stages.predict import infer
torch.set_num_threads(1)
torch.nn.Conv2d(3, 8, 3)(torch.rand(1, 3, 32, 32))  # libraries that are loaded at first use
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
main(sys.argv[2:])
"""
NETWORK = "stm:backbone=mobilenetv2_035,key_channels=8,value_channels=8,decoder_channels=64"


def plain_folder(place: Path, frames: int, **sizes: tuple[int, int]) -> Path:
    """A data set of videos with two objects, by name."""
    root = place / "data"
    for name, size in sizes.items():
        video, _ = write_video(place / "made", name, frames, size=size)
        for folder in ("JPEGImages", "Annotations"):
            (root / folder / name).mkdir(parents=True)
        for frame in video.frames:
            frame.image.rename(root / "JPEGImages" / name / frame.image.name)
            if frame.annotation is not None:
                frame.annotation.rename(root / "Annotations" / name / frame.annotation.name)
    return root


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits of Linux")
def test_what_is_finished_is_kept_and_one_sentence_tells_what_to_do(tmp_path: Path) -> None:
    out = tmp_path / "out"
    root = plain_folder(tmp_path, 3, a=(64, 96), b=(1600, 2400))
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, "600", "infer", "--network", NETWORK,
         "--dataset", "folder", "--root", str(root), "--precision", "fp32", "--device", "cpu",
         "--short-side", "full", "--out", str(out)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("error: not enough memory (video b with 2 objects): ")
    assert all(word in last for word in ("--objects-at-once", "--short-side", "--max-memory"))
    manifest = read_manifest(out)
    assert manifest is not None
    assert {k: v["status"] for k, v in manifest["videos"].items()} == {
        "a": "finished", "b": "failed"
    }  # fmt: skip
    assert len(list((out / "Annotations" / "a").iterdir())) == 3


WATCHED = """
import sys
from pathlib import Path
from vostool.cli.main import main
from vostool.core.memory_use import peak_memory
try:
    main(sys.argv[2:])
finally:
    Path(sys.argv[1]).write_text(str(peak_memory()))
"""


def peak_of(arguments: list[str], told: Path) -> int:
    """Largest resident set of a command, bytes, which it writes itself.

    What `wait4` says is at least the peak of the process that started it, this one.
    """
    command = [sys.executable, "-c", WATCHED, str(told), *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=300, check=True)
    return int(told.read_text())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peaks of Linux")
def test_the_memory_that_a_plan_expects_is_near_the_run_s(tmp_path: Path) -> None:
    """Memory grows over 40 frames, all of which stay."""
    root, told = plain_folder(tmp_path, 40, v=(192, 336)), tmp_path / "plan.json"
    wide = "stm:backbone=mobilenetv2_035,key_channels=64,value_channels=2048,decoder_channels=16"
    arguments = [
        "infer", "--network", wide, "--dataset", "folder", "--root", str(root), "--memory",
        "every:1", "--precision", "fp32", "--device", "cpu", "-q", "--out",
    ]  # fmt: skip
    peak_file = tmp_path / "peak.txt"
    peak_of([*arguments, str(tmp_path / "none"), "--plan", "--json", str(told)], peak_file)
    expected = json.loads(told.read_text())["memory"]
    measured = peak_of([*arguments, str(tmp_path / "out")], peak_file)
    assert measured > 700e6, "memory is much of it"
    assert measured / 1.25 < expected < measured * 1.25, (measured, expected)
