"""Matching against naive loops and against values of CFBI's published code."""

from __future__ import annotations

import pytest
import torch
from published import assert_summary, normal, rectangles
from torch.nn import functional as F

from vostool.nn.matching import global_matching
from vostool.nn.matching.distance import BoundedDistance, background_counterpart
from vostool.nn.matching.global_matching import ReferenceSet, nearest_squared
from vostool.nn.matching.local_matching import (
    halved_local_nearest,
    local_nearest,
    stored_order,
)

INFINITY = float("inf")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_labels(*shape: int, instances: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(instances, shape, generator=torch.Generator().manual_seed(seed))


def naive_global(query, reference, labels, instances, rate=1):
    """Loops over query and reference pixels."""
    result = torch.full((instances, *query.shape[1:]), INFINITY, dtype=torch.float64)
    for y in range(query.shape[1]):
        for x in range(query.shape[2]):
            for v in range(0, reference.shape[1], rate):
                for u in range(0, reference.shape[2], rate):
                    d = (query[:, y, x].double() - reference[:, v, u].double()).square().sum()
                    o = labels[v, u]
                    result[o, y, x] = min(result[o, y, x], d)
    return result


def naive_local(query, previous, labels, instances, window, rate=1):
    """Loops over pixels and the offsets of a window."""
    height, width = query.shape[1:]
    reach = window // rate * rate
    result = torch.full((instances, height, width), INFINITY, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            for v in range(y - reach, y + reach + 1, rate):
                for u in range(x - reach, x + reach + 1, rate):
                    if 0 <= v < height and 0 <= u < width:
                        d = (query[:, y, x].double() - previous[:, v, u].double()).square().sum()
                        o = labels[v, u]
                        result[o, y, x] = min(result[o, y, x], d)
    return result


@pytest.mark.parametrize("rate", [1, 2, 3])
@pytest.mark.parametrize("at_once", [1, 20, 1 << 20])
def test_global_matching_equals_loops(rate, at_once, monkeypatch) -> None:
    monkeypatch.setattr(global_matching, "DISTANCES_AT_ONCE", at_once)
    query, reference = random(2, 4, 5, 7), random(2, 4, 5, 7, seed=1)
    labels = random_labels(2, 5, 7, instances=3)
    found = ReferenceSet()
    found.add(reference, labels, 4, rate)  # the fourth instance has no pixel
    result = found.nearest(query)
    for view in range(2):
        expected = naive_global(query[view], reference[view], labels[view], 4, rate)
        torch.testing.assert_close(result[view].double(), expected, atol=1e-5, rtol=0)
    assert bool(result[:, 3].isinf().all())


def test_frames_added_later_count_and_bring_new_instances() -> None:
    query, first, second = (
        random(1, 4, 4, 4),
        random(1, 4, 4, 4, seed=1),
        random(1, 4, 4, 4, seed=2),
    )
    labels = random_labels(1, 4, 4, instances=2)
    later = random_labels(1, 4, 4, instances=3, seed=5)
    together = ReferenceSet()
    together.add(first, labels, 2)
    together.add(second, later, 3)
    expected = torch.minimum(
        naive_global(query[0], first[0], labels[0], 3),
        naive_global(query[0], second[0], later[0], 3),
    )
    torch.testing.assert_close(together.nearest(query)[0].double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("windows", "rate"), [((1, 2, 3), 1), ((2, 5), 2), ((4, 5, 7), 3)])
@pytest.mark.parametrize("size", [(5, 7), (4, 38)])
def test_local_matching_equals_loops_for_every_window(windows, rate, size) -> None:
    query, previous = random(2, 3, *size), random(2, 3, *size, seed=1)
    labels = random_labels(2, *size, instances=3)
    result = local_nearest(query, previous, labels, 3, windows, rate)
    for view in range(2):
        for index, window in enumerate(stored_order(windows)):
            expected = naive_local(query[view], previous[view], labels[view], 3, window, rate)
            torch.testing.assert_close(result[view, :, index].double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("rate", [1, 2])
def test_gradients_of_matching_are_those_of_the_plain_formula(rate: int) -> None:
    windows = (rate, 2 * rate)
    query, other = random(1, 3, 4, 5).requires_grad_(), random(1, 3, 4, 5, seed=1).requires_grad_()
    labels = random_labels(1, 4, 5, instances=2)
    found = ReferenceSet()
    found.add(other, labels, 3)
    near = BoundedDistance()(found.nearest(query)).sum()
    near = near + BoundedDistance()(local_nearest(query, other, labels, 3, windows, rate)).sum()
    grads = torch.autograd.grad(near, [query, other])

    apart = (query.flatten(2)[..., None] - other.flatten(2)[:, :, None]).square().sum(1)
    y, x = torch.arange(20) // 5, torch.arange(20) % 5
    gap = torch.maximum((y[:, None] - y).abs(), (x[:, None] - x).abs())
    met = ((y[:, None] - y) % rate == 0) & ((x[:, None] - x) % rate == 0)
    plain = torch.zeros(())
    for instance in range(3):
        own = labels.flatten() == instance
        for allowed in (own.expand(20, 20), *(own & met & (gap <= window) for window in windows)):
            d = apart[0].masked_fill(~allowed, INFINITY).amin(1)
            plain = plain + (2 * torch.sigmoid(d) - 1).sum()
    expected = torch.autograd.grad(plain, [query, other])
    for one, two in zip(grads, expected):
        assert bool(one.isfinite().all())
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


def test_background_counterpart_is_the_minimum_over_the_others() -> None:
    distances = random(2, 4, 2, 3, 3)
    found = background_counterpart(distances)
    for row in range(4):
        others = [other for other in range(4) if other != row]
        assert torch.equal(found[:, row], distances[:, others].amin(1))
    alone = distances[:, :1]
    assert torch.equal(background_counterpart(alone), alone)
    equal = torch.full((1, 3, 1), 0.5)
    assert torch.equal(background_counterpart(equal), equal)


def test_nothing_to_match_is_exactly_one_and_the_same_frame_zero() -> None:
    embedding = random(1, 8, 6, 6)
    labels = rectangles(6, 6, (1, 1, 4, 1, 4))
    found = ReferenceSet()
    found.add(embedding, labels, 3)
    distances = BoundedDistance()(found.nearest(embedding))
    assert bool((distances[:, 2] == 1).all())
    assert bool((distances[:, 1][labels == 1].abs() < 1e-5).all())
    near = BoundedDistance()(local_nearest(embedding, embedding, labels, 2, (1, 2)))
    assert bool((near[0, 1][:, labels[0] == 1].abs() < 1e-5).all())


def test_memory_bound_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(global_matching, "DISTANCES_AT_ONCE", 30)
    sizes = []
    plain = global_matching._smallest_product

    def watched(rows, columns):
        sizes.append(len(rows) * columns.shape[1])
        return plain(rows, columns)

    monkeypatch.setattr(global_matching, "_smallest_product", watched)
    nearest_squared(random(17, 4), random(10, 4, seed=1))
    assert max(sizes) <= 30 and sum(sizes) == 170


# Published values (CFBI, commit 91fc6a3)

REF, PREV, CUR = (
    normal(f"match.{name}", 16, 12, 14)[None] * 0.25 for name in ("ref", "prev", "cur")
)
REF_LABELS = rectangles(12, 14, (1, 1, 4, 2, 6), (2, 5, 9, 8, 12))
PREV_LABELS = rectangles(12, 14, (1, 2, 6, 3, 7), (2, 6, 11, 7, 11), (3, 0, 3, 9, 13))


@pytest.fixture
def bounded() -> BoundedDistance:
    module = BoundedDistance().requires_grad_(False)
    module.background.fill_(-0.3)
    module.foreground.fill_(0.2)
    return module


def test_the_rebuild_rule() -> None:
    start = (normal("match.ref", 16, 12, 14) * 0.25).flatten()[:2]
    torch.testing.assert_close(start, torch.tensor([-0.64860, 0.19960]), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("rate", "frames", "expected"),
    [
        (1, 1, ".579194 .294332 | .278221 .473895 .639716 1"),
        (2, 1, ".653431 .267245 | .52947 .778271 .707013 1"),
        (1, 2, ".439601 .180786 | .278221 .473895 .639716 .604354"),
    ],
)
def test_published_global_matching(rate, frames, expected, bounded) -> None:
    reference = ReferenceSet()
    for embedding, labels in [(REF, REF_LABELS), (PREV, PREV_LABELS)][:frames]:
        reference.add(embedding, labels, 4, rate)
    result = bounded(reference.nearest(CUR))
    assert result.shape == (1, 4, 12, 14)
    assert_summary(result, expected, 2e-5)
    if frames == 1 and rate == 1:
        counterpart = background_counterpart(result)
        assert_summary(counterpart, ".282332 .162082 | .730447 .197128 .309304 .248728", 2e-5)


LOCAL_PLACES = ((0, 0, 0, 0), (0, 1, 5, 7), (1, 1, 7, 8), (2, 1, 6, 9), (3, 0, 3, 12))


def assert_places(values: torch.Tensor, expected: str) -> None:
    wanted = [float(word) for word in expected.replace("|", " ").split()]
    found = [values.double().mean(), values.double().std(correction=0)]
    found += [values[place].double() for place in LOCAL_PLACES]
    torch.testing.assert_close(torch.stack(found), torch.tensor(wanted).double(), atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("windows", "rate", "expected", "counterpart"),
    [
        (
            (2, 4, 6),
            1,
            ".654745 .285711 | .200476 .41946 .952577 .707573 .455692",
            ".375377 .188899 | .430483 .604605 .741149 .485479 .202199",
        ),
        ((4, 8), 2, ".655648 .238284 | .287371 .507369 .764536 .747939 .771349", None),
        ((3, 5), 2, ".758599 .250213 | .41856 .528421 .952577 .765011 .771349", None),
    ],
)
def test_published_local_matching(windows, rate, expected, counterpart, bounded) -> None:
    result = bounded(local_nearest(CUR, PREV, PREV_LABELS, 4, windows, rate))
    assert_places(result[0], expected)
    if counterpart is not None:
        assert_places(background_counterpart(result)[0], counterpart)


def test_published_local_matching_on_halved_maps(bounded) -> None:
    near = bounded(halved_local_nearest(CUR, PREV, PREV_LABELS, 4, (1, 2)))[0]
    full = F.interpolate(near, (12, 14), mode="bilinear", align_corners=True)
    assert_places(full, ".612875 .360406 | .360453 .0611112 .621163 .37508 .486047")
    counterpart = background_counterpart(full[None])[0]
    assert_places(counterpart, ".246587 .202263 | .568859 .28227 .144657 .120806 .130054")
