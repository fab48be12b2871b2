from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vostool.core.errors import DataError
from vostool.core.types import Clip, Frame, ObjectIds, ObjectProposals, Video, VideoObject

IDS = st.sets(st.integers(1, 254), max_size=30)


@given(IDS, st.data())
def test_ids_survive_the_way_to_rows_and_back(values: set[int], data) -> None:
    ids = ObjectIds.of(values)
    pixels = data.draw(st.lists(st.sampled_from([0, *ids]), min_size=6, max_size=6))
    mask = np.array(pixels, np.uint8).reshape(2, 3)
    rows = ids.to_rows(mask)
    assert rows.max() <= len(ids)
    assert np.array_equal(ids.to_ids(rows), mask)


def test_unlisted_ids_become_background() -> None:
    ids = ObjectIds((2, 7))
    assert ids.to_rows(np.array([[0, 2, 7, 9, 255]], np.uint8)).tolist() == [[0, 1, 2, 0, 0]]
    assert ids.row(7) == 2


@pytest.mark.parametrize("values", [(0,), (255,), (2, 2), (3, 1)])
def test_impossible_ids_are_refused(values: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="object ids"):
        ObjectIds(values)


def video(name: str = "v", frames: tuple[str, ...] = ("0", "1"), first: str = "0") -> Video:
    return Video(name, tuple(Frame(f, Path(f)) for f in frames), (VideoObject(3, first),), frames)


def test_video_knows_where_objects_appear() -> None:
    made = video(first="1")
    assert made.new_objects("0") == ()
    assert [item.id for item in made.new_objects("1")] == [3]
    assert made.index("1") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"first": "9"}, "object 3 first appears in frame 9"),
        ({"frames": ("0", "0")}, "same name"),
        ({"name": "../x"}, "cannot be named"),
        ({"name": ""}, "cannot be named"),
        ({"name": ".."}, "cannot be named"),
    ],
)
def test_inconsistent_videos_are_refused(arguments: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        video(**arguments)


def clip(objects: int) -> Clip:
    return Clip(
        torch.zeros(1, 2, 3, 4, 4),
        torch.zeros(1, 2, 4, 4, dtype=torch.long),
        torch.ones(1, objects, dtype=torch.bool),
    )


def test_collate_pads_objects() -> None:
    joined = Clip.collate([clip(1), clip(3)])
    assert joined.images.shape == (2, 2, 3, 4, 4)
    assert joined.present.tolist() == [[True, False, False], [True, True, True]]


def test_clips_with_and_without_proposals_are_joined() -> None:
    none = ObjectProposals.none(4, 4)
    with_some = dataclasses.replace(clip(1), proposals=((none, none),))
    joined = Clip.collate([clip(1), with_some]).to(torch.device("cpu"))
    assert joined.proposals is not None
    assert joined.proposals[0] is None
    assert [len(item) for item in joined.proposals[1] or ()] == [0, 0]
    assert Clip.collate([clip(1), clip(1)]).proposals is None
    with pytest.raises(ValueError, match="proposals must be of 2 frames"):
        dataclasses.replace(clip(1), proposals=((none,),))
    with pytest.raises(ValueError, match="proposals must be of 1 clips"):
        dataclasses.replace(clip(1), proposals=())


def test_clip_names_the_wrong_field() -> None:
    with pytest.raises(ValueError, match="labels must be"):
        Clip(torch.zeros(1, 2, 3, 4, 4), torch.zeros(1, 3, 4, 4), torch.ones(1, 1))
