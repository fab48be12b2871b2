"""`vostool infer clip.avi --mask first.png`, and the commands that go on with what it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from moving_squares import COLOURS, squares
from PIL import Image

from vostool.cli.main import main
from vostool.core.errors import DataError
from vostool.datasets.catalogue import given_mask, load_videos
from vostool.media import movie as movie_files
from vostool.media.masks import DAVIS_PALETTE, write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict.own_video import own_video

SIZE, FRAMES, RATE = (48, 80), 6, 15.0
NETWORK = """
from colour_stub import ColourStub
from pydantic import BaseModel

class Config(BaseModel):
    pass

def build(config):
    return ColourStub()
"""


@pytest.fixture
def truth(tmp_path, monkeypatch) -> list[np.ndarray]:
    """Ids 2 and 7 in each frame; the current folder holds clip.avi, frames/ and first.png."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toys").mkdir()
    Path("toys/colours.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    images, masks, given = squares(FRAMES, SIZE)
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter("clip.avi", code, RATE, (SIZE[1], SIZE[0]))
    Path("frames").mkdir()
    for t, image in enumerate(images):
        writer.write(np.ascontiguousarray(image[..., ::-1]))
        cv2.imwrite(f"frames/{t + 1:04d}.png", image[..., ::-1])
    writer.release()
    write_mask(Path("first.png"), given[0])
    return masks


def call(*arguments: object) -> int:
    """Exit code of a command."""
    with pytest.raises(SystemExit) as caught:
        main([str(part) for part in arguments])
    return caught.value.code or 0


def infer(source: str, *more: object) -> int:
    return call("infer", source, "--network", "toys.colours", "--precision", "fp32", *more)


def overlap(found: np.ndarray, wanted: np.ndarray) -> float:
    """Jaccard index of all objects together."""
    return ((found == wanted) & (wanted > 0)).sum() / ((found > 0) | (wanted > 0)).sum()


def test_one_line_from_a_movie_to_a_movie(truth, capsys) -> None:
    more = ("--mask", "first.png", "--out", "preds/clip", "--movie", "drawn.avi")
    assert infer("clip.avi", *more) == 0
    told = capsys.readouterr().err.splitlines()[0]
    assert told == ("clip.avi: 6 frames of 48 x 80; masks of frame 00000 (first.png: objects 2, 7)")
    folder = PredictionFolder(Path("preds/clip"))
    assert folder.frames("clip") == tuple(f"{t:05d}" for t in range(FRAMES))
    assert np.array_equal(folder.mask("clip", "00000"), truth[0])
    assert all(overlap(folder.mask("clip", f"{t:05d}"), truth[t]) > 0.8 for t in range(FRAMES))
    drawn = cv2.VideoCapture("drawn.avi")
    assert drawn.get(cv2.CAP_PROP_FPS) == RATE
    frames = [drawn.read()[1] for _ in range(FRAMES)]
    assert not drawn.read()[0]
    inside = frames[0][7:13, 8:14, ::-1].mean((0, 1))
    blend = 0.55 * np.array(COLOURS[2]) + 0.45 * DAVIS_PALETTE[2]
    assert np.abs(inside - blend).max() < 12


def test_other_commands_know_the_video(truth, tmp_path, monkeypatch, capsys) -> None:
    assert infer("clip.avi", "--mask", "first.png", "--out", "preds/clip") == 0
    for t, mask in enumerate(truth):
        write_mask(Path(f"true/clip/{t:05d}.png"), mask)
    # A project that is moved as a whole stays right.
    shutil.copytree(tmp_path, tmp_path.parent / "moved")
    monkeypatch.chdir(tmp_path.parent / "moved")
    Path(tmp_path / "clip.avi").unlink()
    assert call("postprocess", "preds/clip", "--steps", "drop-small", "--out", "preds/final") == 0
    for command in (
        "export-overlay preds/final --out again.avi",
        "report preds/final --out page",
        "evaluate preds/final --gt true",
        "infer --dataset own --root preds/clip/video.json --network toys.colours --out preds/two",
    ):
        assert call(*command.split()) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert call("evaluate", "preds/final") == 1
    assert "--gt" in capsys.readouterr().err
    Path("clip.avi").rename("gone.avi")
    assert call("export-overlay", "preds/final", "--out", "x.avi") == 1
    assert "the video is no longer in" in capsys.readouterr().err


def test_a_mask_of_a_later_frame(truth, capsys) -> None:
    write_mask(Path("late.png"), truth[3])
    assert infer("clip.avi", "--mask", "3=late.png", "--out", "out") == 0
    assert "frames before 00003 stay empty" in capsys.readouterr().err
    folder = PredictionFolder(Path("out"))
    masks = [folder.mask("clip", f"{t:05d}") for t in range(FRAMES)]
    assert not np.any(masks[:3])
    assert np.array_equal(masks[3], truth[3])
    assert overlap(masks[5], truth[5]) > 0.8


def test_two_masks_and_an_object_that_is_given_twice(truth, capsys) -> None:
    one, both = np.where(truth[0] == 2, 2, 0).astype(np.uint8), truth[2]
    write_mask(Path("first.png"), one)
    write_mask(Path("00002.png"), both)
    chosen = own_video(Path("clip.avi"), ["00002.png", "first.png"], Path("out"))
    (video,) = chosen.load()
    assert [(item.id, item.first_frame) for item in video.objects] == [(2, "00000"), (7, "00002")]
    assert np.array_equal(given_mask(video, "00000"), one)
    assert np.array_equal(given_mask(video, "00002"), np.where(both == 7, 7, 0))
    assert infer("clip.avi", "--mask", "first.png", "--mask", "00002.png", "--out", "out") == 0
    assert "warning: object 2 is given in an earlier frame" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mask", "frame"),
    [
        ("frames/mask.png", "0001"),
        ("4=frames/mask.png", "0004"),
        ("0004=frames/mask.png", "0004"),
        ("frames/3.png", "0003"),
    ],
)
def test_a_folder_of_png_frames_that_holds_its_mask(truth, mask, frame) -> None:
    file = Path(mask.rpartition("=")[2])
    write_mask(file, truth[0])
    chosen = own_video(Path("frames"), [mask], Path("out"))
    assert chosen.footage.names == tuple(f"{t:04d}" for t in range(1, FRAMES + 1))
    assert [given.frame for given in chosen.given] == [frame]
    (video,) = load_videos("own", chosen.describe().root, "all")
    assert video.frame_names == chosen.footage.names
    assert np.array_equal(given_mask(video, frame), truth[0])


def test_jpeg_frames_with_masks_of_their_names_beside(truth) -> None:
    for file in sorted(Path("frames").iterdir()):
        Image.open(file).save(file.with_suffix(".jpg"))
        write_mask(file, truth[0])
    (video,) = own_video(Path("frames"), ["frames/0001.png"], Path("out")).load()
    assert {frame.image.suffix for frame in video.frames} == {".jpg"}
    assert len(video.frames) == FRAMES


def test_an_animated_picture_is_a_movie_and_a_single_one_is_not(truth) -> None:
    pages = [Image.open(file) for file in sorted(Path("frames").iterdir())]
    pages[0].save("clip.gif", save_all=True, append_images=pages[1:], duration=100)
    (video,) = own_video(Path("clip.gif"), ["first.png"], Path("out")).load()
    assert len(video.frames) == FRAMES
    with pytest.raises(DataError, match="a single picture"):
        own_video(Path("frames/0001.png"), ["first.png"], Path("out"))


def test_masks_of_any_kind(truth) -> None:
    """Palette, grey ids, the palette's colours; 0 and 255 are one object."""
    ids = truth[0]
    white = np.where(ids > 0, 255, 0).astype(np.uint8)
    Image.fromarray(ids).save("grey.png")
    Image.fromarray(DAVIS_PALETTE[ids]).save("rgb.png")
    Image.fromarray(white).save("white.png")
    Image.fromarray(white).convert("RGB").save("white-rgb.png")
    for name in ("first", "grey", "rgb"):
        (given,) = own_video(Path("clip.avi"), [f"{name}.png"], Path("out")).given
        assert np.array_equal(given.ids, ids), name
    for name in ("white", "white-rgb"):
        (given,) = own_video(Path("clip.avi"), [f"{name}.png"], Path("out")).given
        assert np.array_equal(given.ids, ids > 0), name


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("clip.avi", 2, "no mask is given"),
        ("clip.avi --mask nowhere.png", 2, "no such mask file"),
        ("clip.avi --mask empty.png", 2, "the mask holds no object"),
        ("clip.avi --mask small.png", 1, "the mask is 24 x 40, but frame 00000"),
        ("clip.avi --mask photo.png", 1, "the mask holds values or colours that stand for no"),
        ("clip.avi --mask 6=first.png", 2, "clip.avi has no frame 6"),
        ("clip.avi --mask first.png --mask 0=small.png", 1, "24 x 40"),
        ("clip.avi --mask first.png --mask 0=first.png", 2, "two masks are of frame 00000"),
        ("clip.avi --mask first.png --dataset davis2017", 2, "cannot be given together"),
        ("clip.avi --mask first.png --video clip", 2, "cannot be given together"),
        ("--mask first.png --dataset davis2017", 2, "--mask goes with a video of your own"),
        ("--movie a.avi --dataset davis2017", 2, "--movie goes with a video of your own"),
        ("nowhere.avi --mask first.png", 2, "no such movie or folder"),
        ("first.txt --mask first.png", 1, "cannot be opened as a movie"),
        ("nothing --mask first.png", 1, "the folder holds no frames"),
        ("clip.avi --mask first.png --movie a.gif", 2, "unknown kind of movie"),
        ("clip.avi --mask first.png --movie clip.avi", 2, "would replace a file of what is read"),
        ("clip.avi --mask first.png --movie out/a.avi", 2, "would lie among the predictions"),
        ("clip.avi --mask first.png --movie old.avi", 1, "the movie exists"),
        ("frames --mask first.png --out frames/out", 2, "lies in what is read"),
    ],
)
def test_wrong_usage_is_one_sentence(truth, capfd, arguments, code, sentence) -> None:
    write_mask(Path("empty.png"), np.zeros(SIZE, np.uint8))
    write_mask(Path("small.png"), truth[0][::2, ::2])
    Image.open("frames/0001.png").resize(SIZE[::-1]).rotate(3).save("photo.png")
    for name in ("old.avi", "first.txt"):
        Path(name).write_text("kept")
    Path("nothing").mkdir()
    assert call("infer", "--network", "toys.colours", "--out", "out", *arguments.split()) == code
    *_, last = capfd.readouterr().err.splitlines()
    assert last.startswith("error: ") and sentence in last
    assert not Path("out").exists()
    assert Path("old.avi").read_text() == "kept"


def test_several_processes_are_refused(truth, monkeypatch, capsys) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert infer("clip.avi", "--mask", "first.png", "--out", "out") == 2
    assert "without torchrun" in capsys.readouterr().err


def test_resume_draws_the_movie_and_refuses_another_mask(truth, capsys) -> None:
    assert infer("clip.avi", "--mask", "first.png", "--out", "out") == 0
    again = ("--out", "out", "--resume", "--movie", "drawn.mp4")
    assert infer("clip.avi", "--mask", "first.png", *again) == 0
    assert cv2.VideoCapture("drawn.mp4").get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    write_mask(Path("other.png"), truth[1])
    capsys.readouterr()
    assert infer("clip.avi", "--mask", "other.png", *again) == 2
    assert "cannot resume with other settings: masks was" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda told: told | {"video": "nowhere.avi"}, "the video is no longer in"),
        (lambda told: told | {"masks": {}}, "no object is given"),
        (lambda told: told | {"masks": {"00099": told["masks"]["00000"]}}, "of frame 00099"),
        (lambda told: told | {"masks": {"00000": {"255": {}}}}, "255"),
        (lambda told: {"masks": told["masks"]}, "video"),
        (lambda told: [], "a table of named values"),
    ],
)
def test_a_description_that_is_wrong(truth, change, words) -> None:
    file = own_video(Path("clip.avi"), ["first.png"], Path("out")).describe().root
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(DataError, match=words):
        load_videos("own", file, "all")


def test_a_movie_is_decoded_once_where_all_its_frames_are_drawn(truth, monkeypatch) -> None:
    assert infer("clip.avi", "--mask", "first.png", "--out", "out") == 0
    opened, before = [], movie_files._open
    monkeypatch.setattr(movie_files, "_open", lambda path: opened.append(path) or before(path))
    assert call("export-overlay", "out", "--out", "drawn") == 0
    assert len(opened) <= 2  # to count the frames, and to read them
