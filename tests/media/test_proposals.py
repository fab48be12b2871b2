"""Proposals under geometry: boxes and masks stay together."""

from __future__ import annotations

import pytest
import torch

from vostool.core.types import ObjectProposals
from vostool.media import proposals
from vostool.media.geometry import Padding


def rectangles(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (20, 30)):
    """Proposals whose masks fill their boxes (x0, y0, x1, y1)."""
    masks = torch.zeros(len(boxes), *size, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    scores = torch.linspace(0.1, 0.9, len(boxes))
    return ObjectProposals(torch.tensor(boxes).float().view(-1, 4), scores, masks)


def assert_same(one: ObjectProposals, other: ObjectProposals) -> None:
    assert torch.equal(one.boxes, other.boxes)
    assert torch.equal(one.masks, other.masks)


FOUND = rectangles((2, 4, 10, 8), (20, 0, 30, 20))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            proposals.resize(FOUND, (40, 90)),
            rectangles((6, 8, 30, 16), (60, 0, 90, 40), size=(40, 90)),
        ),
        (proposals.flip(FOUND), rectangles((20, 4, 28, 8), (0, 0, 10, 20))),
        (
            proposals.pad(FOUND, Padding(1, 3, 2, 5)),
            rectangles((4, 5, 12, 9), (22, 1, 32, 21), size=(24, 37)),
        ),
        (
            proposals.crop(FOUND, (5, 6), (10, 12)),
            rectangles((0, 0, 4, 3), size=(10, 12)),
        ),
        (
            proposals.crop(FOUND, (6, 8), (10, 16)),
            rectangles((0, 0, 2, 2), (12, 0, 16, 10), size=(10, 16)),
        ),
    ],
)
def test_boxes_and_masks_move_together(changed, expected) -> None:
    assert_same(changed, expected)


def test_aligned_resizing_scales_the_centres_of_pixels() -> None:
    found = rectangles((0, 0, 1, 1), (8, 4, 17, 9), size=(9, 17))
    larger = proposals.resize(found, (17, 33), aligned=True)
    assert larger.boxes.tolist() == [[-0.5, -0.5, 1.5, 1.5], [15.5, 7.5, 33.5, 17.5]]
    assert larger.masks[0, 0, 0] and larger.masks[1, 16, 32] and larger.masks[1, 8, 16]
    assert not larger.masks[1, 6].any()


def test_a_crop_keeps_the_scores_of_what_it_shows() -> None:
    found = rectangles((0, 0, 4, 4), (20, 0, 30, 20), (2, 2, 6, 6))
    kept = proposals.crop(found, (0, 0), (10, 10))
    assert torch.equal(kept.scores, found.scores[[0, 2]])


def test_nothing_found_stays_nothing() -> None:
    none = ObjectProposals.none(20, 30)
    changed = proposals.flip(proposals.pad(proposals.resize(none, (40, 60)), Padding(1, 1, 1, 1)))
    assert len(changed) == 0
    assert changed.masks.shape == (0, 42, 62)
    assert len(proposals.crop(none, (0, 0), (5, 5))) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"boxes": torch.zeros(2, 3)}, "boxes must be"),
        ({"scores": torch.zeros(3)}, "scores must be"),
        ({"masks": torch.zeros(2, 20, 30)}, "masks must be bool"),
        ({"masks": torch.zeros(1, 20, 30, dtype=torch.bool)}, "masks must be bool"),
    ],
)
def test_shapes_are_checked(change, words) -> None:
    parts = {"boxes": FOUND.boxes, "scores": FOUND.scores, "masks": FOUND.masks} | change
    with pytest.raises(ValueError, match=words):
        ObjectProposals(**parts)
