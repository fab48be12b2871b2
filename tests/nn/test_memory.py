from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vostool.core.types import Fate
from vostool.nn import memory
from vostool.nn.memory import ObjectMemory, memory_read
from vostool.nn.part_choice import Sizes
from vostool.nn.parts.memories import euclidean

KEEP, REPLACE, SKIP = Fate.KEEP, Fate.REPLACE, Fate.SKIP


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def naive_read(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Triple loop over views, query pixels and memory pixels."""
    result = torch.zeros(query.shape[0], query.shape[1], values.shape[2], dtype=torch.float64)
    for view in range(query.shape[0]):
        for pixel in range(query.shape[1]):
            scores = [
                float(query[view, pixel].double() @ keys[view, other].double())
                / math.sqrt(query.shape[2])
                for other in range(keys.shape[1])
            ]
            weights = [math.exp(score - max(scores)) for score in scores]
            for other, weight in enumerate(weights):
                result[view, pixel] += weight / sum(weights) * values[view, other].double()
    return result


@pytest.mark.parametrize("chunk", [1, 4, 256])
def test_read_equals_triple_loop_and_fused_attention(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "QUERIES_PER_CHUNK", chunk)
    query, keys, values = random(2, 6, 8), random(2, 18, 8, seed=1), random(2, 18, 5, seed=2)
    read = memory_read(query, keys, values)
    torch.testing.assert_close(read.double(), naive_read(query, keys, values), atol=1e-5, rtol=0)
    fused = torch.nn.functional.scaled_dot_product_attention(query, keys, values)
    torch.testing.assert_close(read, fused, atol=1e-5, rtol=0)


def test_order_of_frames_does_not_matter_but_repeating_one_does() -> None:
    query, keys, values = random(1, 6, 8), random(1, 12, 8, seed=1), random(1, 12, 5, seed=2)
    read = memory_read(query, keys, values)
    swapped = torch.cat([keys[:, 6:], keys[:, :6]], 1), torch.cat([values[:, 6:], values[:, :6]], 1)
    torch.testing.assert_close(memory_read(query, *swapped), read, atol=1e-6, rtol=0)
    doubled = torch.cat([keys, keys], 1), torch.cat([values, values], 1)
    torch.testing.assert_close(memory_read(query, *doubled), read, atol=1e-6, rtol=0)
    one_twice = torch.cat([keys, keys[:, :6]], 1), torch.cat([values, values[:, :6]], 1)
    assert (memory_read(query, *one_twice) - read).abs().max() > 1e-3


def fill(capacity: int | None, plan: list[tuple[int, Fate]]) -> ObjectMemory:
    """A memory of 2-pixel frames whose key and value hold their own time."""
    bank = ObjectMemory(capacity)
    for time, fate in plan:
        bank.write(
            torch.full((1, 2, 3), float(time)), torch.full((1, 2, 4), float(time)), fate, time
        )
    return bank


@pytest.mark.parametrize(
    ("last", "expected"), [(6, [0, 5]), (11, [0, 5, 10]), (12, [0, 5, 10, 11])]
)
def test_every_fifth_and_previous_frame(last: int, expected: list[int]) -> None:
    plan = [(time, KEEP if time % 5 == 0 else REPLACE) for time in range(last)]
    assert fill(None, plan).times == expected


def test_contents_follow_times() -> None:
    bank = fill(None, [(0, KEEP), (1, REPLACE), (2, REPLACE), (3, KEEP), (4, REPLACE)])
    contents = bank.contents()
    assert contents is not None
    keys, values = contents
    assert sorted(keys[0, ::2, 0].tolist()) == [0, 3, 4]
    assert torch.equal(keys[..., 0], values[..., 0])
    bank.write(keys[:, :2], values[:, :2], SKIP, 5)
    assert bank.times == [0, 3]


def test_empty_memory_has_no_contents() -> None:
    assert ObjectMemory().contents() is None


def test_capacity_must_hold_the_first_and_another_frame() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        ObjectMemory(1)


@given(capacity=st.integers(2, 8), steps=st.lists(st.integers(1, 6), min_size=1, max_size=60))
def test_limit_keeps_the_first_and_the_newest_frame_evenly_spread(
    capacity: int, steps: list[int]
) -> None:
    times = [sum(steps[:count]) for count in range(len(steps) + 1)]
    bank = fill(capacity, [(time, KEEP) for time in times])
    assert len(bank.permanent) == min(capacity, len(times))
    assert bank.times[0] == 0
    assert bank.times[-1] == times[-1]
    contents = bank.contents()
    assert contents is not None
    assert sorted(contents[0][0, ::2, 0].tolist()) == bank.times


def test_limit_on_a_steady_stream_leaves_no_large_hole() -> None:
    bank = fill(10, [(time, KEEP) for time in range(0, 1000, 5)])
    gaps = [b - a for a, b in zip(bank.times, bank.times[1:], strict=False)]
    assert max(gaps) <= 3 * 1000 / 10


def test_euclidean_read_equals_a_triple_loop_over_distances() -> None:
    """STCN's similarity, with the term of the query that its softmax does not need."""
    query, keys, values = random(2, 5, 6), random(2, 9, 6, seed=1), random(2, 9, 3, seed=2)
    expected = torch.zeros(2, 5, 3, dtype=torch.float64)
    for view in range(2):
        for pixel in range(5):
            scores = [
                -sum((float(a) - float(b)) ** 2 for a, b in zip(query[view, pixel], key))
                / math.sqrt(6)
                for key in keys[view]
            ]
            weights = [math.exp(score) for score in scores]
            for other, weight in enumerate(weights):
                expected[view, pixel] += weight / sum(weights) * values[view, other].double()
    read = euclidean.build(euclidean.Config(), Sizes((1, 1), 6, 3, 1))
    found = read(query, keys, values)
    assert torch.allclose(found.double(), expected, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(read(query, keys, values), found)
