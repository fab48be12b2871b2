"""`vostool synthesize`: a DAVIS-layout data set that loads, resumes and refuses mixtures."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from vostool.cli.main import main
from vostool.datasets.catalogue import load_videos
from vostool.media.images import read_image
from vostool.media.masks import read_mask, write_mask


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """Three images with saliency masks (0 and 255)."""
    root = tmp_path / "static"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for index, centre in enumerate(((40, 30), (60, 50), (50, 40))):
        mask = np.zeros((90, 110), np.uint8)
        cv2.circle(mask, centre, 22, 255, -1)
        image = np.full((90, 110, 3), 60, np.uint8)
        image[mask > 0] = (0, 80 + 60 * index, 200)
        assert cv2.imwrite(str(root / "images" / f"{index}.jpg"), image)
        assert cv2.imwrite(str(root / "masks" / f"{index}.png"), mask)
    return root


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["synthesize", "--size", "64x80", "-q", *map(str, arguments)])
    printed = capsys.readouterr()
    code = ended.value.code
    return (0 if code is None else int(code)), printed.out, printed.err


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_writes_a_davis_data_set(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pseudo"
    code, text, _ = call(capsys, "--images", stills, "--out", out, "--clips", 5, "--frames", 4)
    assert code == 0
    assert "5 clips" in text
    videos = load_videos("davis2017", out, "train")
    assert [video.name for video in videos] == [f"clip-{k:06d}" for k in range(5)]
    for video in videos:
        assert len(video.frames) == 4
        assert video.ids.values == tuple(range(1, len(video.ids) + 1))
        for frame in video.frames:
            assert frame.annotation is not None
            mask = read_mask(frame.annotation)
            assert read_image(frame.image).shape == (*mask.shape, 3) == (64, 80, 3)
            assert set(np.unique(mask)) <= {0, *video.ids}
    height, width = read_image(out / "contact-sheet.png").shape[:2]
    assert (height, width) == (5 * 160, 8 * 200)


def test_masks_in_another_folder_and_a_seed_decide_everything(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(name: str, *more: object) -> dict[str, bytes]:
        out = tmp_path / name
        assert call(capsys, "--clips", 3, "--out", out, *more)[0] == 0
        return contents(out)

    folders = ("--images", stills / "images", "--masks", stills / "masks")
    one, two = make("one", "--images", stills), make("two", *folders)
    other = make("other", *folders, "--seed", 1)
    assert one == two
    assert one.keys() == other.keys()
    first = "JPEGImages/480p/clip-000000/00000.jpg"
    assert one[first] != other[first]


def test_resume_finishes_an_interrupted_run(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for out in (whole, cut):
        assert call(capsys, "--images", stills, "--out", out, "--clips", 4)[0] == 0
    expected = contents(whole)
    # As Ctrl-C in clip 2 leaves it: no list, the clip's last mask missing.
    (cut / "ImageSets" / "2017" / "train.txt").unlink()
    (cut / "Annotations" / "480p" / "clip-000002" / "00002.png").unlink()
    kept = cut / "JPEGImages" / "480p" / "clip-000001" / "00000.jpg"
    kept.write_bytes(b"kept")
    assert call(capsys, "--images", stills, "--out", cut, "--clips", 4)[0] == 1
    code, _, error = call(
        capsys, "--images", stills, "--out", cut, "--clips", 4, "--resume", "--seed", 9
    )
    assert code == 1
    assert "other options" in error
    kept.write_bytes(expected[str(kept.relative_to(cut))])
    before = kept.stat().st_mtime_ns
    assert call(capsys, "--images", stills, "--out", cut, "--clips", 4, "--resume")[0] == 0
    assert kept.stat().st_mtime_ns == before
    assert contents(cut) == expected


def test_overwrite_replaces_its_own_clips_only(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pseudo"
    assert call(capsys, "--images", stills, "--out", out, "--clips", 4, "--frames", 4)[0] == 0
    (out / "notes.txt").write_text("mine")
    assert call(capsys, "--images", stills, "--out", out, "--clips", 2, "--overwrite")[0] == 0
    assert sorted(p.name for p in (out / "JPEGImages" / "480p").iterdir()) == [
        "clip-000000",
        "clip-000001",
    ]
    assert all(len(video.frames) == 3 for video in load_videos("davis2017", out, "train"))
    assert (out / "notes.txt").read_text() == "mine"


def test_refuses_a_folder_with_something_else(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(stills)
    code, _, error = call(capsys, "--images", stills, "--out", stills, "--overwrite")
    assert code == 2
    assert "what is read" in error
    assert contents(stills) == before
    other = tmp_path / "other"
    shutil.copytree(stills, other)
    code, _, error = call(capsys, "--images", stills, "--out", other, "--overwrite")
    assert code == 1
    assert "not a synthesized data set" in error
    assert contents(other) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--size", "64"), 2, "HEIGHTxWIDTH"),
        (("--size", "8x8"), 2, "HEIGHTxWIDTH"),
        (("--stills", "image-foldr"), 2, "did you mean image-folder"),
        (("--masks", "nowhere"), 1, "the folder is missing (nowhere)"),
        (("--clips", "0"), 2, "--clips"),
        (("--paste", "2"), 2, "--paste"),
    ],
)
def test_wrong_use(
    stills: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    out = tmp_path / "pseudo"
    ended, _, error = call(capsys, "--images", stills, "--out", out, "--clips", 1, *arguments)
    assert ended == code
    assert words in error
    assert not out.exists()


def test_stills_without_objects_are_named(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (stills / "masks").iterdir():
        write_mask(path, np.zeros((90, 110), np.uint8))
    out = tmp_path / "pseudo"
    code, _, error = call(capsys, "--images", stills, "--out", out, "--clips", 1)
    assert code == 1
    assert "no object" in error
    assert not (out / "ImageSets").exists()


def test_a_truncated_image_is_named(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (stills / "images").iterdir():
        path.write_bytes(path.read_bytes()[:300])
    code, _, error = call(capsys, "--images", stills, "--out", tmp_path / "pseudo", "--clips", 1)
    assert code == 1
    assert "static/images" in error
    assert "Traceback" not in error


def test_real_stills_of_several_objects(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pseudo"
    root = shared_data / "test-challenge-first"
    code, _, error = call(
        capsys, "--images", root, "--stills", "video-frames", "--out", out, "--clips", 12
    )
    assert (code, error) == (0, "")
    counts = [len(video.ids) for video in load_videos("davis2017", out, "train")]
    assert max(counts) == 3
    assert min(counts) >= 1
