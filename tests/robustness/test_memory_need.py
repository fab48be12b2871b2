"""Sizes that no machine has memory for: one sentence with figures, before memory is asked for."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moving_squares import write_video
from strangers import METADATA, MODEL, write_checkpoint

from vostool.core import machine_memory
from vostool.core.errors import DataError, UsageError
from vostool.core.machine_memory import in_gigabytes, require_memory, total_memory
from vostool.core.output import Output
from vostool.inference.options import InferenceSettings
from vostool.inference.propagation_options import PropagationOptions
from vostool.media.images import image_size, read_image
from vostool.media.masks import read_mask
from vostool.recipe import Recipe, parse_recipe
from vostool.stages.predict import frame_sizes
from vostool.stages.predict.infer import infer
from vostool.stages.train.memory_need import require_room
from vostool.stages.train.train import TrainingRun, train
from vostool.stages.train.training_data import DataFolders

QUICK = 20.0
"""Seconds, on a machine with much else to do; what is computed or allocated takes for ever."""


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < QUICK


def recipe(**changes: dict[str, Any]) -> Recipe:
    table: dict[str, Any] = {
        "name": "large",
        "description": "a test",
        "model": MODEL,
        "data": {"videos": {"video": "davis2016"}},
        "clip": {"crop": [32, 48]},
        "loop": {"iterations": 4, "batch": 1},
    }
    merged = {**table, **{key: {**table.get(key, {}), **value} for key, value in changes.items()}}
    return parse_recipe(merged, "large")


# A pixel of a clip takes 20 bytes: three colours of four bytes, and a label of eight.
RECIPES: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "crop": (
        {"clip": {"crop": [10**6, 10**6]}},
        r"a batch of 1 clips of 3 frames of 1,000,000 x 1,000,000 pixels needs at least 60,000 GB",
    ),
    "batch": ({"loop": {"batch": 10**9}}, r"a batch of 1,000,000,000 clips .* least 92,160 GB"),
    "frames": ({"clip": {"frames": 10**9}}, r"clips of 1,000,000,000 frames .* least 30,720 GB"),
    "channels": (
        {"model": {"key_channels": 10**9}},
        r"the network with its gradients and the optimiser's state needs at least [\d,]+ GB",
    ),
    "more than can be counted": ({"model": {"value_channels": 2**62}}, "more weights than any"),
    "trunk": (
        {"model": {"backbone_options": {"layers": [10**5] * 4}}},
        "backbone_options.layers.*less than or equal to 100",
    ),
    "many stages": ({"model": {"backbone_options": {"layers": [1] * 10**5}}}, "at most 8 items"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_that_no_machine_can_train(tmp_path: Path, name: str) -> None:
    changes, sentence = RECIPES[name]
    run = TrainingRun(Output(tmp_path / "run"), DataFolders({"videos": tmp_path}), device="cpu")
    with pytest.raises(UsageError, match=sentence):
        train(recipe(**changes), run)
    assert not (tmp_path / "run").exists()


def test_what_fits_passes_and_the_least_need_is_that_of_the_clips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need = 3 * 32 * 48 * (3 * 4 + 8)
    monkeypatch.setattr(machine_memory, "total_memory", lambda: need - 1)
    with pytest.raises(UsageError, match="a batch of 1 clips of 3 frames of 32 x 48 pixels"):
        require_room(recipe())
    monkeypatch.setattr(machine_memory, "total_memory", lambda: need)
    with pytest.raises(UsageError, match="the network with its gradients"):
        require_room(recipe())
    monkeypatch.setattr(machine_memory, "total_memory", lambda: 2**30)
    require_room(recipe())
    monkeypatch.setattr(machine_memory, "total_memory", lambda: None)
    require_room(recipe(clip={"crop": [10**6, 10**6]}))  # nobody knows


def test_frames_at_sizes_that_no_machine_holds(tmp_path: Path) -> None:
    video, _ = write_video(tmp_path, "v", 2, size=(48, 64))
    checkpoint = write_checkpoint(tmp_path / "a.ckpt", METADATA)
    settings = InferenceSettings.of({"short_side": 100_000}, device="cpu")
    with pytest.raises(UsageError, match=r"100,000 x 133,333 pixels needs at least 160 GB .*\(v\)"):
        infer([checkpoint], [video], Output(tmp_path / "out"), settings)
    assert not (tmp_path / "out").exists()


def test_views_of_one_scale_are_held_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, _ = write_video(tmp_path, "v", 2, size=(48, 64))
    options = PropagationOptions.model_validate({"views": "flip,1.0,2.0", "short_side": None})
    need = 2 * 96 * 128 * 12
    monkeypatch.setattr(machine_memory, "total_memory", lambda: need)
    frame_sizes.require_room([video], options)
    monkeypatch.setattr(machine_memory, "total_memory", lambda: need - 1)
    with pytest.raises(UsageError, match="one frame of 96 x 128 pixels"):
        frame_sizes.require_room([video], options)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("side", [60_000, 2**31 - 1])
def test_headers_of_images_that_no_machine_holds(tmp_path: Path, side: int) -> None:
    path = tmp_path / "0.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(60_000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))
    for read in (image_size, read_image, read_mask):
        with pytest.raises(DataError, match=r"64,000,000.*0\.png"):
            read(path)


def test_the_machine_says_what_it_has() -> None:
    there = total_memory()
    assert there is None or 2**28 < there < 2**50
    require_memory(2**20, "a megabyte", remedy="none")
    if there is not None:
        with pytest.raises(UsageError, match=f"and there are {in_gigabytes(there)}: buy more"):
            require_memory(there + 1, "everything", remedy="buy more")


def test_the_smallest_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [tmp_path / "none", tmp_path / "max", tmp_path / "bytes"]
    limits[1].write_text("max\n")
    limits[2].write_text("1000000\n")
    monkeypatch.setattr(machine_memory, "_CONTAINER_LIMITS", limits)
    assert total_memory() == 1_000_000
