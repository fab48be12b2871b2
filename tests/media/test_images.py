"""Images and movies against Pillow, and damaged files."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vostool.core.errors import DataError
from vostool.core.types import Frame
from vostool.media import images
from vostool.media.images import frame_size, image_size, read_frame, read_image
from vostool.media.movie import MovieReader, count_frames


@pytest.fixture
def picture(rng: np.random.Generator) -> np.ndarray:
    coarse = rng.integers(0, 256, (6, 9, 3), np.uint8)
    return cv2.resize(coarse, (90, 61), interpolation=cv2.INTER_CUBIC)


def encoded(picture: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_lossless_formats_come_back_exactly(
    picture: np.ndarray, tmp_path: Path, suffix: str
) -> None:
    Image.fromarray(picture).save(tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read, picture)
    assert read.flags.writeable
    assert image_size(tmp_path / f"a{suffix}") == (61, 90)


def test_jpeg_equals_pillow_and_keeps_channel_order(picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(picture, "JPEG"))
    expected = np.asarray(Image.open(path)).astype(int)
    assert np.abs(read_image(path).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "CMYK"])
def test_other_modes_become_rgb(picture: np.ndarray, tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(picture).convert(mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    image.save(path)
    read = read_image(path)
    expected = Image.open(path).convert("RGBA" if mode == "P" else "RGB").convert("RGB")
    np.testing.assert_array_equal(read, np.asarray(expected))


def test_an_orientation_tag_is_not_applied(picture: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (61, 90, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.9])
def test_truncated_files_are_named(
    picture: np.ndarray, tmp_path: Path, kind: str, share: float
) -> None:
    data = encoded(picture, kind)
    path = tmp_path / "broken.jpg"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"broken\.jpg.*damaged"):
        read_image(path)


def test_missing_folder_and_text_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    for name, words in (
        ("none.png", "missing"),
        ("text.png", "none of JPEG, PNG"),
        ("", "folder"),
    ):
        with pytest.raises(DataError, match=words):
            read_image(tmp_path / name)


def test_size_is_bounded_before_decoding(
    picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 61 * 90 - 1)
    path = tmp_path / "big.png"
    path.write_bytes(encoded(picture, "PNG")[:60])  # the header is enough
    with pytest.raises(DataError, match=r"61 x 90 pixels.*big.png"):
        read_image(path)


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven frames of one grey level each: 0, 30, 60, ..."""
    path = tmp_path_factory.mktemp("movie") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for level in range(7):
        writer.write(np.full((48, 64, 3), level * 30, np.uint8))
    writer.release()
    return path


def test_movie_frames_forward_and_back(movie: Path) -> None:
    assert count_frames(movie) == 7
    with MovieReader(movie) as reader:
        for index in (0, 1, 4, 6, 2, 2):
            image = reader.read(index)
            assert image.shape == (48, 64, 3)
            assert abs(float(image.mean()) - 30 * index) < 4
    frame = Frame("00005", movie, movie_index=5)
    assert abs(float(read_frame(frame).mean()) - 150) < 4
    assert frame_size(frame) == (48, 64)


def test_movie_errors(movie: Path, tmp_path: Path) -> None:
    with MovieReader(movie) as reader, pytest.raises(DataError, match="frame 7 cannot be read"):
        reader.read(7)
    with pytest.raises(DataError, match="missing"):
        MovieReader(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no movie")
    with pytest.raises(DataError, match="cannot be opened as a movie"):
        MovieReader(tmp_path / "text.mp4")


def test_real_frame_equals_pillow(shared_data: Path) -> None:
    path = shared_data / "DAVIS/JPEGImages/480p/blackswan/00000.jpg"
    expected = np.asarray(Image.open(path)).astype(int)
    assert np.abs(read_image(path).astype(int) - expected).max() <= 2
