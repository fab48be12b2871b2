"""Every reader, given damaged files, answers with a value or one clear sentence: nothing raw."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_davis import write_davis
from strangers import METADATA, write_checkpoint
from test_bounds import coco_folder

from vostool.core.errors import VostoolError
from vostool.core.toml import read_toml
from vostool.core.types import ObjectIds
from vostool.datasets import youtube_vos
from vostool.datasets.davis import names_in_list
from vostool.datasets.selection import Selection
from vostool.datasets.stills import coco
from vostool.media.images import read_image
from vostool.media.masks import read_mask, write_mask
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.predictions.manifest import read_manifest
from vostool.training.checkpoints.checkpoint import read_checkpoint
from vostool.training.checkpoints.run_folder import RunFolder

FEW, MANY = 40, 400
Reader = tuple[Path, Callable[[], Any]]


def mask(root: Path) -> Reader:
    write_mask(root / "0.png", np.eye(20, dtype=np.uint8))
    return root / "0.png", lambda: read_mask(root / "0.png")


def frame(root: Path) -> Reader:
    write_davis(root)
    path = next((root / "JPEGImages").rglob("*.jpg"))
    return path, lambda: read_image(path)


def image_set(root: Path) -> Reader:
    write_davis(root)
    path = root / "ImageSets" / "2016" / "val.txt"
    names_in_list(path)
    return path, lambda: Selection("davis2016", root, "val").load()


def manifest(root: Path) -> Reader:
    text = {"command": "infer", "settings": {"a": [1]}, "videos": {"a": {"status": "finished"}}}
    (root / "run.json").write_text(json.dumps(text))
    return root / "run.json", lambda: read_manifest(root)


def probabilities(root: Path) -> Reader:
    writer = PredictionWriter(root)
    writer.write_mask("v", "0", np.zeros((8, 9), np.uint8))
    writer.write_probabilities("v", "0", np.ones((2, 8, 9), np.uint8), ObjectIds((1,)))
    path = writer.probabilities_path("v", "0")
    return path, lambda: PredictionFolder(root).probabilities("v", "0")


def checkpoint(root: Path) -> Reader:
    path = write_checkpoint(root / "a.ckpt", METADATA)
    return path, lambda: read_checkpoint(path)


def listing(root: Path) -> Reader:
    entry = {"file": "iteration-00000001.ckpt", "iteration": 1, "metrics": {"j": 0.5}}
    (root / "checkpoints.json").write_text(json.dumps([entry]))
    return root / "checkpoints.json", lambda: RunFolder(root).entries()


def instances(root: Path) -> Reader:
    coco_folder(root, [[1, 1, 6, 1, 6, 6, 1, 6]])
    path = root / "annotations" / "instances_train.json"
    return path, lambda: [still.mask() for still in coco.SPEC.load(root)]


def meta(root: Path) -> Reader:
    for kind in ("JPEGImages", "Annotations"):
        (root / "train" / kind / "v").mkdir(parents=True)
    write_mask(root / "train" / "JPEGImages" / "v" / "0.png", np.ones((8, 8), np.uint8))
    write_mask(root / "train" / "Annotations" / "v" / "0.png", np.ones((8, 8), np.uint8))
    path = root / "train" / "meta.json"
    objects = {"1": {"category": "x", "frames": ["0"]}}
    path.write_text(json.dumps({"videos": {"v": {"objects": objects}}}))
    return path, lambda: youtube_vos.load(root, "train")


def table(root: Path) -> Reader:
    (root / "a.toml").write_text('a = 1\n[b]\nc = "text"\nd = [1, 2.5, true]\n')
    return root / "a.toml", lambda: read_toml(root / "a.toml")


READERS = [
    mask, frame, image_set, manifest, probabilities, checkpoint, listing, instances, meta, table,
]  # fmt: skip


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Flipped bits, a cut, a repeated or inserted piece, or another number or text."""
    out = bytearray(data)
    place = int(rng.integers(len(out)))
    match int(rng.integers(5)):
        case 0:
            for position in rng.integers(len(out), size=int(rng.integers(1, 4))):
                out[position] ^= 1 << int(rng.integers(8))
        case 1:
            del out[place:]
        case 2:
            out[place:place] = out[place // 2 : place]
        case 3:
            out[place : place + 4] = rng.bytes(4)
        case _:
            strange = [b"null", b"-1", b"1e999", b"9" * 40, b"[[", b'"x"', b"NaN", b"\xff", b"{}"]
            out[place : place + int(rng.integers(3))] = strange[int(rng.integers(len(strange)))]
    return bytes(out)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_nothing_raw(tmp_path: Path, reader: Callable[[Path], Reader], count: int) -> None:
    path, read = reader(tmp_path)
    read()
    whole, rng, raw = path.read_bytes(), np.random.default_rng(count), []
    for _ in range(count):
        path.write_bytes(mutated(whole, rng))
        try:
            read()
        except VostoolError as error:
            if "\n" in str(error):
                raw.append(f"two lines: {error}")
        except Exception as error:
            raw.append(f"{type(error).__name__}: {error}")
    assert raw == []
