"""Merged clips, against a composition that goes pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vostool.core.types import VOID, Clip, ObjectProposals
from vostool.training.clips.merging import MergedClips, MergeOptions, _draw, merge, moved
from vostool.training.clips.sampling import clip_of, generator

SIZE, FRAMES = (24, 30), 3
EVERY = MergeOptions(probability=1, labelled=0.6, min_area=6, max_objects=3)


def clip(seed: int, objects: int) -> Clip:
    """Blocks that move, in colours of their own on noise; also of the frames before."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 90, (FRAMES, *SIZE, 3), np.uint8)
    labels = np.zeros((FRAMES, *SIZE), np.uint8)
    previous = np.zeros_like(labels)
    for row in range(1, objects + 1):
        top, left = rng.integers((0, 0), (14, 18))
        for frame in range(FRAMES):
            window = np.s_[frame, top : top + 8, left + frame : left + frame + 10]
            labels[window], images[window] = row, 80 + 40 * row
            previous[frame, top : top + 8, left : left + 10] = row
    order = np.flatnonzero(np.bincount(labels[0].ravel(), minlength=5))[1:]
    table = np.zeros(256, np.uint8)
    table[order] = np.arange(1, len(order) + 1)
    labels[:, 0, 0] = VOID
    table[VOID] = 0
    made = clip_of(images, table[labels], table[previous])
    with_void = made.labels.clone()
    with_void[0, :, 0, 0] = VOID
    return Clip(made.images, with_void, made.present, made.previous)


def naive(a: Clip, b: Clip, rng: np.random.Generator, options: MergeOptions):
    """Labels, labels before and what is pasted, one pixel after the other."""
    drawn = _draw(rng, a.present.shape[1], b.present.shape[1], SIZE, options)
    (down, right), result = drawn.move, []
    pasted = np.zeros((FRAMES, *SIZE), bool)
    for which, (mine, theirs) in enumerate(((a.labels, b.labels), (a.previous, b.previous))):
        assert mine is not None and theirs is not None
        out = mine[0].numpy().copy()
        for t, y, x in np.ndindex(FRAMES, *SIZE):
            if not (0 <= y - down < SIZE[0] and 0 <= x - right < SIZE[1]):
                continue
            row = int(theirs[0, t, y - down, x - right])
            if row in (0, VOID) or (drawn.under and mine[0, t, y, x] != 0):
                continue
            out[t, y, x] = int(drawn.table[row])
            pasted[t, y, x] |= which == 0
        result.append(out)
    labels, previous = result
    names = {0: 0, VOID: VOID}
    for row in range(1, 200):
        if (labels[0] == row).sum() >= options.min_area:
            names[row] = len(names) - 1
    if not any(0 < row <= a.present.shape[1] for row in names if row != VOID):
        return None
    rename = np.vectorize(lambda value: names.get(int(value), 0))
    return rename(labels), rename(previous), pasted, drawn, len(names) - 2


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    counts=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    under=st.sampled_from([0.0, 1.0]),
)
def test_labels_and_pixels_are_those_of_a_plain_composition(seed, counts, under) -> None:
    a, b = clip(seed, counts[0]), clip(seed + 1, counts[1])
    options = EVERY.model_copy(update={"under": under})
    found = merge(a, b, np.random.default_rng(seed), options)
    expected = naive(a, b, np.random.default_rng(seed), options)
    if expected is None:
        assert found is a
        return
    labels, previous, pasted, drawn, count = expected
    assert np.array_equal(found.labels[0].numpy(), labels)
    assert found.previous is not None and np.array_equal(found.previous[0].numpy(), previous)
    assert found.present.shape == (1, count) and found.present.all()
    assert count <= max(options.max_objects, counts[0])
    for t, y, x in np.ndindex(FRAMES, *SIZE):
        around = pasted[t, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        pixel = found.images[0, t, :, y, x]
        if around.all() and 0 < y < SIZE[0] - 1 and 0 < x < SIZE[1] - 1:
            source = b.images[0, t, :, y - drawn.move[0], x - drawn.move[1]]
            assert torch.allclose(pixel, source, atol=1e-6)
        elif not around.any():
            assert torch.equal(pixel, a.images[0, t, :, y, x])


@given(down=st.integers(-30, 30), right=st.integers(-35, 35))
def test_moving_by_whole_pixels(down: int, right: int) -> None:
    values = torch.arange(1, 1 + SIZE[0] * SIZE[1]).view(1, *SIZE)
    result = moved(values, (down, right))
    for y, x in ((0, 0), (23, 29), (5, 17), (12, 3)):
        inside = 0 <= y - down < SIZE[0] and 0 <= x - right < SIZE[1]
        assert result[0, y, x] == (values[0, y - down, x - right] if inside else 0)


def test_what_is_hidden_from_the_start_is_not_asked_for() -> None:
    """Where nothing of the clip's own would be left, it stays as it is."""
    whole = np.ones((FRAMES, *SIZE), np.uint8)
    small = np.zeros_like(whole)
    small[:, 4:9, 4:9] = 1
    black = np.zeros((FRAMES, *SIZE, 3), np.uint8)
    over = MergeOptions(probability=1, labelled=1, under=0, shift=0, min_area=6)
    a, b = clip_of(black, small), clip_of(black + 255, whole)
    assert merge(a, b, np.random.default_rng(0), over) is a
    behind = over.model_copy(update={"under": 1.0})
    found = merge(a, b, np.random.default_rng(0), behind)
    assert found.present.shape == (1, 2)
    assert torch.equal(found.labels[0], torch.from_numpy(2 - small.astype(np.int64)))


def test_distractors_take_no_row() -> None:
    a, b = clip(3, 1), clip(4, 2)
    options = EVERY.model_copy(update={"labelled": 0.0, "under": 1.0})
    found = merge(a, b, np.random.default_rng(1), options)
    assert found.present.shape == (1, 1)
    assert torch.equal(found.labels, a.labels)
    assert not torch.equal(found.images, a.images)


def test_proposals_are_of_what_is_seen() -> None:
    def with_proposals(item: Clip) -> Clip:
        of_frames = []
        for frame in item.labels[0]:
            mask = (frame == 1)[None]
            of_frames.append(ObjectProposals(torch.zeros(1, 4), torch.ones(1), mask))
        return Clip(item.images, item.labels, item.present, item.previous, (tuple(of_frames),))

    a, b = with_proposals(clip(5, 1)), with_proposals(clip(6, 1))
    options = EVERY.model_copy(update={"labelled": 1.0, "under": 0.0, "shift": 0.1})
    found = merge(a, b, np.random.default_rng(2), options)
    assert found.proposals is not None and found.proposals[0] is not None
    for frame, proposals in zip(found.labels[0], found.proposals[0], strict=True):
        rows = [row for row in (1, 2) if (frame == row).any()]
        assert len(proposals) == len(rows)
        for row, mask, box in zip(rows, proposals.masks, proposals.boxes, strict=True):
            assert torch.equal(mask, frame == row)
            y, x = mask.nonzero(as_tuple=True)
            assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]


class Numbered(torch.utils.data.Dataset):
    def __init__(self, seed: int):
        self.seed = seed

    def __len__(self) -> int:
        return 400

    def __getitem__(self, sample: int) -> Clip:
        return clip(self.seed + sample, 1)


def test_the_share_of_merged_clips_and_that_others_are_left_alone() -> None:
    source, options = Numbered(0), EVERY.model_copy(update={"probability": 0.3, "labelled": 1.0})
    merged = MergedClips(source, Numbered(10**6), options, seed=3)
    drawn = [generator(3 ^ 0x6D657267, k).random() < 0.3 for k in range(400)]
    assert 0.22 < np.mean(drawn) < 0.38
    for sample in range(40):
        found = merged[sample]
        same = torch.equal(found.images, source[sample].images)
        assert same or drawn[sample]
        if not drawn[sample]:
            assert torch.equal(found.labels, source[sample].labels)
    assert torch.equal(merged[7].images, merged[7].images)


@pytest.mark.parametrize("values", [{"probability": 1.1}, {"shift": -1}, {"max_objects": 0}])
def test_wrong_values(values: dict) -> None:
    with pytest.raises(ValidationError):
        MergeOptions(**values)
