"""Losses against plain-Python definitions and hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vostool.core.types import VOID
from vostool.training.losses.cross_entropy import BootstrapOptions, cross_entropy, hardest_ratio
from vostool.training.losses.iou import iou_loss
from vostool.training.losses.lovasz import lovasz_softmax


def naive_cross_entropy(logits: np.ndarray, labels: np.ndarray, ratio: float) -> float:
    total = 0.0
    for clip_logits, clip_labels in zip(logits, labels, strict=True):
        for frame, truth in zip(clip_logits, clip_labels, strict=True):
            losses = []
            for y in range(truth.shape[0]):
                for x in range(truth.shape[1]):
                    scores = frame[:, y, x]
                    norm = math.log(sum(math.exp(score) for score in scores))
                    losses.append(norm - scores[truth[y, x]])
            hardest = sorted(losses, reverse=True)[: max(1, round(ratio * len(losses)))]
            total += sum(hardest) / len(hardest)
    return total / len(logits)


@pytest.mark.parametrize("ratio", [1.0, 0.4, 0.01])
def test_cross_entropy_is_that_of_the_definition(rng, ratio: float) -> None:
    logits = rng.normal(size=(2, 2, 3, 4, 5)).astype(np.float32)
    labels = rng.integers(0, 3, (2, 2, 4, 5))
    ours = cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), ratio)
    assert float(ours) == pytest.approx(naive_cross_entropy(logits, labels, ratio), rel=1e-5)


def test_void_pixels_do_not_count(rng) -> None:
    logits = torch.from_numpy(rng.normal(size=(1, 1, 2, 1, 4)))
    labels = torch.tensor([[[[0, 1, VOID, VOID]]]])
    assert torch.equal(
        cross_entropy(logits, labels), cross_entropy(logits[..., :2], labels[..., :2])
    )
    p = logits.softmax(2)
    assert torch.equal(lovasz_softmax(p, labels), lovasz_softmax(p[..., :2], labels[..., :2]))


def naive_lovasz(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Lovász extension of 1 - IoU by its definition: a sum over growing sets of wrong pixels."""
    losses = []
    for label in np.unique(labels):
        truth = labels == label
        errors = np.abs(truth - probabilities[label])
        wrong = np.zeros(len(labels), bool)
        total = before = 0.0
        for index in np.argsort(-errors, kind="stable"):
            wrong[index] = True
            intersection = (truth & ~wrong).sum()
            union = (truth | wrong).sum()
            now = 1 - intersection / union
            total += errors[index] * (now - before)
            before = now
        losses.append(total)
    return float(np.mean(losses))


def test_lovasz_is_that_of_the_definition(rng) -> None:
    for _ in range(20):
        logits = rng.normal(size=(4, 12))
        probabilities = np.exp(logits) / np.exp(logits).sum(0)
        labels = rng.integers(0, 3, 12)
        ours = lovasz_softmax(
            torch.from_numpy(probabilities).view(1, 1, 4, 3, 4),
            torch.from_numpy(labels).view(1, 1, 3, 4),
        )
        assert float(ours) == pytest.approx(naive_lovasz(probabilities, labels), abs=1e-12)


def test_lovasz_of_hard_predictions_is_one_minus_iou(rng) -> None:
    truth, predicted = rng.integers(0, 3, (2, 1, 1, 8, 8))
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(predicted), 3).movedim(-1, 2).double()
    ious = [
        ((truth == c) & (predicted == c)).sum() / ((truth == c) | (predicted == c)).sum()
        for c in range(3)
    ]
    loss = lovasz_softmax(one_hot, torch.from_numpy(truth))
    assert float(loss) == pytest.approx(1 - np.mean(ious))


def test_lovasz_of_a_perfect_prediction_is_zero_and_absent_classes_are_ignored() -> None:
    labels = torch.tensor([[[[0, 0, 2, 2]]]])
    one_hot = torch.nn.functional.one_hot(labels, 4).movedim(-1, 2).double()
    assert float(lovasz_softmax(one_hot, labels)) == 0.0


@pytest.mark.parametrize(
    ("iteration", "ratio"), [(0, 1.0), (20, 1.0), (45, 0.6), (70, 0.2), (999, 0.2)]
)
def test_bootstrap_schedule(iteration: int, ratio: float) -> None:
    options = BootstrapOptions(ratio=0.2, start=20, end=70)
    assert hardest_ratio(options, iteration) == pytest.approx(ratio)


def naive_iou_loss(p: np.ndarray, labels: np.ndarray, present: list[list[bool]]) -> float:
    total = 0.0
    for clip, clip_labels, rows in zip(p, labels, present, strict=True):
        for frame, truth in zip(clip, clip_labels, strict=True):
            terms = []
            for row in range(1, frame.shape[0]):
                if not rows[row - 1]:
                    continue
                hit = area = mass = 0.0
                for y in range(truth.shape[0]):
                    for x in range(truth.shape[1]):
                        if truth[y, x] == VOID:
                            continue
                        hit += frame[row, y, x] * (truth[y, x] == row)
                        mass += frame[row, y, x]
                        area += truth[y, x] == row
                terms.append(1 - (hit + 1) / (mass + area - hit + 1))
            total += sum(terms) / len(terms)
    return total / len(p)


def test_iou_loss_is_that_of_the_definition(rng) -> None:
    labels = rng.integers(0, 3, (2, 2, 4, 5))
    labels[0, 1, :2] = VOID
    labels[1] = np.where(labels[1] == 2, 0, labels[1])
    present = [[True, True], [True, False]]
    p = torch.from_numpy(rng.random((2, 2, 3, 4, 5))).softmax(2)
    ours = iou_loss(p, torch.from_numpy(labels), torch.tensor(present))
    assert float(ours) == pytest.approx(naive_iou_loss(p.numpy(), labels, present), rel=1e-6)


def test_iou_loss_of_hard_masks() -> None:
    labels = torch.zeros(1, 1, 2, 4, dtype=torch.long)
    labels[0, 0, 0, :3] = 1
    present = torch.tensor([[True]])

    def loss(found: torch.Tensor) -> float:
        return float(iou_loss(torch.stack([1 - found, found], 2), labels, present))

    truth = (labels == 1).double()
    assert loss(truth) == 0
    assert loss(torch.zeros_like(truth)) == pytest.approx(1 - 1 / 4)
    assert loss(torch.ones_like(truth)) == pytest.approx(1 - 4 / 9)
    # Hidden in this frame: nothing found is right, anything found is wrong.
    labels = torch.zeros_like(labels)
    assert loss(torch.zeros_like(truth)) == 0
    assert loss(truth) == pytest.approx(1 - 1 / 4)


def test_iou_of_a_clip_without_objects_is_zero() -> None:
    p = torch.rand(1, 2, 3, 4, 4).softmax(2)
    assert float(iou_loss(p, torch.zeros(1, 2, 4, 4).long(), torch.zeros(1, 2).bool())) == 0
