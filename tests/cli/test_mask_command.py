"""`vostool mask` as a whole; what the page does is done by a program in place of the browser."""

from __future__ import annotations

import os
import shlex
import signal
import urllib.request
import webbrowser
from pathlib import Path

import numpy as np
import pytest
from moving_squares import squares
from PIL import Image

from vostool.cli.main import main
from vostool.media.masks import encode_mask, read_mask

SIZE = (50, 82)


@pytest.fixture
def ids(tmp_path, monkeypatch) -> np.ndarray:
    """The mask of the first of three frames in frames/."""
    monkeypatch.chdir(tmp_path)
    images, masks, _ = squares(3, SIZE)
    Path("frames").mkdir()
    for t, image in enumerate(images):
        Image.fromarray(image).save(f"frames/{t + 7:03d}.png")
    return masks[0]


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(part) for part in arguments])
    return caught.value.code or 0


def post(url: str, path: str, body: bytes = b"") -> None:
    origin = url.rsplit("/", 2)[0]
    request = urllib.request.Request(url + path, body, {"Origin": origin}, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def test_it_opens_the_page_and_says_how_to_go_on(ids, monkeypatch, capfd) -> None:
    def paint(url: str) -> None:
        post(url, "masks/2.png", encode_mask(ids))
        post(url, "masks/0.png", encode_mask(ids))
        post(url, "done")

    monkeypatch.setattr(webbrowser, "open", paint)
    assert call("mask", "frames", "--out", "first.png", "--frame", "9") == 0
    assert np.array_equal(read_mask(Path("first.png")), ids)
    said = capfd.readouterr().out.splitlines()
    assert said[0].startswith("paint on http://127.0.0.1:")
    words = shlex.split(said[-1].removeprefix("next: "))
    assert words[:7] == [
        "vostool", "infer", "frames", "--mask", "007=first-007.png", "--mask", "009=first.png",
    ]  # fmt: skip
    assert "--movie" in words


def test_ctrl_c_ends_it_and_keeps_what_is_saved(ids, monkeypatch, capfd) -> None:
    def paint(url: str) -> None:
        post(url, "masks/0.png", encode_mask(ids))
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(webbrowser, "open", paint)
    assert call("mask", "frames", "--keep-open") == 130
    told = capfd.readouterr()
    assert told.err.splitlines()[-1].startswith("interrupted")
    assert "--mask 007=frames-mask.png" in told.out
    assert np.array_equal(read_mask(Path("frames-mask.png")), ids)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("nowhere.mp4", 2, "no such movie or folder"),
        ("frames --frame 10", 2, "has no frame 10"),
        ("frames --out mask.jpg", 2, "a mask is a PNG file"),
        ("frames --out old.png", 1, "the mask exists"),
        ("frames --out frames/007.png --overwrite", 2, "would lie among the frames"),
        ("old.png", 1, "image cannot be read"),
        ("text.txt", 1, "cannot be opened as a movie"),
    ],
)
def test_wrong_usage_is_one_sentence(ids, monkeypatch, capfd, arguments, code, sentence) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: os.kill(os.getpid(), signal.SIGINT))
    Path("old.png").write_text("kept")
    Path("text.txt").write_text("text")
    assert call("mask", *arguments.split()) == code
    *_, last = capfd.readouterr().err.splitlines()
    assert last.startswith("error: ") and sentence in last
    assert Path("old.png").read_text() == "kept"
