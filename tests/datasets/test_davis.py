"""DAVIS 2016 and 2017."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_data_sets import block, write_davis, write_frames

from vostool.core.errors import DataError, UsageError
from vostool.core.types import MaskEncoding
from vostool.datasets.catalogue import annotation, given_mask, load_spec, load_videos
from vostool.datasets.layout import FaultyVideos


def test_2017_objects_are_those_of_the_first_mask(tmp_path: Path) -> None:
    root = write_davis(
        tmp_path / "DAVIS",
        "2017",
        "val",
        {"b": {"00000": block(1, 4)}, "a": {"00000": block(2), "00001": block(2, 3)}},
    )
    for given_root in (root, tmp_path):
        first, second = load_videos("davis2017", given_root, "val")
        assert (first.name, second.name) == ("a", "b")
        assert first.ids.values == (2,)
        assert second.ids.values == (1, 4)
        assert first.output_frames == first.frame_names == ("00000", "00001", "00002")
        assert [frame.annotation is not None for frame in first.frames] == [True, True, False]
        assert {item.first_frame for item in second.objects} == {"00000"}
    np.testing.assert_array_equal(given_mask(second, "00000"), block(1, 4))
    np.testing.assert_array_equal(given_mask(first, "00001"), np.zeros_like(block()))
    assert annotation(first, "00002") is None


def test_test_splits_see_only_the_first_mask(tmp_path: Path) -> None:
    masks = {"00000": block(1), "00001": block(1)}
    root = write_davis(tmp_path, "2017", "test-dev", {"a": masks})
    (video,) = load_videos("davis2017", root, "test-dev")
    assert [frame.annotation is not None for frame in video.frames] == [True, False, False]


def test_2016_is_binary_and_reads_both_forms_of_lists(tmp_path: Path) -> None:
    white = block(1) * 255
    root = write_davis(tmp_path, "2016", "val", {"a": {"00000": white}, "b": {"00000": white}})
    videos = load_videos("davis2016", root, "val")
    (root / "ImageSets/2016").rename(root / "ImageSets/480p")
    pairs = [f"/JPEGImages/480p/{v}/0000{i}.jpg /x.png\n" for v in "ab" for i in range(3)]
    (root / "ImageSets/480p/val.txt").write_text("".join(pairs))
    assert load_videos("davis2016", root, "val") == videos
    assert videos[0].encoding is MaskEncoding.BINARY
    np.testing.assert_array_equal(given_mask(videos[0], videos[0].frames[0]), block(1))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("no ImageSets", "no ImageSets folder"),
        ("other year", "ImageSets holds 2016.*another year"),
        ("no 480p", "JPEGImages holds Full-Resolution.*480p version"),
        ("no frames", "video a has no frames"),
        ("no first mask", "no mask for its first frame 00000"),
        ("empty first mask", "first mask is empty.*draw the object"),
        ("binary mask", "0 and 255.*davis2016"),
        ("broken mask", r"00000\.png.*damaged"),
        ("escaping name", "cannot be the name"),
    ],
)
def test_damage_is_explained(tmp_path: Path, damage: str, words: str) -> None:
    root = write_davis(tmp_path, "2017", "val", {"a": {"00000": block(1)}})
    mask = root / "Annotations/480p/a/00000.png"
    if damage == "no ImageSets":
        (root / "ImageSets").rename(root / "Lists")
    elif damage == "other year":
        (root / "ImageSets/2017").rename(root / "ImageSets/2016")
    elif damage == "no 480p":
        (root / "JPEGImages/480p").rename(root / "JPEGImages/Full-Resolution")
    elif damage == "no frames":
        (root / "JPEGImages/480p/a").rename(root / "JPEGImages/480p/b")
    elif damage == "no first mask":
        mask.rename(mask.with_name("00001.png"))
    elif damage == "empty first mask":
        write_davis(tmp_path, "2017", "val", {"a": {"00000": block()}})
    elif damage == "binary mask":
        write_davis(tmp_path, "2017", "val", {"a": {"00000": block(255)}})
    elif damage == "broken mask":
        mask.write_bytes(mask.read_bytes()[:-30])
    elif damage == "escaping name":
        (root / "ImageSets/2017/val.txt").write_text("..\n")
    with pytest.raises(DataError, match=words):
        load_videos("davis2017", root, "val")


def test_all_faulty_videos_are_reported_with_the_good_ones(tmp_path: Path) -> None:
    root = write_davis(
        tmp_path,
        "2017",
        "val",
        {"a": {}, "b": {"00000": block(1)}, "c": {"00000": block()}},
    )
    with pytest.raises(FaultyVideos, match="2 videos are faulty") as caught:
        load_videos("davis2017", root, "val")
    assert [video.name for video in caught.value.videos] == ["b"]
    assert len(caught.value.problems) == 2


def test_empty_binary_first_mask_and_wrong_size(tmp_path: Path) -> None:
    root = write_davis(
        tmp_path, "2016", "val", {"a": {"00000": block(), "00001": np.zeros((5, 5), np.uint8)}}
    )
    (video,) = load_videos("davis2016", root, "val")
    with pytest.raises(DataError, match=r"first mask is empty.*00000.*draw the object"):
        given_mask(video, video.frames[0])
    with pytest.raises(DataError, match=r"5 x 5.*12 x 16"):
        annotation(video, "00001")


def test_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean davis2017"):
        load_videos("davis207", tmp_path, "val")
    with pytest.raises(UsageError, match="test-dev"):
        load_videos("davis2017", tmp_path, "test")
    with pytest.raises(DataError, match=r"folder is missing.*davischallenge"):
        load_videos("davis2017", tmp_path / "none", "val")


def test_frames_sort_by_number(tmp_path: Path) -> None:
    root = write_davis(tmp_path, "2016", "val", {"a": {}})
    folder = root / "JPEGImages/480p/a"
    for path in folder.iterdir():
        path.unlink()
    write_frames(folder, ["f10", "f9", "f1"])
    (root / "Annotations/480p/a").mkdir(parents=True)
    write_frames(root / "Annotations/480p/a", ["f1"], ".png")
    (video,) = load_videos("davis2016", root, "val")
    assert video.frame_names == ("f1", "f9", "f10")


def test_rules_of_the_server() -> None:
    spec = load_spec("davis2017")
    for split in ("test-dev", "test-challenge"):
        assert spec.submissions[split].prefix == ""
        assert spec.submissions[split].reject_single_top_level
    assert spec.scoring.skip_first
    assert spec.scoring.skip_last


def test_real_davis(shared_data: Path) -> None:
    train = load_videos("davis2016", shared_data / "DAVIS", "train")
    val = load_videos("davis2016", shared_data, "val")
    assert (len(train), len(val)) == (30, 6)
    assert {video.name: len(video.frames) for video in val}["camel"] == 90
    for video in val:
        given = given_mask(video, video.frames[0])
        assert set(np.unique(given)) == {0, 1}
        assert given.shape[0] == 480
