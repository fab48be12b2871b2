"""Clips of a given frame: masks stay with what they mask, objects move, all is repeatable."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vostool.training.augmentation.colour import ColourJitter
from vostool.training.clips.sampling import generator
from vostool.training.finetuning.clips import (
    FinetuneClipOptions,
    FinetuneClips,
    GivenFrame,
    draw_clip,
    paint_over,
)

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 200, 30)
NO_COLOUR = ColourJitter(brightness=0, contrast=0, saturation=0)
PLAIN = {"colour": NO_COLOUR, "gamma": 0.0}


def frame(size=(96, 128)) -> GivenFrame:
    """A red object 3 and a blue object 9 on green."""
    image = np.full((*size, 3), GREEN, np.uint8)
    mask = np.zeros(size, np.uint8)
    for value, colour, top, left in ((3, RED, 20, 20), (9, BLUE, 40, 70)):
        mask[top : top + 30, left : left + 30] = value
        image[mask == value] = colour
    return GivenFrame(image, mask)


def near(images: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (np.abs(images.astype(int) - colour).max(-1)) < 12


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_labels_follow_the_pixels(apart):
    occluders = FinetuneClipOptions().occluders.model_copy(update={"probability": 0})
    options = FinetuneClipOptions(apart=apart, occluders=occluders, **PLAIN)
    for seed in range(8):
        images, labels = draw_clip(generator(seed, 0), frame(), options)
        assert images.shape == (3, 96, 128, 3)
        assert images.dtype == labels.dtype == np.uint8
        assert set(np.unique(labels[0])) - {0} == set(range(1, labels[0].max() + 1))
        for row in range(1, int(labels.max()) + 1):
            seen = labels == row
            red, blue = near(images, RED) & seen, near(images, BLUE) & seen
            own = max(red.sum(), blue.sum())
            assert own > 0.8 * seen.sum(), "edges aside, a row is one object"
            assert min(red.sum(), blue.sum()) == 0
        if labels[0].max() == 2:
            colours = (near(images, RED) | near(images, BLUE)) & (labels == 0)
            assert colours.sum() < 0.02 * (labels > 0).sum(), "edges aside, nothing is left out"


def test_objects_move_apart_from_each_other_only_where_wanted():
    rigid = {"rotation": 15, "scale": (1, 1), "shear": 0, "shift": 0.04, "thin_plate": 0}
    motion = FinetuneClipOptions().motion.model_copy(update=rigid)
    occluders = FinetuneClipOptions().occluders.model_copy(update={"probability": 0})

    def drift(apart: float) -> float:
        """Largest change of the distance between the objects, in pixels."""
        options = FinetuneClipOptions(motion=motion, apart=apart, occluders=occluders, **PLAIN)
        found = []
        for seed in range(6):
            _, labels = draw_clip(generator(seed, 0), frame(), options)
            centres = [[np.argwhere(rows == row).mean(0) for row in (1, 2)] for rows in labels]
            distances = [np.linalg.norm(one - other) for one, other in centres]
            found.append(max(distances) - min(distances))
        return float(max(found))

    assert drift(0.0) < 0.5
    assert drift(1.0) > 3


def test_motion_is_as_wide_as_said_and_none_leaves_the_frame_alone():
    still = {"rotation": 0, "scale": (1, 1), "shear": 0, "shift": 0, "thin_plate": 0}
    motion = FinetuneClipOptions().motion.model_copy(update=still)
    occluders = FinetuneClipOptions().occluders.model_copy(update={"probability": 0})
    for apart in (0.0, 1.0):
        options = FinetuneClipOptions(
            motion=motion, apart=apart, flip=0, occluders=occluders, **PLAIN
        )
        images, labels = draw_clip(generator(0, 0), frame(), options)
        assert np.array_equal(labels[1], np.searchsorted([0, 3, 9], frame().mask))
        assert np.abs(images.astype(int) - frame().image).mean() < 2


def test_background_is_painted_over_objects_only():
    item = frame()
    painted = item.background
    assert painted is not None
    assert near(painted, GREEN).all(), "what was red or blue is green, like all around it"
    far = np.ones_like(item.mask, bool)
    far[10:80, 10:110] = False
    assert np.array_equal(painted[far], item.image[far])
    assert paint_over(item.image, np.ones(item.mask.shape, bool)) is None


def test_a_frame_full_of_object_still_gives_clips():
    mask = np.ones((64, 64), np.uint8)
    item = GivenFrame(np.full((64, 64, 3), RED, np.uint8), mask)
    assert item.background is None
    _, labels = draw_clip(generator(0, 0), item, FinetuneClipOptions(apart=1.0))
    assert labels[0].any()


def test_clips_are_a_function_of_seed_and_number():
    clips = FinetuneClips([frame()], FinetuneClipOptions(), seed=5)
    one, two, other = clips[3], clips[3], clips[4]
    assert torch.equal(one.images, two.images)
    assert torch.equal(one.labels, two.labels)
    assert not torch.equal(one.images, other.images)
    again = FinetuneClips([frame()], FinetuneClipOptions(), seed=6)[3]
    assert not torch.equal(one.images, again.images)


def test_previous_masks_are_those_of_the_frame_before():
    clip = FinetuneClips([frame()], FinetuneClipOptions(), seed=0)[0]
    assert clip.previous is not None
    assert torch.equal(clip.previous[:, 0], clip.labels[:, 0])
    assert torch.equal(clip.previous[:, 1:], clip.labels[:, :-1])


def test_no_more_objects_than_wanted_and_all_in_turn():
    clips = FinetuneClips([frame()], FinetuneClipOptions(max_objects=1, **PLAIN), seed=0)
    colours = set()
    for number in range(8):
        clip = clips[number]
        assert clip.present.shape == (1, 1)
        mean = clip.images[0, 0].permute(1, 2, 0)[clip.labels[0, 0] == 1].mean(0)
        colours.add("red" if mean[0] > mean[2] else "blue")
    assert colours == {"red", "blue"}


def test_the_newest_frame_makes_half_of_the_clips():
    dark = GivenFrame(frame().image // 4, frame().mask)
    clips = FinetuneClips([dark, dark, frame()], FinetuneClipOptions(), seed=0)
    bright = [float(clips[number].images.mean()) > 0.2 for number in range(60)]
    assert 0.3 < np.mean(bright) < 0.7


def test_frames_are_resized_and_small_objects_dropped():
    image, mask = np.zeros((200, 300, 3), np.uint8), np.zeros((200, 300), np.uint8)
    mask[10:100, 10:100], mask[150, 150] = 4, 5
    item = GivenFrame.at_size(image, mask, (96, 144), 16)
    assert item.image.shape == (96, 144, 3)
    assert item.ids == [4]
    assert GivenFrame.at_size(image, mask, (200, 300), 1).ids == [4, 5]
    assert GivenFrame.at_size(image, np.where(mask == 5, mask, 0), (96, 144), 16).ids == []


def test_clips_need_objects():
    empty = GivenFrame(frame().image, np.zeros((96, 128), np.uint8))
    with pytest.raises(ValueError, match="objects"):
        FinetuneClips([frame(), empty], FinetuneClipOptions(), seed=0)
