"""Losses of networks that choose among proposals, on cases worked out by hand."""

from __future__ import annotations

import pytest
import torch

from vostool.core.types import Clip
from vostool.models import Prediction
from vostool.models.object_matching import Similarities
from vostool.training.loss import Moment
from vostool.training.losses import mask_iou, similarity


def clip_of_two() -> Clip:
    """8 x 8 pixels, two frames: object 1 in the upper left quarter, 2 in the lower right one."""
    labels = torch.zeros(1, 2, 8, 8, dtype=torch.long)
    labels[:, :, :4, :4], labels[:, :, 4:, 4:] = 1, 2
    return Clip(torch.zeros(1, 2, 3, 8, 8), labels, torch.ones(1, 2, dtype=torch.bool))


def prediction(**extras) -> Prediction:
    return Prediction.of_logits(torch.zeros(1, 1, 3, 8, 8), extras)


def test_mask_iou_at_the_size_of_the_masks() -> None:
    planes = torch.zeros(1, 1, 2, 2, 2)
    planes[0, 0, 0, 0, 0] = 1.0  # object 1 exactly
    planes[0, 0, 1, 0, 1] = 1.0  # object 2 elsewhere
    found = mask_iou.loss(prediction(coarse=planes), clip_of_two(), mask_iou.Options(), Moment())
    # (1 - (1 + 1) / (1 + 1)) and (1 - (0 + 1) / (2 + 1)), their mean
    assert found.item() == pytest.approx((0 + 2 / 3) / 2)


def test_mask_iou_wants_a_plane_per_object() -> None:
    with pytest.raises(ValueError, match="coarse of this network has no plane"):
        mask_iou.loss(
            prediction(coarse=torch.zeros(1, 1, 3, 2, 2)),
            clip_of_two(),
            mask_iou.Options(),
            Moment(),
        )


def quarter(row: int, column: int) -> torch.Tensor:
    mask = torch.zeros(2, 2)
    mask[row, column] = 1
    return mask


def loss_of(values: list[list[float]], masks: list[torch.Tensor]) -> float:
    item = Similarities(torch.tensor(values), torch.stack(masks))
    found = similarity.loss(
        prediction(matching=[[item]]), clip_of_two(), similarity.Options(), Moment()
    )
    return found.item()


def test_similarities_are_compared_with_the_true_assignment() -> None:
    masks = [quarter(1, 1), quarter(0, 0), quarter(0, 1)]
    # object 1 is proposal 1, object 2 is proposal 0
    assert loss_of([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], masks) == 0
    wrong = [[0.5, 0.5, 0.0], [1.0, 0.0, 0.2]]
    assert loss_of(wrong, masks) == pytest.approx((0.25 + 0.25 + 0.04) / 6)


def test_objects_without_a_good_proposal_do_not_count() -> None:
    masks = [quarter(0, 0), quarter(0, 1)]
    assert loss_of([[1.0, 0.0], [0.9, 0.9]], masks) == 0
    assert loss_of([[0.7], [0.7]], [quarter(1, 0)]) == 0


def test_no_proposal_is_no_loss() -> None:
    item = Similarities(torch.zeros(2, 0, requires_grad=True), torch.zeros(0, 2, 2))
    found = similarity.loss(
        prediction(matching=[[item]]), clip_of_two(), similarity.Options(), Moment()
    )
    found.backward()
    assert found.item() == 0
