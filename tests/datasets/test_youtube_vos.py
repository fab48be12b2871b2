"""YouTube-VOS: meta.json, late objects, sparse and all frames, unseen categories."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_data_sets import block, write_frames, write_image, write_youtube_vos

from vostool.core.errors import DataError
from vostool.datasets import annotations as _annotations
from vostool.datasets import objects as _objects
from vostool.datasets.catalogue import (
    annotation,
    given_mask,
    load_spec,
    load_videos,
    scoring_rule,
)
from vostool.datasets.youtube_vos import index, read_meta
from vostool.media.masks import write_mask


def test_objects_frames_and_late_masks(youtube_root: Path) -> None:
    (video,) = load_videos("youtubevos2019", youtube_root, "valid")
    assert [(item.id, item.first_frame, item.category) for item in video.objects] == [
        (1, "00000", None),
        (5, "00010", "owl"),
    ]
    assert video.frame_names == ("00000", "00005", "00010", "00015", "00020")
    assert video.output_frames == ("00000", "00005", "00010", "00015")
    assert video.frame_step == 5
    np.testing.assert_array_equal(given_mask(video, "00000"), block(1))
    late = block(1, 5, 9)
    np.testing.assert_array_equal(annotation(video, "00010"), late)
    np.testing.assert_array_equal(given_mask(video, "00010"), np.where(late == 5, 5, 0))
    assert not given_mask(video, "00005").any()


def test_no_mask_is_decoded_at_load(youtube_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded a mask")

    monkeypatch.setattr(_objects, "read_mask", refuse)
    monkeypatch.setattr(_annotations, "read_mask", refuse)
    (video,) = load_videos("youtubevos2018", youtube_root, "valid")
    with pytest.raises(AssertionError, match="decoded"):
        given_mask(video, "00000")


@pytest.mark.parametrize("above", ["", "all_frames"])
def test_all_frames(youtube_root: Path, above: str) -> None:
    names = [f"{number:05d}" for number in range(21)]
    write_frames(youtube_root / above / "valid_all_frames/JPEGImages/late", names)
    (video,) = load_videos("youtubevos2019", youtube_root, "valid_all_frames")
    assert video.frame_names == tuple(names)
    assert video.output_frames == ("00000", "00005", "00010", "00015")
    assert video.frame_step == 1
    assert video.frames[10].annotation is not None
    assert video.frames[11].annotation is None
    np.testing.assert_array_equal(given_mask(video, "00000"), block(1))


def test_missing_all_frames_and_split_folders(youtube_root: Path) -> None:
    with pytest.raises(DataError, match=r"30 fps.*--split valid"):
        load_videos("youtubevos2019", youtube_root, "valid_all_frames")
    with pytest.raises(DataError, match=r"split test is missing.*--root"):
        load_videos("youtubevos2019", youtube_root, "test")
    assert load_videos("youtubevos2019", youtube_root / "valid", "valid")


def edit_meta(root: Path, **objects: object) -> None:
    videos = {"late": {"objects": objects}}
    (root / "valid/meta.json").write_text(json.dumps({"videos": videos}))


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ({"1": {"frames": ["00000", "00007", "99999"]}}, "object 1 of video late.*00007, 99999"),
        ({"1": {"frames": ["00005"]}}, "object 1 of video late starts in frame 00005.*no mask"),
        ({"1": {"frames": []}}, "object 1 of video late is in no frame"),
        ({"1": {}}, 'no list "frames"'),
        ({"255": {"frames": ["00000"]}}, r"object 255.*1\.\.254"),
        ({"one": {"frames": ["00000"]}}, r"object one.*1\.\.254"),
        ({"1": {"frames": ["00000"], "category": 3}}, "category must be text"),
    ],
)
def test_meta_that_does_not_fit_is_explained(
    youtube_root: Path, objects: dict[str, object], words: str
) -> None:
    edit_meta(youtube_root, **objects)
    with pytest.raises(DataError, match=words):
        load_videos("youtubevos2019", youtube_root, "valid")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", '"videos"'),
        ('{"videos": {"a": []}}', '"objects"'),
        ('{"videos": {"../a": {"objects": {}}}}', "cannot be the name"),
    ],
)
def test_malformed_meta(youtube_root: Path, text: str, words: str) -> None:
    (youtube_root / "valid/meta.json").write_text(text)
    with pytest.raises(DataError, match=rf"{words}.*meta\.json"):
        load_videos("youtubevos2019", youtube_root, "valid")
    (youtube_root / "valid/meta.json").unlink()
    with pytest.raises(DataError, match=r"missing.*meta\.json"):
        load_videos("youtubevos2019", youtube_root, "valid")


def test_meta_naming_an_absent_video(youtube_root: Path) -> None:
    shutil.rmtree(youtube_root / "valid/JPEGImages/late")
    with pytest.raises(DataError, match="names video late, which has no frames"):
        load_videos("youtubevos2019", youtube_root, "valid")


def test_meta_naming_an_absent_object(youtube_root: Path) -> None:
    """No annotation shows it: an error. Some other annotation shows it: never segmented."""
    edit_meta(youtube_root, **{"1": {"frames": ["00000"]}, "9": {"frames": ["00000"]}})
    (video,) = load_videos("youtubevos2019", youtube_root, "valid")
    np.testing.assert_array_equal(given_mask(video, "00000"), block(1))
    edit_meta(youtube_root, **{"1": {"frames": ["00000"]}, "7": {"frames": ["00000"]}})
    (video,) = load_videos("youtubevos2019", youtube_root, "valid")
    with pytest.raises(DataError, match=r"object 7 of video late.*meta\.json"):
        given_mask(video, "00000")


def test_empty_and_missized_first_masks(youtube_root: Path) -> None:
    (video,) = load_videos("youtubevos2019", youtube_root, "valid")
    path = youtube_root / "valid/Annotations/late/00000.png"
    write_mask(path, block())
    with pytest.raises(DataError, match=r"first mask is empty.*00000 of video late"):
        given_mask(video, "00000")
    write_mask(path, block(255))
    with pytest.raises(DataError, match="0 and 255"):
        given_mask(video, "00000")
    write_mask(path, np.ones((8, 16), np.uint8))
    with pytest.raises(DataError, match=r"8 x 16.*12 x 16.*00000\.png"):
        given_mask(video, "00000")
    write_image(path)  # RGB of a colour that is not in the palette
    with pytest.raises(DataError, match=r"\(90, 90, 90\).*00000\.png"):
        given_mask(video, "00000")


def test_unseen_categories_are_those_train_lacks(youtube_root: Path) -> None:
    assert scoring_rule("youtubevos2019", youtube_root, "valid").unseen == frozenset()
    write_youtube_vos(
        youtube_root,
        "train",
        {"t": {"1": {"category": "cat", "frames": ["00000"]}}},
        {},
        ["00000"],
    )
    assert scoring_rule("youtubevos2019", youtube_root, "valid").unseen == {"owl"}
    assert index(youtube_root, "train") == {"t": frozenset({"cat"})}


def test_submission_profile() -> None:
    spec = load_spec("youtubevos2019")
    assert set(spec.submissions) == {"valid", "test", "valid_all_frames", "test_all_frames"}
    assert {profile.prefix for profile in spec.submissions.values()} == {"Annotations/"}
    assert not spec.scoring.skip_last


def test_real_layout_with_late_objects(shared_data: Path) -> None:
    videos = {v.name: v for v in load_videos("youtubevos2018", shared_data / "BMS26", "valid")}
    assert len(videos) == 7
    assert videos["cars1"].frame_names[0] == "cars1_01"
    late = videos["marple8"]
    assert late.new_objects("marple8_10")[0].id == 2
    stored, given = annotation(late, "marple8_10"), given_mask(late, "marple8_10")
    assert stored is not None
    assert set(np.unique(stored)) == {0, 1, 2}
    np.testing.assert_array_equal(given, np.where(stored == 2, 2, 0))
    assert len(late.frames) > len(late.output_frames)


def test_real_meta_files(shared_data: Path) -> None:
    """Counts that are published for YouTube-VOS 2018."""
    train = read_meta(shared_data / "ytvos-meta/train.json")
    assert (len(train), sum(map(len, train.values()))) == (3471, 5945)
    valid = read_meta(shared_data / "ytvos-meta/valid-2018.json")
    assert (len(valid), sum(map(len, valid.values()))) == (474, 894)
    late = 0
    for objects in valid.values():
        start = min(item["frames"][0] for item in objects.values())
        late += sum(item["frames"][0] > start for item in objects.values())
    assert late == 88


def test_real_meta_with_synthetic_frames_loads(shared_data: Path, tmp_path: Path) -> None:
    """Twenty videos of the real valid list, frames made up by their names."""
    meta = json.loads((shared_data / "ytvos-meta/valid-2018.json").read_text())
    chosen = dict(list(meta["videos"].items())[:20])
    (tmp_path / "valid").mkdir()
    (tmp_path / "valid/meta.json").write_text(json.dumps({"videos": chosen}))
    for name, entry in chosen.items():
        frames = sorted({f for item in entry["objects"].values() for f in item["frames"]})
        for folder, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
            (tmp_path / "valid" / folder / name).mkdir(parents=True)
            for frame in frames:
                (tmp_path / "valid" / folder / name / f"{frame}.{suffix}").touch()
    videos = load_videos("youtubevos2018", tmp_path, "valid")
    for video in videos:
        listed = [f for item in chosen[video.name]["objects"].values() for f in item["frames"]]
        assert set(video.output_frames) == set(listed)
        assert all(item.category is None for item in video.objects)
