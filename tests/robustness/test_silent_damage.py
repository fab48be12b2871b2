"""Damage that decoding alone does not show: flipped bits, weights of NaN, cut movies."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from colour_stub import ColourStub
from moving_squares import write_video
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from strangers import METADATA, write_checkpoint

from vostool.core.errors import CheckpointError, DataError
from vostool.core.types import MaskEncoding, ObjectIds
from vostool.ensembling.folder_members import FolderMembers
from vostool.ensembling.method import Needs
from vostool.inference.engine import Member, run_video
from vostool.inference.files import VideoSource
from vostool.media.masks import encode_mask, read_mask, read_predicted_mask
from vostool.media.png_checksums import damaged_chunk
from vostool.predictions.folder import PredictionWriter
from vostool.reporting.movie import CODECS, write_movie
from vostool.stages.predict.load import load_segmenter
from vostool.training.checkpoints.averaging import average_checkpoints
from vostool.training.checkpoints.checkpoint import require_numbers


def blobs(size: tuple[int, int] = (60, 80)) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    mask[10:40, 20:50], mask[30:55, 5:30] = 1, 2
    return mask


@pytest.mark.parametrize("read", [read_mask, read_predicted_mask])
def test_a_flipped_bit_changes_no_mask_silently(tmp_path: Path, rng, read) -> None:
    path, whole = tmp_path / "0.png", encode_mask(blobs())
    for bit in rng.permutation(8 * len(whole))[:400]:
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(data))
        with pytest.raises(DataError, match=r"0\.png"):
            read(path)


def test_masks_of_other_tools_are_read(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "0.png"), blobs() * 255)
    assert damaged_chunk((tmp_path / "0.png").read_bytes()) is None
    found = read_mask(tmp_path / "0.png", MaskEncoding.BINARY)
    assert np.array_equal(found, (blobs() > 0).astype(np.uint8))
    with (tmp_path / "0.png").open("ab") as file:
        file.write(b"a trailer that some tools leave")
    read_mask(tmp_path / "0.png", MaskEncoding.BINARY)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    path = write_checkpoint(tmp_path / "a.ckpt", METADATA)
    load_segmenter(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    weights = load_file(path)
    name = sorted(name for name, item in weights.items() if item.ndim == 4)[0]
    weights[name].view(-1)[3] = value
    save_file(weights, path, metadata=metadata)
    shown = name.removeprefix("weights.")
    with pytest.raises(CheckpointError, match=rf"NaN or infinite: {shown} \(.*a\.ckpt\)"):
        load_segmenter(path)
    with pytest.raises(CheckpointError, match="NaN or infinite"):
        average_checkpoints([path])


def test_large_weights_are_numbers(tmp_path: Path) -> None:
    """Their sum overflows; each of them is fine."""
    require_numbers({"a": torch.full((4,), 3e38), "b": torch.arange(3)}, tmp_path)
    require_numbers(
        {"a": torch.full((4,), 6e4, dtype=torch.float16), "b": torch.zeros(0)}, tmp_path
    )


class SaysNan(ColourStub):
    """A network that breaks down in its third frame."""

    def segment(self, frame, features, state):
        said = super().segment(frame, features, state)
        if frame.time >= 2:
            said.probabilities[:] = torch.nan
        return said

    def memorize(self, frame, features, probabilities, state, fates):
        if frame.time < 2:
            super().memorize(frame, features, probabilities, state, fates)


def test_a_member_that_says_nan_is_named(tmp_path: Path) -> None:
    video, _ = write_video(tmp_path, "v", 5)
    members = [Member(ColourStub(), name="good"), Member(SaysNan(), name="bad")]
    results = run_video(VideoSource(video, video.frame_names), members)
    with pytest.raises(DataError, match=r"says NaN: bad every:\d+ \(v, frame 00002\)"):
        list(results)


def test_stored_probabilities_without_any_are_refused(tmp_path: Path) -> None:
    for name in "ab":
        writer = PredictionWriter(tmp_path / name)
        writer.write_mask("v", "0", blobs())
        planes = np.stack([blobs() == value for value in range(3)]).astype(np.uint8) * 255
        if name == "b":
            planes[:, 3, 4] = 0
        writer.write_probabilities("v", "0", planes, ObjectIds((1, 2)))
    members = FolderMembers([tmp_path / "a", tmp_path / "b"])
    _, planes = members.planes("v", "0", members.ids("v"), Needs.PROBABILITIES)
    with pytest.raises(DataError, match=r"without any probability \(.*b/Probabilities/v/0\.npz\)"):
        list(planes)


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 255, (count, 96, 128, 3), np.uint8))


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("count", [1, 2, 25])
def test_whole_movies_pass(tmp_path: Path, suffix: str, count: int) -> None:
    assert write_movie(tmp_path / f"a{suffix}", noise(count), 10.0) == count


CUT = """
import sys, resource
from pathlib import Path
from vostool.core.errors import OutputError
from vostool.reporting.movie import write_movie
sys.path.insert(0, {here!r})
from test_silent_damage import noise
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    write_movie(Path({target!r}), noise(25), 10.0)
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limits of files here")
@pytest.mark.parametrize("suffix", CODECS)
def test_a_movie_that_found_no_room_is_an_error(tmp_path: Path, suffix: str) -> None:
    """A limit on the size of files fails the same writes as a full disk."""
    target = tmp_path / f"a{suffix}"
    code = CUT.format(here=str(Path(__file__).parent), target=str(target))
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, capture_output=True, text=True, env={**_paths()})
    assert "the movie is not whole: of 25 frames" in shown.stdout, shown.stderr
    assert not target.exists()


def _paths() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
