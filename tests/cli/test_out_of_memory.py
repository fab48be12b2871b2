"""Memory that really runs out, in a process whose address space is limited."""

from __future__ import annotations

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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits of Linux")
def test_what_is_finished_is_kept_and_one_sentence_tells_what_to_do(tmp_path: Path) -> None:
    root, out = tmp_path / "data", tmp_path / "out"
    for name, size in (("a", (64, 96)), ("b", (1600, 2400))):
        video, _ = write_video(tmp_path / "made", name, 3, size=size)
        for folder in ("JPEGImages", "Annotations"):
            (root / folder / name).mkdir(parents=True)
        for frame in video.frames:
            frame.image.rename(root / "JPEGImages" / name / frame.image.name)
            if frame.annotation is not None:
                frame.annotation.rename(root / "Annotations" / name / frame.annotation.name)
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
