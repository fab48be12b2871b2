"""Palette masks: indices exactly, dirty input explained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from vostool.core.errors import DataError
from vostool.core.types import MaskEncoding
from vostool.media.masks import DAVIS_PALETTE, encode_mask, read_mask, write_mask

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)


def naive_colour(index: int) -> tuple[int, int, int]:
    """PASCAL VOC colour map by its definition: bits of the index, three by three."""
    red = green = blue = 0
    for shift in range(7, -1, -1):
        red |= (index & 1) << shift
        green |= (index >> 1 & 1) << shift
        blue |= (index >> 2 & 1) << shift
        index >>= 3
    return red, green, blue


def test_palette_is_the_known_one() -> None:
    assert [tuple(c) for c in DAVIS_PALETTE.tolist()] == [naive_colour(i) for i in range(256)]
    assert DAVIS_PALETTE[[1, 2, 9]].tolist() == [[128, 0, 0], [0, 128, 0], [192, 0, 0]]


@settings(max_examples=30, deadline=None)
@given(ids=arrays(np.uint8, SHAPES, elements=st.integers(0, 255)))
def test_round_trip_keeps_indices(
    ids: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("masks") / "a.png"
    write_mask(path, ids)
    with Image.open(path) as image:  # an independent reader
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), ids)
        assert image.getpalette() == DAVIS_PALETTE.ravel().tolist()
    np.testing.assert_array_equal(read_mask(path), np.where(ids == 255, 0, ids))
    np.testing.assert_array_equal(read_mask(path, MaskEncoding.BINARY), ids > 0)


def test_equal_masks_have_equal_bytes(rng: np.random.Generator) -> None:
    ids = rng.integers(0, 4, (48, 64), np.uint8)
    assert encode_mask(ids) == encode_mask(np.asfortranarray(ids))


@pytest.mark.parametrize(
    "ids", [np.zeros((4, 4), np.int64), np.zeros((4, 4, 1), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_other_arrays_are_refused_and_nothing_is_written(ids: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mask"):
        write_mask(tmp_path / "a.png", ids)
    assert not list(tmp_path.iterdir())


IDS = np.array([[0, 1, 2], [2, 0, 21]], np.uint8)
BINARY = np.array([[0, 255, 255], [0, 0, 255]], np.uint8)


def save(path: Path, array: np.ndarray, mode: str | None = None, **options) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def test_grey_with_ids(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_mask(save(tmp_path / "a.png", IDS)), IDS)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "b.png", IDS, "LA")), IDS)
    wide = IDS.astype(np.uint16)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "c.png", wide)), IDS)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "1"])
def test_black_and_white_as_binary(tmp_path: Path, mode: str) -> None:
    path = save(tmp_path / "a.png", BINARY, mode)
    np.testing.assert_array_equal(read_mask(path, MaskEncoding.BINARY), BINARY // 255)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palette_of_fewer_bits(tmp_path: Path, bits: int) -> None:
    ids = (np.arange(12).reshape(3, 4) % 2**bits).astype(np.uint8)
    image = Image.fromarray(ids, "L")
    image.putpalette(DAVIS_PALETTE.ravel().tolist())
    image.save(tmp_path / "a.png", bits=bits)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), ids)


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_fewer_bits(tmp_path: Path, bits: int) -> None:
    # Written by hand, as no library at hand writes such files: one row of all values.
    import struct
    import zlib

    ids = np.arange(2**bits, dtype=np.uint8)
    packed = np.packbits(((ids[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", len(ids), 1, bits, 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" + packed.tobytes()))
        + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), ids[None])


def test_rgb_in_palette_colours_is_translated(tmp_path: Path) -> None:
    colours = DAVIS_PALETTE[IDS]
    np.testing.assert_array_equal(read_mask(save(tmp_path / "a.png", colours)), IDS)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "b.png", colours, "RGBA")), IDS)
    rounded = np.where(colours == 192, 191, colours)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "c.png", rounded)), IDS)


def test_rgb_in_other_colours_names_them(tmp_path: Path) -> None:
    colours = DAVIS_PALETTE[IDS].copy()
    colours[0, 0] = (3, 2, 1)  # as anti-aliasing does
    with pytest.raises(DataError, match=r"\(3, 2, 1\).*a.png.*palette PNG"):
        read_mask(save(tmp_path / "a.png", colours))


def test_large_16_bit_values_and_jpeg_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="value 300"):
        read_mask(save(tmp_path / "a.png", np.full((2, 2), 300, np.uint16)))
    with pytest.raises(DataError, match="JPEG"):
        read_mask(save(tmp_path / "a.jpg", IDS))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_truncated_mask_is_named(tmp_path: Path, rng: np.random.Generator, share: float) -> None:
    data = encode_mask(rng.integers(0, 200, (40, 40), np.uint8))
    (tmp_path / "short.png").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"short\.png"):
        read_mask(tmp_path / "short.png")


def test_real_masks(shared_data: Path) -> None:
    odd = read_mask(shared_data / "DAVIS/odd-mode-LA-mask.png", MaskEncoding.BINARY)
    assert set(np.unique(odd)) == {0, 1}
    path = shared_data / "cutie-examples/masks/bike/00000.png"
    np.testing.assert_array_equal(read_mask(path), np.asarray(Image.open(path)))
