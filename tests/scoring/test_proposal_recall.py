"""Recall of proposals by hand."""

from __future__ import annotations

import math

import pytest
import torch

from vostool.scoring.proposal_recall import Recall


def columns(first: int, last: int) -> torch.Tensor:
    mask = torch.zeros(2, 8, dtype=torch.bool)
    mask[:, first:last] = True
    return mask


def test_an_object_counts_where_a_proposal_overlaps_it_enough() -> None:
    recall = Recall()
    objects = torch.stack([columns(0, 4), columns(4, 8), columns(0, 0)])
    # IoU 3/4 with the first object; 2/5 with the second; the third is absent and does not count.
    recall.add(torch.stack([columns(0, 3), columns(6, 8) | columns(3, 4)]), objects)
    assert recall.best == pytest.approx([0.75, 0.4])
    recall.add(torch.zeros(0, 2, 8, dtype=torch.bool), columns(2, 4)[None])
    assert recall.at(0.75) == 1 / 3
    assert recall.at(0.3) == 2 / 3
    assert recall.proposals == [2, 0]


def test_without_objects_there_is_no_recall() -> None:
    assert math.isnan(Recall().at(0.5))
