"""Predictions become an archive that is right, the same every time, and all or nothing."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vostool.core.errors import DataError, OutputError, UsageError
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.media.masks import DAVIS_PALETTE, read_mask
from vostool.stages.submit.check_submission import check_submission
from vostool.stages.submit.package_submission import package_submission
from vostool.submission.problems import SubmissionError


def package(case, out: Path, **options):
    return package_submission(case.predictions, case.selection, Output(out, **options))


def mask_file(case, video: int = 0, frame: int = 1) -> Path:
    name = sorted(case.videos)[video]
    return case.predictions / "Annotations" / name / f"{case.videos[name][frame]}.png"


def test_archive_has_what_the_server_wants_and_nothing_else(case, tmp_path):
    report = package(case, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as handle:
        assert handle.namelist() == sorted(case.names)
        for name in case.names:
            ids = np.asarray(Image.open(io.BytesIO(handle.read(name))))
            path = case.predictions / "Annotations" / name.removeprefix(case.prefix)
            assert np.array_equal(ids, read_mask(path))
    assert (report.videos, report.frames, report.converted, report.left_out) == (2, 6, 0, 0)
    assert check_submission(tmp_path / "out.zip", case.selection).ok


def test_same_masks_give_same_bytes(case, tmp_path):
    package(case, tmp_path / "a.zip")
    for path in case.predictions.rglob("*.png"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    package(case, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("place", ["Annotations/480p", ""])
def test_other_tools_folders(davis, tmp_path, place):
    package(davis, tmp_path / "a.zip")
    source = davis.predictions / "Annotations"
    other = tmp_path / "other" / place
    other.parent.mkdir(parents=True, exist_ok=True)
    source.rename(other)
    package_submission(tmp_path / "other", davis.selection, Output(tmp_path / "b.zip"))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("mode", ["L", "RGB", "LA"])
def test_masks_in_other_modes_are_converted_exactly(case, tmp_path, mode):
    package(case, tmp_path / "a.zip")
    ids = read_mask(mask_file(case))
    pixels = DAVIS_PALETTE[ids] if mode == "RGB" else ids
    if mode == "LA":
        pixels = np.stack([ids, np.full_like(ids, 255)], axis=2)
    Image.fromarray(pixels).save(mask_file(case))
    assert package(case, tmp_path / "b.zip").converted == 1
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_frames_that_the_server_does_not_take_are_left_out(youtube_vos, tmp_path):
    package(youtube_vos, tmp_path / "a.zip")
    mask_file(youtube_vos, frame=2).with_name("00015.png").write_bytes(
        mask_file(youtube_vos, frame=2).read_bytes()
    )
    assert package(youtube_vos, tmp_path / "b.zip").left_out == 1
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def spoil(path: Path, ids: np.ndarray | None) -> None:
    if ids is None:
        path.unlink()
    else:
        Image.fromarray(ids).save(path)


@pytest.mark.parametrize(
    ("frame", "ids", "sentence"),
    [
        (1, None, r"video \S+: lacks the frames 0000[15]"),
        (1, np.zeros((20, 12), np.uint8), r"\.png: is 20 x 12 pixels, but 12 x 20"),
        (1, np.full((12, 20), 9, np.uint8), r"object id 9, which video \S+ does not have"),
        (1, np.full((12, 20), 255, np.uint8), "255 means void in ground truth"),
        (1, np.full((12, 20, 3), 77, np.uint8), r"colours that stand for no object: \(77, 77, 77"),
    ],
)
def test_wrong_predictions_are_named_and_nothing_is_written(case, tmp_path, frame, ids, sentence):
    spoil(mask_file(case, frame=frame), ids)
    with pytest.raises(SubmissionError, match=sentence) as caught:
        package(case, tmp_path / "out" / "out.zip")
    assert len(caught.value.problems) == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_an_object_before_its_first_frame(youtube_vos, tmp_path):
    mask_file(youtube_vos, frame=0).write_bytes(mask_file(youtube_vos, frame=1).read_bytes())
    with pytest.raises(SubmissionError, match=r"00000\.png: has 9 pixels of object 5, which first"):
        package(youtube_vos, tmp_path / "out.zip")


def test_extra_and_missing_videos_and_frames_all_at_once(case, tmp_path):
    first, second = sorted(case.videos)
    annotations = case.predictions / "Annotations"
    (annotations / first).rename(annotations / "unknown")
    (annotations / second / "00001x.png").write_bytes(mask_file(case, 1).read_bytes())
    with pytest.raises(SubmissionError) as caught:
        package(case, tmp_path / "out.zip")
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        f"video unknown: is extra: {case.dataset} {case.split} has no such video",
        f"video {first}: is missing from the predictions",
        f"video {second}: has the extra frames 00001x, which this split does not have",
    ]
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize("kind", ["truncated", "text", "empty", "header only"])
def test_damaged_predictions(case, tmp_path, kind):
    path = mask_file(case)
    data = path.read_bytes()
    spoilt = {"truncated": data[:-30], "text": b"hello", "empty": b"", "header only": data[:33]}
    path.write_bytes(spoilt[kind])
    with pytest.raises(SubmissionError, match=rf"{path.name}: is (not a PNG|a damaged PNG)"):
        package(case, tmp_path / "out.zip")


def test_a_split_of_one_video_that_the_server_would_reject(lone_davis, tmp_path):
    with pytest.raises(DataError, match=r"only the video clip-0 .*exactly one top-level entry"):
        package(lone_davis, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_existing_archives_are_kept_unless_told_otherwise(case, tmp_path):
    out = tmp_path / "out.zip"
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="the archive exists"):
        package(case, out)
    assert out.read_bytes() == b"precious"
    package(case, out, overwrite=True)
    assert zipfile.is_zipfile(out)


@pytest.mark.parametrize("name", ["out", "out.tar", "out.zip.gz"])
def test_the_name_must_be_a_zip(case, tmp_path, name):
    with pytest.raises(UsageError, match=r"must end in \.zip"):
        package(case, tmp_path / name)


def test_a_split_without_a_server(davis, tmp_path):
    with pytest.raises(UsageError, match="'val': splits of davis2017 that have one: test-dev"):
        package_submission(
            davis.predictions,
            Selection("davis2017", davis.root, "val"),
            Output(tmp_path / "out.zip"),
        )


def test_many_problems_are_counted_not_listed(davis, tmp_path, monkeypatch):
    monkeypatch.setattr("vostool.submission.problems.LISTED", 2)
    for path in davis.predictions.rglob("*.png"):
        spoil(path, np.full((12, 20), 9, np.uint8))
    with pytest.raises(SubmissionError) as caught:
        package(davis, tmp_path / "out.zip")
    assert len(caught.value.problems) == 3
    assert caught.value.problems[-1] == "... and 4 more problems"


def test_an_interrupt_leaves_nothing_behind(davis, tmp_path, monkeypatch):
    @contextlib.contextmanager
    def interrupted(label, total, unit="it"):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("vostool.submission.mask_archive.progress", interrupted)
    with pytest.raises(KeyboardInterrupt):
        package(davis, tmp_path / "out" / "out.zip")
    assert list((tmp_path / "out").iterdir()) == []
