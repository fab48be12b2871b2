"""Every command that takes long, on tiny data: how it is called, and how it is called again.

`Call.again` is what a user types after a command was killed or its disk was full: the same with
`--resume` where there is one, else with `--overwrite`, else the same.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from killing import Ended, command, in_process
from small_davis import RECIPE, write_davis
from strangers import METADATA, with_value, write_checkpoint

from vostool.core.types import MaskEncoding
from vostool.datasets.split import SplitFile, write_split
from vostool.downloads.catalogue import Archive, Source
from vostool.media.masks import read_mask
from vostool.media.rle import encode_runs
from vostool.stages.data.download import download
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data

SPLIT = "split.json"
TRAINING = """
[validation]
every = 2
data = "davis2016"
videos = ["c"]
[checkpoints]
every = 1
"""
PLAN = """
title = "A paper"
description = "a test"
paper_figure = "G"
figure = "J-Mean"
evaluate = { dataset = "davis2016", split = "val" }
inference = { precision = "fp32" }
[[row]]
name = "base"
label = "Base"
train = [{ recipe = "tiny" }]
[[row]]
name = "flip"
start = "base"
inference = { views = "flip" }
"""


@dataclass(frozen=True)
class Call:
    """A command whose results lie in one folder.

    Attributes:
        arguments: without the option that goes on; OUT stands for that folder.
        again: option that goes on.
        out: name of the output inside that folder.
        flag: option that names the output; None: it follows from the arguments.
        copied: a folder that is changed, and so is copied there first.
    """

    arguments: tuple[object, ...]
    again: str | None = "--resume"
    out: str = "out"
    flag: str | None = "--out"
    copied: Path | None = None

    def prepared(self, folder: Path) -> Path:
        """The folder of the results, made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.copied is not None:
            shutil.copytree(self.copied, folder / self.copied.name)
        return folder

    def run(self, folder: Path, *, again: bool = False, kill_at: int | None = None) -> Ended:
        """Call it in a process of its own."""
        words = [str(word).replace("OUT", str(folder)) for word in self.arguments]
        if self.flag is not None:
            words += [self.flag, str(folder / self.out)]
        if again and self.again is not None:
            words.append(self.again)
        return in_process(command, *words, watched=folder, kill_at=kill_at)


def write_world(root: Path) -> Path:
    """What the calls read."""
    write_davis(root / "davis", val="de")
    (root / "tiny.toml").write_text(
        RECIPE.replace("iterations = 1", "iterations = 4\nlog_every = 1") + TRAINING
    )
    (root / "plan.toml").write_text(PLAN)
    options = DemoDataOptions(train_videos=1, valid_videos=2, frames=3, height=64, width=96)
    make_demo_data(root / "served", options=options)
    write_split(root / SPLIT, SplitFile("davis2016", "train", 0, ("a", "b"), ("c",)))
    write_checkpoint(root / "a.ckpt", METADATA)
    write_checkpoint(root / "b.ckpt", with_value("iteration", 2))
    for name in "ab":
        _made(root, "infer", "--checkpoint", root / f"{name}.ckpt", "--save-probabilities",
              *val(root), "--out", root / name)  # fmt: skip
    _made(root, "baseline", *served(root), "--out", root / "first")
    write_proposals(root)
    _made(root, "convert", root / "a", "--to", "layered", "--out", root / "layered")
    _made(root, "train", root / "tiny.toml", *_data(root), "--out", root / "run")
    _made(root, "split", *val(root)[:4], "--folds", 3, "--out", root / "folds")
    return root


def write_proposals(root: Path) -> None:
    """The true masks of all frames, as a detector's results."""
    results = []
    for path in sorted((root / "davis" / "Annotations" / "480p").rglob("*.png")):
        code = encode_runs(read_mask(path, MaskEncoding.BINARY) > 0)
        segmentation = {"size": list(code.size), "counts": code.counts.decode("ascii")}
        name = f"{path.parent.name}/{path.stem}"
        results.append({"image_id": name, "score": 0.5, "segmentation": segmentation})
    (root / "masks.json").write_text(json.dumps(results))


def _made(root: Path, *arguments: object) -> None:
    ended = in_process(command, *arguments, watched=root / "made")
    assert ended.code == 0, ended.said


def val(root: Path) -> tuple[object, ...]:
    """The videos d and e."""
    return ("--dataset", "davis2016", "--root", root / "davis", "--split", "val")


def served(root: Path) -> tuple[object, ...]:
    """Videos of a data set that a server scores."""
    return ("--dataset", "youtubevos2019", "--root", root / "served", "--split", "valid")


def held_out(root: Path) -> tuple[object, ...]:
    """The video c of the split file."""
    return ("--dataset", "davis2016", "--root", root / "davis", "--split", f"{root / SPLIT}:val")


def _data(root: Path) -> tuple[object, ...]:
    return ("--data", f"davis2016={root / 'davis'}", "--device", "cpu", "--workers", 0)


def calls(root: Path) -> dict[str, Call]:
    """The commands by name."""
    a, b = root / "a", root / "b"
    checkpoint = ("--checkpoint", root / "a.ckpt")
    return {
        "train": Call(("train", root / "tiny.toml", *_data(root))),
        "infer": Call(("infer", *checkpoint, "--save-probabilities", *val(root))),
        "baseline": Call(("baseline", *val(root)), "--overwrite"),
        "ensemble": Call(("ensemble", a, b, "--save-probabilities")),
        "postprocess": Call(("postprocess", a, "--steps", "fill-holes", *val(root))),
        "synthesize": Call(
            (
                *("synthesize", "--images", root / "davis", "--stills", "video-frames"),
                *("--clips", 3, "--size", "32x48"),
            )
        ),
        "tune": Call(
            (
                *("tune", *checkpoint, *held_out(root)),
                *("--tta", "none", "--tta", "flip", "--steps", "fill-holes"),
            ),
            out="tuned.toml",
        ),
        "ablate": Call(("ablate", root / "plan.toml", *_data(root))),
        "select": Call(
            ("select", "OUT/run", *_data(root)[:4], "--last", 2),
            None,
            flag=None,
            copied=root / "run",
        ),
        "fit-ensemble": Call(
            ("fit-ensemble", a, b, *val(root), "--folds", 0, "--set", "iterations=3"),
            "--overwrite",
            out="fused.safetensors",
        ),
        "cross-validate": Call(
            ("cross-validate", root / "tiny.toml", "--folds", root / "folds", *_data(root))
        ),
        "explain": Call(("explain", *checkpoint, *val(root), "--video", "d"), "--overwrite"),
        "demo": Call(("demo", "--quick")),
        "propose": Call(
            ("propose", "--source", "coco", "--file", root / "masks.json", *val(root)),
            "--overwrite",
            out="proposals.json",
        ),
        "split": Call(("split", *val(root)[:4], "--holdout", 1), "--overwrite", out="split.json"),
        "evaluate": Call(
            ("evaluate", a, *val(root), "--csv", "OUT/objects.csv"),
            None,
            out="scores.json",
            flag="--json",
        ),
        "report": Call(("report", a, b, *val(root)), "--overwrite"),
        "export-overlay": Call(("export-overlay", a, *val(root)), "--overwrite"),
        "export-overlay-movie": Call(
            ("export-overlay", a, *val(root), "--video", "d"), "--overwrite", out="d.avi"
        ),
        "package-submission": Call(
            ("package-submission", root / "first", *served(root)),
            "--overwrite",
            out="submission.zip",
        ),
        "import": Call(("import", a / "Annotations", *val(root)), "--overwrite"),
        "export": Call(("export", a), "--overwrite"),
        "export-rle": Call(("export", a, "--as", "rle"), "--overwrite", out="masks.json"),
        "convert": Call(("convert", root / "layered", "--to", "flat"), "--overwrite"),
    }


def download_all(port: int, root: Path) -> None:
    """Download a data set of one archive from this machine."""
    archive = Archive("videos.zip", (f"http://127.0.0.1:{port}/videos.zip",))
    source = Source("one", "title", "https://example.org", "licence", (archive,))
    download(["one"], root, sources=[source], unverified=True)
