"""Bootstrapped cross-entropy against values of CFBI's published code, and its schedule."""

from __future__ import annotations

import pytest
import torch
from published import normal, rectangles
from pydantic import ValidationError

from vostool.core.types import VOID, Clip
from vostool.models import Prediction
from vostool.training.loss import Moment
from vostool.training.losses import hardest_pixels
from vostool.training.objective import objective_of

LABELS = rectangles(
    10, 12, (1, 1, 5, 2, 6), (2, 5, 9, 7, 11), (3, 0, 3, 8, 12), (VOID, 9, 10, 0, 12)
)


def prediction_and_clip(logits: torch.Tensor) -> tuple[Prediction, Clip]:
    """A clip of two frames whose second one has the labels."""
    labels = torch.stack([LABELS, LABELS], 1)
    clip = Clip(torch.zeros(1, 2, 3, 10, 12), labels, torch.ones(1, 3, dtype=torch.bool))
    return Prediction.of_logits(logits[:, None]), clip


@pytest.mark.parametrize(
    ("iteration", "value", "gradient"),
    [
        (0, 1.533321, -0.00804732),
        (25_000, 2.215657, -0.0139953),
        (50_000, 3.113076, -0.0536488),
        (90_000, 3.113076, -0.0536488),
    ],
)
def test_published_values(iteration, value, gradient) -> None:
    logits = normal("loss.logits", 1, 4, 10, 12).requires_grad_()
    prediction, clip = prediction_and_clip(logits)
    moment = Moment(iteration, 100_000)
    found = hardest_pixels.loss(prediction, clip, hardest_pixels.Options(), moment)
    found.backward()
    assert float(found.detach()) == pytest.approx(value, abs=1e-5)
    assert float(logits.grad[0, 1, 2, 3]) == pytest.approx(gradient, abs=1e-7)


def test_the_schedule_follows_the_length_of_the_run() -> None:
    prediction, clip = prediction_and_clip(normal("loss.logits", 1, 4, 10, 12))
    objective = objective_of({"cross_entropy": 0.0, "hardest_pixels": {"until": 0.5}})
    long = objective(prediction, clip, Moment(25_000, 100_000))["loss"]
    short = objective(prediction, clip, Moment(100, 400))["loss"]
    assert float(long) == pytest.approx(float(short))
    assert float(long) == pytest.approx(2.215657, abs=1e-5)
    late = objective_of({"cross_entropy": 0.0, "hardest_pixels": {"until": 1.0}})
    assert float(late(prediction, clip, Moment(200, 400))["loss"]) == pytest.approx(float(long))


def test_all_pixels_count_before_the_start() -> None:
    options = hardest_pixels.Options(start=0.2, until=0.6, ratio=0.1)
    found = [options.part(progress) for progress in (0, 0.2, 0.4, 0.6, 1.0)]
    assert found == pytest.approx([1, 1, 0.55, 0.1, 0.1])
    with pytest.raises(ValidationError, match="until must come after start"):
        hardest_pixels.Options(start=0.5, until=0.5)


def test_a_frame_of_void_alone_has_no_loss() -> None:
    labels = torch.full((1, 10, 12), VOID)
    found = hardest_pixels.hardest_cross_entropy(normal("loss.logits", 1, 4, 10, 12), labels, 0.5)
    assert float(found) == 0.0
