from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from vostool.nn.aggregation import soft_aggregate


@given(st.lists(st.floats(0, 1, width=32), min_size=0, max_size=5))
def test_probabilities_sum_to_one_and_are_normalised_odds(values: list[float]) -> None:
    p = torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1)
    logits, result = soft_aggregate(p.float())
    assert torch.isfinite(logits).all()
    torch.testing.assert_close(result.sum(0), torch.ones(1, 1))
    channels = torch.cat([(1 - p).prod(0, keepdim=True), p]).clamp(1e-7, 1 - 1e-7)
    odds = channels / (1 - channels)
    torch.testing.assert_close(result.double(), odds / odds.sum(0), atol=2e-4, rtol=1e-3)


def test_one_object_has_the_closed_form() -> None:
    p = torch.linspace(0.02, 0.98, 49).reshape(1, 7, 7)
    expected = p**2 / (p**2 + (1 - p) ** 2)
    torch.testing.assert_close(soft_aggregate(p)[1][1:], expected, atol=1e-6, rtol=0)


def test_is_not_idempotent_and_keeps_the_winner() -> None:
    p = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    once = soft_aggregate(p)[1]
    channels = torch.cat([(1 - p).prod(0, keepdim=True), p])
    assert torch.equal(once.argmax(0), channels.argmax(0))
    assert (soft_aggregate(once[1:])[1] - once).abs().max() > 0.05


def test_certain_inputs_and_half_precision_stay_finite() -> None:
    labels = torch.tensor([[0, 1], [2, 2]])
    one_hot = torch.stack([(labels == row).half() for row in (1, 2)])
    logits, result = soft_aggregate(one_hot)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()
    assert torch.equal(result.argmax(0), labels)


def test_an_object_with_probability_zero_changes_nothing() -> None:
    p = torch.rand(2, 6, 6, generator=torch.Generator().manual_seed(1))
    with_absent = soft_aggregate(torch.cat([p, torch.zeros(1, 6, 6)]))[1]
    torch.testing.assert_close(with_absent[:3], soft_aggregate(p)[1], atol=1e-5, rtol=0)
