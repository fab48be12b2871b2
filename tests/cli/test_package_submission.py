"""`vostool package-submission` from the command line, on real videos where they are here."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vostool.cli.main import main
from vostool.datasets.catalogue import load_spec, load_videos
from vostool.media.images import frame_size
from vostool.media.masks import DAVIS_PALETTE, encode_mask, read_mask, write_mask


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.fixture
def real(shared_data: Path, tmp_path: Path) -> Path:
    """Predictions that repeat each object's given mask, for BMS26 in the YouTube-VOS layout."""
    for video in load_videos("youtubevos2019", shared_data / "BMS26", "valid"):
        mask, height_width = None, frame_size(video.frames[0])
        for frame in video.frames:
            if video.new_objects(frame.name) and frame.annotation is not None:
                mask = read_mask(frame.annotation)
                assert mask.shape == height_width
            if mask is not None and frame.name in video.output_frames:
                write_mask(tmp_path / f"preds/Annotations/{video.name}/{frame.name}.png", mask)
    return tmp_path / "preds"


def test_real_videos_are_packed_and_checked(capsys, real, shared_data, tmp_path):
    data = ("--dataset", "youtubevos2019", "--root", shared_data / "BMS26", "--split", "valid")
    out = tmp_path / "out.zip"
    code, text, _ = call(capsys, "package-submission", real, *data, "--out", out)
    assert code == 0
    assert "7 videos" in text
    with zipfile.ZipFile(out) as handle:
        assert all(name.startswith("Annotations/") for name in handle.namelist())
    code, text, _ = call(capsys, "check-submission", out, *data)
    assert code == 0
    assert "right for youtubevos2019 valid" in text

    check_corruptions(capsys, out, data)
    shutil.rmtree(real / "Annotations" / "cars1")
    code, text, err = call(capsys, "package-submission", real, *data, "--out", out, "--overwrite")
    assert (code, text) == (1, "")
    assert "video cars1: is missing from the predictions" in err
    assert zipfile.is_zipfile(out), "the old archive is untouched"


def check_corruptions(capsys, right: Path, data: tuple[object, ...]) -> None:
    """Spoil the real archive in ten ways; each has its own sentence."""
    with zipfile.ZipFile(right) as handle:
        files = {name: handle.read(name) for name in handle.namelist()}
    name, other = "Annotations/cars1/cars1_10.png", "Annotations/people2/people2_01.png"
    ids = read_mask_bytes(files[name])
    spoilt = {
        f"{name}: this frame is missing": {name: None},
        "Annotations/cars1/: this video is missing": dict.fromkeys(
            (key for key in files if "/cars1/" in key), None
        ),
        "__MACOSX/x: is an extra file": {"__MACOSX/x": b""},
        "Annotations/cars1/zz.png: is an extra file": {"Annotations/cars1/zz.png": files[name]},
        f"{name}: is {ids.shape[1]} x {ids.shape[0]} pixels": {
            name: encode_mask(np.ascontiguousarray(ids.T))
        },
        f"{name}: is not palette-indexed but RGB": {name: png(DAVIS_PALETTE[ids])},
        f"{name}: has the object id 99": {name: encode_mask(np.full_like(ids, 99))},
        f"{name}: is a damaged PNG": {name: files[name][:-40]},
        f"{name}: is not a PNG": {name: b"text"},
        f"../{other}: has a name that leaves": {f"../{other}": files[other]},
    }
    for sentence, change in spoilt.items():
        changed = {key: value for key, value in (files | change).items() if value is not None}
        bad = right.with_name("bad.zip")
        with zipfile.ZipFile(bad, "w") as handle:
            for key, value in changed.items():
                handle.writestr(key, value)
        code, text, _ = call(capsys, "check-submission", bad, *data, "--quiet")
        assert code == 1, sentence
        assert [line for line in text.splitlines() if sentence in line] == text.splitlines()
    assert len(spoilt) == 10


def read_mask_bytes(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_no_predictions(capsys, tmp_path):
    where = ("--dataset", "davis2017", "--root", tmp_path, "--split", "test-dev")
    out = ("--out", tmp_path / "a.zip")
    code, _, err = call(capsys, "package-submission", tmp_path / "none", *where, *out)
    assert code == 1
    assert err.startswith("error: no such prediction folder")


def test_unknown_data_set(capsys, tmp_path):
    where = ("--dataset", "davis2071", "--root", tmp_path, "--split", "test-dev")
    out = ("--out", tmp_path / "a.zip")
    code, _, err = call(capsys, "package-submission", tmp_path, *where, *out)
    assert code == 2
    assert "did you mean davis2017?" in err


def test_a_rehearsal_says_for_which_server_and_whether_that_is_still_there(capsys, tmp_path):
    rng = np.random.default_rng(0)
    for frame in ("00000", "00001", "00002"):
        image = Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8))
        for video in ("ant", "bee"):
            path = tmp_path / "mose/train/JPEGImages" / video / f"{frame}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
            mask = np.zeros((40, 60), np.uint8)
            mask[10:30, 10:40] = 1
            for root in (tmp_path / "mose/train/Annotations", tmp_path / "preds/Annotations"):
                write_mask(root / video / f"{frame}.png", mask)
    data = ("--dataset", "mose", "--root", tmp_path / "mose", "--split", "train", "--rehearse")
    out = tmp_path / "out.zip"
    code, text, err = call(capsys, "package-submission", tmp_path / "preds", *data, "--out", out)
    assert code == 0
    assert "checked for mose train, as the server takes mose valid" in text
    assert "100.00" in text
    status = load_spec("mose").submissions["valid"].server.status
    assert "takes no submissions any more" in status and f"warning: {status}\n" in err
    code, text, err = call(capsys, "check-submission", out, *data)
    assert code == 0
    assert "right for mose train, as the server takes mose valid" in text
    assert f"warning: {status}\n" in err
