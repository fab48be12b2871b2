"""The foreground-background memory against its definition, pixel by pixel."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch.nn import functional as F

from vostool.nn.foreground_memory import ForegroundBackgroundMemory, Scheme

SCHEMES = get_args(Scheme)
SIZE = (5, 6)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small(**options) -> ForegroundBackgroundMemory:
    torch.manual_seed(0)
    return ForegroundBackgroundMemory(8, 4, 6, 32, **options)


def defined_read(part, query_embedding, frames, masks):
    """R^F, R^B of one instance by loops over query pixels; softmax over memory pixels."""
    query = part.query_key(query_embedding)[0].flatten(1)
    sides = []
    for side in range(2):
        keys, values, weights = [], [], []
        for frame, mask in zip(frames, masks):
            own = mask if side == 0 else 1 - mask
            if part.memory.prior:
                gate = torch.sigmoid(
                    part.memory.prior[side](torch.cat([frame, own[None, None]], 1))
                )
            else:
                gate = own
            keys.append(
                part.memory.key[0 if part.memory.shared_key else side](
                    frame if part.memory.shared_key else frame * gate
                )[0].flatten(1)
            )
            values.append(part.memory.value[side](frame * gate)[0].flatten(1))
            weights.append(own.flatten().clamp(min=1e-6))
        key, value, weight = torch.cat(keys, 1), torch.cat(values, 1), torch.cat(weights)
        found = torch.zeros(value.shape[0], query.shape[1])
        for pixel in range(query.shape[1]):
            affinity = (query[:, pixel, None] * key).sum(0) / math.sqrt(len(key))
            if part.memory.weighted:
                affinity = affinity + weight.log()
            found[:, pixel] = value @ affinity.softmax(0)
        sides.append(found.unflatten(1, SIZE))
    joined = torch.cat([*sides, part.query_value(query_embedding)[0]])[None]
    return F.relu(part.out[1](part.out[0](joined)))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("shared_key", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@torch.no_grad()
def test_read_equals_its_definition(scheme, shared_key, weighted) -> None:
    part = small(scheme=scheme, shared_key=shared_key, weighted=weighted)
    frames = [random(1, 8, *SIZE, seed=seed) for seed in (1, 2)]
    masks = [random(2, *SIZE, seed=seed).sigmoid() for seed in (3, 4)]
    stored = [part.memory(frame, mask[None]) for frame, mask in zip(frames, masks)]
    now = random(1, 8, *SIZE, seed=5)
    for row in range(2):
        key = torch.cat([key[:, row] for key, _ in stored], 1)
        value = torch.cat([value[:, row] for _, value in stored], 1)
        result = part.read(part.query(now), key, value)
        expected = defined_read(part, now, frames, [mask[row] for mask in masks])
        torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_empty_object_gives_finite_values_and_gradients(scheme) -> None:
    part = small(scheme=scheme)
    key, value = part.memory(random(1, 8, *SIZE), torch.zeros(1, 1, 80, 96))
    result = part.read(part.query(random(1, 8, *SIZE, seed=1)), key[:, 0], value[:, 0])
    result.sum().backward()
    assert bool(result.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in part.parameters() if p.grad is not None)


@torch.no_grad()
def test_weights_let_only_the_masked_pixels_speak() -> None:
    part = small()
    frame, now = random(1, 8, *SIZE), random(1, 8, *SIZE, seed=1)
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., 1:3, 1:3] = 1
    key, value = part.memory(frame, mask)
    inside = mask.flatten() == 1
    half = slice(0, 6)
    changed = value.clone()
    changed[:, :, ~inside, half] += 100.0  # foreground values of background pixels
    before = part.read(part.query(now), key[:, 0], value[:, 0])
    after = part.read(part.query(now), key[:, 0], changed[:, 0])
    torch.testing.assert_close(before, after, atol=2e-2, rtol=0)
    changed[:, :, inside, half] *= random(4, 1, seed=9) * 5
    assert (part.read(part.query(now), key[:, 0], changed[:, 0]) - before).abs().max() > 0.5


def test_every_parameter_takes_part() -> None:
    for scheme in SCHEMES:
        part = small(scheme=scheme)
        key, value = part.memory(random(1, 8, *SIZE), random(1, 1, *SIZE, seed=2).sigmoid())
        read = part.read(part.query(random(1, 8, *SIZE, seed=1)), key[:, 0], value[:, 0])
        read.square().sum().backward()
        assert all(p.grad is not None for p in part.parameters())


def test_masks_are_reduced_by_their_mean() -> None:
    part = small(weighted=True)
    mask = torch.zeros(1, 1, 80, 96)
    mask[..., :8, :16] = 1  # half of the first 16 x 16 pixels
    key, _ = part.memory(random(1, 8, *SIZE), mask)
    assert float(key[0, 0, 0, -2].detach()) == pytest.approx(math.log(0.5), abs=1e-5)
    assert float(key[0, 0, 0, -1].detach()) == pytest.approx(math.log(0.5), abs=1e-5)
