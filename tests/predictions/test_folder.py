"""The prediction folder: round trips, other tools' layouts, damaged files, sizes."""

from __future__ import annotations

import io
import zipfile

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from vostool.core.errors import DataError
from vostool.core.types import MaskEncoding, ObjectIds
from vostool.media.masks import write_mask
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.predictions.quantise import to_uint8

IDS = ObjectIds((2, 7))


def _write(root, rng, frames=("00000", "00001")):
    writer = PredictionWriter(root)
    planes = {name: rng.integers(0, 256, (3, 6, 8)).astype(np.uint8) for name in frames}
    masks = {name: IDS.to_ids(planes[name].argmax(0)) for name in frames}
    for name in frames:
        writer.write_mask("dog", name, masks[name])
        writer.write_probabilities("dog", name, planes[name], IDS)
    return planes, masks


def test_masks_and_probabilities_round_trip(tmp_path, rng):
    planes, masks = _write(tmp_path, rng)
    folder = PredictionFolder(tmp_path)
    assert folder.videos() == ("dog",)
    assert folder.frames("dog") == ("00000", "00001")
    assert folder.has_probabilities
    assert folder.size("dog", "00000") == (6, 8)
    for name in folder.frames("dog"):
        read, ids = folder.probabilities("dog", name)
        assert np.array_equal(read, planes[name])
        assert ids == folder.probability_ids("dog", name) == IDS
        assert np.array_equal(folder.mask("dog", name), masks[name])


def test_the_container_is_plain_numpy_and_deterministic(tmp_path, rng):
    planes, _ = _write(tmp_path, rng)
    path = tmp_path / "Probabilities" / "dog" / "00000.npz"
    before = path.read_bytes()
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(archive["planes"], planes["00000"])
        assert archive["ids"].tolist() == [2, 7]
    PredictionWriter(tmp_path).write_probabilities("dog", "00000", planes["00000"], IDS)
    assert path.read_bytes() == before


@pytest.mark.parametrize("layout", ["", "Annotations", "Annotations/480p"])
def test_folders_of_other_tools(tmp_path, layout):
    place = tmp_path / layout / "dog"
    place.mkdir(parents=True)
    Image.fromarray(np.full((3, 4), 2, np.uint8)).save(place / "00000.png")
    (tmp_path / "notes.txt").write_text("hello")
    folder = PredictionFolder(tmp_path)
    assert folder.videos() == ("dog",)
    assert (folder.mask("dog", "00000") == 2).all()
    assert not folder.has_probabilities
    assert folder.manifest is None


def test_a_video_may_be_named_480p(tmp_path):
    PredictionWriter(tmp_path).write_mask("480p", "00000", np.zeros((2, 2), np.uint8))
    assert PredictionFolder(tmp_path).videos() == ("480p",)


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no such prediction folder.*absent"):
        PredictionFolder(tmp_path / "absent")
    with pytest.raises(DataError, match="no predicted masks"):
        PredictionFolder(tmp_path)


def test_finished_and_discard(tmp_path, rng):
    _write(tmp_path, rng)
    writer = PredictionWriter(tmp_path)
    assert writer.is_finished("dog", ("00000", "00001"), probabilities=True)
    assert not writer.is_finished("dog", ("00000", "00002"), probabilities=False)
    writer.probabilities_path("dog", "00001").unlink()
    assert writer.is_finished("dog", ("00000", "00001"), probabilities=False)
    assert not writer.is_finished("dog", ("00000", "00001"), probabilities=True)
    writer.discard("dog", ("00000", "00001"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_planes_must_match_ids(tmp_path):
    with pytest.raises(ValueError, match="planes must be uint8"):
        PredictionWriter(tmp_path).write_probabilities(
            "dog", "00000", np.zeros((2, 4, 4), np.uint8), IDS
        )


def _archive(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


def _lying_archive() -> bytes:
    """An archive whose header promises a plane of a terabyte."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2, 1_000_000, 1_000_000)}
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("planes.npy", header.getvalue())
        ids = io.BytesIO()
        np.save(ids, np.array([1], np.uint8))
        archive.writestr("ids.npy", ids.getvalue())
    return stream.getvalue()


BAD = {
    "not an archive": b"hello",
    "empty": b"",
    "no planes": _archive(ids=np.array([1], np.uint8)),
    "floats": _archive(ids=np.array([1], np.uint8), planes=np.zeros((2, 3, 3))),
    "pickled": _archive(ids=np.array([1], np.uint8), planes=np.array([{"a": 1}], object)),
    "count": _archive(ids=np.array([1, 2], np.uint8), planes=np.zeros((2, 3, 3), np.uint8)),
    "ids": _archive(ids=np.array([2, 1], np.uint8), planes=np.zeros((3, 3, 3), np.uint8)),
    "huge": _lying_archive(),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_bad_probability_files_are_named(tmp_path, rng, content):
    _write(tmp_path, rng)
    path = tmp_path / "Probabilities" / "dog" / "00000.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"00000\.npz"):
        PredictionFolder(tmp_path).probabilities("dog", "00000")


def test_truncated_probability_files_are_named(tmp_path, rng):
    _write(tmp_path, rng)
    path = tmp_path / "Probabilities" / "dog" / "00000.npz"
    whole = path.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"damaged"):
            PredictionFolder(tmp_path).probabilities("dog", "00000")


def test_missing_probabilities_say_how_to_get_them(tmp_path, rng):
    _write(tmp_path, rng)
    (tmp_path / "Probabilities" / "dog" / "00001.npz").unlink()
    folder = PredictionFolder(tmp_path)
    assert not folder.has_probabilities
    with pytest.raises(DataError, match="--save-probabilities"):
        folder.probabilities("dog", "00001")


def test_three_objects_of_real_frames_take_a_thirtieth_of_float32(tmp_path, shared_data):
    """Real outlines made soft as a network's stride-4 output is."""
    masks = sorted((shared_data / "DAVIS" / "Annotations" / "480p").iterdir())[:3]
    rows = np.zeros((480, 854), np.uint8)
    for row, video in enumerate(masks, start=1):
        mask = cv2.imread(str(sorted(video.glob("*.png"))[0]), cv2.IMREAD_GRAYSCALE)
        rows[cv2.resize(mask, (854, 480), interpolation=cv2.INTER_NEAREST) > 0] = row
    hot = torch.from_numpy(np.stack([rows == k for k in range(4)]).astype(np.float32))
    coarse = functional.avg_pool2d(hot[None], 4, ceil_mode=True)
    noise = torch.randn(coarse.shape, generator=torch.Generator().manual_seed(0))
    logits = coarse.clamp(1e-4, 1 - 1e-4).logit() / 2 + functional.avg_pool2d(noise, 5, 1, 2)
    soft = functional.interpolate(logits, size=(480, 854), mode="bilinear").softmax(1)[0]
    planes = to_uint8(soft)
    PredictionWriter(tmp_path).write_probabilities("v", "0", planes, ObjectIds((1, 2, 3)))
    path = tmp_path / "Probabilities" / "v" / "0.npz"
    assert ((planes > 0) & (planes < 255)).mean() > 0.02
    assert path.stat().st_size * 30 <= planes.size * 4


def test_a_mask_of_0_and_255_is_read_for_data_sets_of_one_object_only(tmp_path):
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4] = 255
    write_mask(tmp_path / "dog" / "00000.png", mask)
    folder = PredictionFolder(tmp_path)
    assert np.array_equal(folder.mask("dog", "00000", MaskEncoding.BINARY), mask // 255)
    with pytest.raises(DataError, match=r"255.*no object id.*00000\.png.*0 and 1"):
        folder.mask("dog", "00000")
