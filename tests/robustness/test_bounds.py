"""Sizes that a file claims are judged before memory is asked for."""

from __future__ import annotations

import gzip
import json
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vostool.core.errors import DataError
from vostool.core.types import ObjectIds
from vostool.datasets.stills import coco
from vostool.downloads.extraction import BadArchive, extract
from vostool.media.masks import encode_mask
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.submission.mask_check import opened, usable_entries
from vostool.submission.problems import Problems

MEGABYTE = 1 << 20


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """What Python and numpy ask for at once, inside the block."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MEGABYTE
    finally:
        tracemalloc.stop()


def coco_folder(root: Path, segmentation: object, size: object = (8, 8)) -> Path:
    (root / "annotations").mkdir()
    (root / "train").mkdir()
    Image.new("RGB", (8, 8)).save(root / "train" / "a.jpg")
    height, width = size
    image = {"id": 1, "file_name": "a.jpg", "height": height, "width": width}
    annotation = {"image_id": 1, "iscrowd": 0, "segmentation": segmentation}
    value = {"images": [image], "annotations": [annotation]}
    (root / "annotations" / "instances_train.json").write_text(json.dumps(value))
    return root


def draw(root: Path) -> np.ndarray:
    (still,) = coco.SPEC.load(root)
    return still.mask()


def test_honest_shapes_are_drawn(tmp_path: Path) -> None:
    assert draw(coco_folder(tmp_path, [[1, 1, 6, 1, 6, 6, 1, 6]])).sum() > 16


SHAPES = {
    "nan": [[float("nan"), 1, 6, 1, 6, 6]],
    "infinite": [[float("inf"), 1, 6, 1, 6, 6]],
    "1e9": [[1e9, 1, 6, 1, 6, 6]],
    "1e300": [[1e300, 1, 6, 1, 6, 6]],
    "-1e9": [[0, 0, 6, -1e9, 6, 6]],
    "long runs": {"size": [8, 8], "counts": [4_000_000_000, 4_000_000_000]},
    "negative runs": {"size": [8, 8], "counts": [-64, 128]},
    "large size": {"size": [100_000, 100_000], "counts": [10_000_000_000]},
    "text": [["a", "b", "c", "d", "e", "f"]],
    "nested": [[[1, 2], [3, 4], [5, 6]]],
    "text runs": {"size": [8, 8], "counts": "~~~~~~~~~~~~~"},
    "no runs": {"size": [8, 8]},
    "size of texts": {"size": ["a", "b"], "counts": [64]},
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_beyond_their_image_are_a_sentence(tmp_path: Path, name: str) -> None:
    root = coco_folder(tmp_path, SHAPES[name])
    with at_most(5), pytest.raises(DataError, match=r"instances_train\.json"):
        draw(root)


SIZES = [(10**9, 10**9), (0, 8), (-8, -8), ("8", "8"), (8.5, 8), (None, 8), ([8], 8)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sizes_that_are_no_images_are_a_sentence(tmp_path: Path, size: object) -> None:
    root = coco_folder(tmp_path, [[1, 1, 6, 1, 6, 6]], size)
    with at_most(5), pytest.raises(DataError, match=r"not the size of an image.*instances_train"):
        draw(root)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_submissions_are_stored_or_deflated(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as handle:
        handle.writestr("v/0.png", bytes(50 * MEGABYTE))
        handle.writestr("v/1.png", b"x", zipfile.ZIP_DEFLATED)
    problems = Problems()
    with opened(tmp_path / "a.zip", problems) as handle, at_most(5):
        assert handle is not None
        assert list(usable_entries(handle, problems)) == ["v/1.png"]
    assert any("v/0.png" in line and "neither stored nor" in line for line in problems.lines())


def write_planes(root: Path, shape: tuple[int, ...], method: int = zipfile.ZIP_DEFLATED) -> None:
    writer = PredictionWriter(root)
    writer.write_mask("v", "0", np.zeros((8, 9), np.uint8))
    writer.write_probabilities("v", "0", np.zeros((2, 8, 9), np.uint8), ObjectIds((1,)))
    path = writer.probabilities_path("v", "0")
    with zipfile.ZipFile(path) as old:
        ids = old.read("ids.npy")
    with zipfile.ZipFile(path, "w", method) as handle:
        handle.writestr("ids.npy", ids)
        with handle.open("planes.npy", "w", force_zip64=True) as out:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            for _ in range(0, min(int(np.prod(shape)), 60 * MEGABYTE), MEGABYTE):
                out.write(bytes(MEGABYTE))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("shape", [(2, 7000, 8000), (255, 8000, 8000), (2, 8, 10), (2, -8, -9)])
def test_planes_have_the_size_of_the_mask(tmp_path: Path, shape, method: int) -> None:
    write_planes(tmp_path, shape, method)
    with at_most(5), pytest.raises(DataError, match=r"probabilities cannot be read.*0\.npz"):
        PredictionFolder(tmp_path).probabilities("v", "0")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_tar_header_of_any_size_is_not_read(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("notes")
    header.type, header.size = kind, 200 * MEGABYTE
    with gzip.open(tmp_path / "a.tgz", "wb", compresslevel=1) as out:
        out.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(200):
            out.write(bytes(MEGABYTE))
    with at_most(60), pytest.raises(BadArchive, match=r"a header of 209,715,200 bytes.*a\.tgz"):
        extract(tmp_path / "a.tgz", tmp_path / "out")


def test_long_names_are_extracted(tmp_path: Path) -> None:
    name = "/".join(["folder" * 10] * 4) + "/ä.bin"
    (tmp_path / "a.bin").write_bytes(b"content")
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / f"{kind}.tar", "w", format=kind) as handle:
            handle.add(tmp_path / "a.bin", name)
        assert extract(tmp_path / f"{kind}.tar", tmp_path / str(kind)) == {name: 7}


def test_a_mask_is_encoded_as_before() -> None:
    assert encode_mask(np.zeros((2, 2), np.uint8)).startswith(b"\x89PNG\r\n\x1a\n")
