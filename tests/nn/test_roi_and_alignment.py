"""RoIAlign and adaptive alignment against loops that follow their definitions."""

from __future__ import annotations

import math

import pytest
import torch

from vostool.nn import proposal_matching, torchvision_compat
from vostool.nn.alignment import AdaptiveAlignment, every_pair
from vostool.nn.proposal_matching import Candidates, ProposalMatcher, Templates
from vostool.nn.roi import roi_align


def bilinear(plane: torch.Tensor, y: float, x: float) -> float:
    """Value between pixel centres; beyond the border, the border's."""
    height, width = plane.shape
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = min(int(y), height - 1), min(int(x), width - 1)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    dy, dx = y - y0, x - x0
    top = plane[y0, x0] * (1 - dx) + plane[y0, x1] * dx
    below = plane[y1, x0] * (1 - dx) + plane[y1, x1] * dx
    return float(top * (1 - dy) + below * dy)


def loops(
    plane: torch.Tensor, box: list[float], size: int, scale: float, aligned: bool = True
) -> torch.Tensor:
    """The definition: 2 x 2 samples per cell, pixel centres at one half if aligned."""
    x0, y0, x1, y1 = (value * scale - 0.5 * aligned for value in box)
    if not aligned:
        x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    result = torch.zeros(size, size, dtype=torch.float64)
    for row in range(size):
        for column in range(size):
            samples = [
                bilinear(
                    plane,
                    y0 + (row + (i + 0.5) / 2) * (y1 - y0) / size,
                    x0 + (column + (j + 0.5) / 2) * (x1 - x0) / size,
                )
                for i in range(2)
                for j in range(2)
            ]
            result[row, column] = sum(samples) / 4
    return result


@pytest.mark.parametrize("aligned", [True, False])
def test_roi_align_follows_its_definition(aligned):
    torch.manual_seed(0)
    features = torch.randn(2, 3, 9, 12, dtype=torch.float64)
    boxes = torch.tensor(
        [[8, 8, 72, 56], [90.5, 20, 170, 120], [0, 0, 192, 144], [33, 40, 41, 44.0]],
        dtype=torch.float64,
    )
    owner = torch.tensor([1, 0, 1, 0])
    found = roi_align(features, boxes, owner, 5, 1 / 16, aligned)
    for index, box in enumerate(boxes.tolist()):
        for channel in range(3):
            expected = loops(features[owner[index], channel], box, 5, 1 / 16, aligned)
            assert torch.allclose(found[index, channel], expected, atol=1e-12)


@pytest.mark.slow
def test_a_detector_of_torchvision_runs_and_learns_without_compiled_operators():
    """On a normal install this is torchvision's own code."""
    torchvision_compat.enable_detection()
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    torch.manual_seed(0)
    network = maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=2, min_size=64, max_size=96,
        box_score_thresh=0.0, box_detections_per_img=5,
    )  # fmt: skip
    image, masks = torch.rand(3, 64, 96), torch.zeros(1, 64, 96, dtype=torch.uint8)
    masks[0, 10:40, 20:60] = 1
    target = {
        "boxes": torch.tensor([[20.0, 10, 60, 40]]),
        "labels": torch.tensor([1]),
        "masks": masks,
    }
    losses = network.train()([image], [target])
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert network.roi_heads.mask_head[0][0].weight.grad.abs().sum() > 0
    with torch.no_grad():
        found = network.eval()([image])[0]
    assert found["masks"].shape == (len(found["boxes"]), 1, 64, 96)
    assert len(found["boxes"]) <= 5


def test_no_boxes_give_no_features():
    found = roi_align(torch.zeros(1, 4, 3, 3), torch.zeros(0, 4), torch.zeros(0).long(), 7, 1)
    assert found.shape == (0, 4, 7, 7)


def aligned_by_loops(layer, template, mask, proposal, proposal_mask) -> float:
    """One pair, location by location, as the equations are written."""
    keys_a = layer.project(template[None])[0].flatten(1).T
    keys_b = layer.project(proposal[None])[0].flatten(1).T
    values_a, values_b = template.flatten(1).T, proposal.flatten(1).T
    temperature = math.exp(layer.log_temperature.item())
    total, weight = 0.0, 0.0
    for a in range(len(values_a)):
        attention = []
        for b in range(len(values_b)):
            cosine = torch.dot(keys_a[a], keys_b[b]) / (keys_a[a].norm() * keys_b[b].norm())
            prior = math.log(proposal_mask.flatten()[b].item() + 1e-6)
            attention.append(cosine.item() / temperature + prior)
        beta = torch.tensor(attention).softmax(0)
        mean = (beta[:, None] * values_b).sum(0)
        cosine = torch.dot(values_a[a], mean) / (values_a[a].norm() * mean.norm())
        total += mask.flatten()[a].item() * cosine.item()
        weight += mask.flatten()[a].item()
    return total / weight


@torch.no_grad()
def test_alignment_follows_its_equations():
    torch.manual_seed(1)
    layer = AdaptiveAlignment(6, width=4, pairs_at_once=4)
    templates, proposals = torch.randn(2, 6, 3, 3), torch.randn(5, 6, 3, 3)
    template_masks, proposal_masks = torch.rand(2, 3, 3), torch.rand(5, 3, 3)
    pairs = every_pair(2, 5)
    found = layer(templates, template_masks, proposals, proposal_masks, pairs)
    expected = [
        aligned_by_loops(layer, templates[o], template_masks[o], proposals[p], proposal_masks[p])
        for o, p in zip(*(index.tolist() for index in pairs), strict=True)
    ]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


@torch.no_grad()
def test_a_moved_part_is_found_again():
    """Alignment looks for each part of the template in the whole proposal."""
    torch.manual_seed(2)
    layer = AdaptiveAlignment(16, width=16, temperature=0.02)
    template = torch.randn(1, 16, 4, 4)
    moved = torch.roll(template, (1, 2), (2, 3))
    other = torch.randn(1, 16, 4, 4)
    ones = torch.ones(1, 4, 4)
    pairs = every_pair(1, 2)
    same, different = layer(
        template, ones, torch.cat([moved, other]), ones.expand(2, 4, 4), pairs
    ).tolist()
    assert same > 0.99
    assert different < 0.7


def test_an_empty_template_mask_gives_no_similarity_and_finite_gradients():
    layer = AdaptiveAlignment(6, width=4)
    templates = torch.randn(1, 6, 3, 3, requires_grad=True)
    found = layer(
        templates, torch.zeros(1, 3, 3), torch.randn(2, 6, 3, 3), torch.zeros(2, 3, 3),
        every_pair(1, 2),
    )  # fmt: skip
    assert found.tolist() == [0.0, 0.0]
    found.sum().backward()
    assert torch.isfinite(templates.grad).all()


def test_objects_that_are_compared_by_turns_give_the_same(monkeypatch) -> None:
    torch.manual_seed(0)
    matcher = ProposalMatcher(8, cells=4).eval()
    readout, value = torch.randn(5, 8, 6, 8), torch.randn(8, 6, 8)
    templates = Templates(torch.randn(5, 8, 4, 4), torch.rand(5, 4, 4))
    boxes = torch.tensor([[0.0, 0, 40, 50], [30, 20, 100, 90], [64, 0, 128, 96]])
    candidates = Candidates(boxes, torch.rand(3, 24, 32))
    with torch.inference_mode():
        together = matcher.similarity(templates, readout, value, candidates)
        monkeypatch.setattr(proposal_matching, "PAIRS_AT_ONCE", 6)
        by_turns = matcher.similarity(templates, readout, value, candidates)
    assert together.shape == (5, 3)
    assert torch.allclose(together, by_turns, atol=1e-6)


def test_masks_weighted_by_a_soft_assignment_of_many_proposals_stay_masks() -> None:
    # Few projections leave small negative entries, which add up over many proposals.
    matcher = ProposalMatcher(8, cells=4).train()
    torch.manual_seed(0)
    costs = [-torch.rand(2, 62), -torch.rand(1, 101)]
    raw = matcher.layer(costs[0][None])[0]
    assert raw.clamp(max=0).sum(1).min() < -0.1
    for soft, cost in zip(matcher.soft_assignment(costs), costs, strict=True):
        assert soft.shape == cost.shape
        assert soft.min() >= 0
        torch.testing.assert_close(soft.sum(1), torch.ones(len(cost)))
    assert (matcher.soft_assignment(costs)[0].argmax(1) == raw.argmax(1)).all()
