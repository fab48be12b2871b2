"""Attention weights found through a read that is linear in its values."""

from __future__ import annotations

import pytest
import torch

from vostool.nn import relevance as module
from vostool.nn.alignment import AdaptiveAlignment, every_pair
from vostool.nn.foreground_memory import read_sides
from vostool.nn.memory import memory_read
from vostool.nn.relevance import relevance


@pytest.mark.parametrize("at_once", [3, 512])
def test_weights_are_those_of_the_softmax(monkeypatch, at_once: int) -> None:
    monkeypatch.setattr(module, "PIXELS_AT_ONCE", at_once)
    torch.manual_seed(0)
    query, keys = torch.randn(4, 8), torch.randn(10, 8)
    expected = (query @ keys.T / 8**0.5).softmax(1).mean(0)
    found = relevance(memory_read, query, keys)
    assert torch.allclose(found, expected, atol=1e-6)
    assert float(found.sum()) == pytest.approx(1)


def test_of_two_sides_it_is_the_foregrounds() -> None:
    torch.manual_seed(0)
    query, keys = torch.randn(4, 8), torch.randn(10, 2 * 8 + 2)
    affinity = query @ keys[:, :8].T / 8**0.5 + keys[:, -2]
    assert torch.allclose(
        relevance(read_sides, query, keys), affinity.softmax(1).mean(0), atol=1e-6
    )


def test_alignments_attention_gives_its_similarity() -> None:
    torch.manual_seed(0)
    part = AdaptiveAlignment(6, width=4)
    templates, proposals = torch.randn(1, 6, 3, 3), torch.randn(1, 6, 3, 3)
    template_masks, masks = torch.rand(1, 3, 3), torch.rand(1, 3, 3)
    part.requires_grad_(False)
    attention = part.attention(templates[0], proposals[0], masks[0])
    assert torch.allclose(attention.sum(1), torch.ones(9), atol=1e-6)
    total = weight = 0.0
    for a in range(9):
        aligned = sum(attention[a, b] * proposals[0].flatten(1)[:, b] for b in range(9))
        alike = torch.cosine_similarity(templates[0].flatten(1)[:, a], aligned, dim=0)
        total += float(template_masks.flatten()[a] * alike)
        weight += float(template_masks.flatten()[a])
    found = part(templates, template_masks, proposals, masks, every_pair(1, 1))
    assert float(found) == pytest.approx(total / weight, abs=1e-5)
