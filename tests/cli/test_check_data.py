"""`vostool check-data`: what is there and what is wrong, in a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vostool.cli.main import main
from vostool.media.masks import write_mask

NAMES = ["00000", "00005", "00010"]


def mask_of(*ids: int) -> np.ndarray:
    mask = np.zeros((12, 16), np.uint8)
    for position, value in enumerate(ids):
        mask[2:5, 4 * position : 4 * position + 3] = value
    return mask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two videos in the YouTube-VOS layout; in 'late' object 3 starts in the second frame."""
    videos = {
        "late": {"1": {"frames": NAMES}, "3": {"frames": NAMES[1:]}},
        "plain": {"1": {"frames": NAMES}},
    }
    for video, objects in videos.items():
        for number, name in enumerate(NAMES):
            folder = tmp_path / "valid/JPEGImages" / video
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((12, 16, 3), 90, np.uint8)).save(folder / f"{name}.jpg")
            there = [int(key) for key in objects if key == "1" or number]
            write_mask(tmp_path / f"valid/Annotations/{video}/{name}.png", mask_of(*there))
    write_meta(tmp_path, videos)
    return tmp_path


def write_meta(root: Path, videos: dict[str, dict[str, dict[str, list[str]]]]) -> None:
    value = {"videos": {name: {"objects": objects} for name, objects in videos.items()}}
    (root / "valid/meta.json").write_text(json.dumps(value))


def check(root: Path, *more: str) -> int:
    arguments = ["check-data", "--root", str(root), "--quiet", *more]
    if "--stills" not in more:
        arguments += ["--dataset", "youtubevos2019", "--split", "valid"]
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return int(stop.value.code or 0)


@pytest.mark.parametrize("mode", [[], ["--quick"]])
def test_sound_data(root: Path, capsys: pytest.CaptureFixture[str], mode: list[str]) -> None:
    assert check(root, *mode) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["late", "3", "3", "2", "1", "12", "x", "16", "PNG", "P", "0"] in rows
    assert ["plain", "3", "3", "1", "0", "12", "x", "16", "PNG", "P", "0"] in rows
    assert ["all", "2", "6", "6", "3", "1", "12", "x", "16", "PNG", "P", "0"] in rows


def shorten(root: Path) -> None:
    path = root / "valid/JPEGImages/plain/00005.jpg"
    path.write_bytes(path.read_bytes()[:-3])


def empty_image(root: Path) -> None:
    (root / "valid/JPEGImages/plain/00005.jpg").write_bytes(b"")


def other_size(root: Path) -> None:
    write_mask(root / "valid/Annotations/plain/00005.png", np.zeros((9, 9), np.uint8))


def unknown_colours(root: Path) -> None:
    path = root / "valid/Annotations/plain/00000.png"
    Image.fromarray(np.full((12, 16, 3), 7, np.uint8)).save(path)


def empty_first(root: Path) -> None:
    write_mask(root / "valid/Annotations/plain/00000.png", mask_of())


def absent_frame(root: Path) -> None:
    write_meta(root, {"plain": {"1": {"frames": [*NAMES, "00777"]}}})


def absent_object(root: Path) -> None:
    write_meta(root, {"plain": {"1": {"frames": NAMES}, "8": {"frames": NAMES}}})


def absent_video(root: Path) -> None:
    write_meta(root, {"plain": {"1": {"frames": NAMES}}, "gone": {"1": {"frames": NAMES}}})


@pytest.mark.parametrize(
    ("damage", "words", "quick_sees_it"),
    [
        (shorten, ["truncated", "plain/00005.jpg"], False),
        (empty_image, ["the file is empty", "plain/00005.jpg"], True),
        (other_size, ["9 x 9", "12 x 16", "plain/00005.png"], True),
        (unknown_colours, ["(7, 7, 7)", "plain/00000.png"], True),
        (empty_first, ["first mask is empty", "plain/00000.png"], True),
        (absent_frame, ["00777", "object 1 of video plain", "meta.json"], True),
        (absent_object, ["object 8 of video plain", "meta.json"], True),
        (absent_video, ["video gone", "no frames"], True),
    ],
)
def test_faults_are_named(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    words: list[str],
    quick_sees_it: bool,
) -> None:
    damage(root)
    assert check(root) == 1
    output = capsys.readouterr().out
    assert "problems: 1," in output
    for word in words:
        assert word in output
    assert check(root, "--quick") == int(quick_sees_it)


def test_odd_but_allowed_is_a_warning(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mask(root / "valid/Annotations/late/00005.png", mask_of(1))  # object 3 comes later
    write_mask(root / "valid/Annotations/plain/00005.png", mask_of(1, 77))
    assert check(root) == 0
    output = capsys.readouterr().out
    assert "object 3 of video late has no pixel in frame 00005" in output
    assert "ids that are not listed as objects: 77" in output
    assert "problems: 0, warnings: 2" in output


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.full((12, 16, 3), 90, np.uint8)).save(tmp_path / f"images/{name}.jpg")
        write_mask(tmp_path / f"masks/{name}.png", mask_of(1, 2))
    return tmp_path


def test_stills(stills: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(stills, "--stills", "image-folder") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["all", "2", "2", "2", "4", "0", "12", "x", "16", "0"] in rows
    (stills / "masks/b.png").write_bytes(b"nonsense")
    assert check(stills, "--stills", "image-folder") == 1
    assert "masks/b.png" in capsys.readouterr().out
    assert check(stills, "--stills", "image-folder", "--quick") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--dataset", "davis2017"],
        ["--stills", "voc", "--dataset", "davis2017"],
        ["--stills", "nonsense"],
        ["--dataset", "nonsense", "--split", "val"],
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["check-data", "--root", str(tmp_path), *arguments])
    assert stop.value.code == 2


def test_real_data(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(shared_data / "BMS26", "--quick") == 0
    output = capsys.readouterr().out
    assert "problems: 0," in output
    row = next(line.split() for line in output.splitlines() if line.split()[:1] == ["marple8"])
    assert row[1:5] == ["72", "7", "2", "1"]
