"""The matching layer against values of public code, the exact solution, and its own definition."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from vostool.nn.assignment import MatchingLayer, Start, exact_assignment


def normal(name: str, shape: tuple[int, ...], factor: float = 1.0) -> torch.Tensor:
    """Numbers that a name stands for (the rule of the reference values)."""
    drawn = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    return torch.tensor(drawn.astype(np.float32) * np.float32(factor), dtype=torch.float64)


SMALL, LARGE = (3, 10), (5, 20)
AT = {
    SMALL: ((0, 0), (1, 1), (2, 7), (1, 9), (2, 5)),
    LARGE: ((0, 3), (1, 19), (4, 2), (0, 0), (4, 10)),
}
REFERENCE = [
    # size, steps, published, training, X at AT, dC of sum(XW) at the first of AT, mean |dC|
    (
        SMALL,
        10,
        True,
        True,
        (1.03691, 1.01205, 1.03357, -0.0312263, -0.0246248),
        (-0.113758, 0.0239647, 0.160501),
        0.0966431,
    ),
    (
        SMALL,
        10,
        False,
        True,
        (0.98469, 0.99393, 0.987977, -0.00282105, -0.00505598),
        (-0.0580718, 0.0325925, 0.0493545),
        0.0414775,
    ),
    (
        SMALL,
        10,
        False,
        False,
        (0.983135, 0.992655, 0.984757, -0.00314961, -0.00599828),
        (-0.0688207, 0.0356701, 0.0565958),
        0.0659277,
    ),
    (
        SMALL,
        40,
        True,
        True,
        (1.03641, 1.01146, 1.03166, -0.0340206, -0.0278777),
        (-0.112134, 0.0197911, 0.172491),
        0.0880506,
    ),
    (
        SMALL,
        40,
        False,
        False,
        (0.981722, 0.992731, 0.984469, -0.00312938, -0.00607309),
        (-0.0397761, 0.0206197, 0.0438219),
        0.0167357,
    ),
    (
        LARGE,
        10,
        True,
        True,
        (1.0387, 1.06066, 1.04594, 0.0658467, -0.0160589),
        (-0.172396, 0.0372863, 0.0722716, 0.34428),
        0.086007,
    ),
    (
        LARGE,
        10,
        False,
        True,
        (0.995458, 0.997786, 0.967924, 0.0418737, -0.00572799),
        (-0.0660823, 0.0132947, 0.118052, 0.298616),
        0.0288264,
    ),
    (
        LARGE,
        10,
        False,
        False,
        (0.992798, 0.988088, 0.943322, 0.0608539, -0.00681445),
        (-0.0867392, 0.0196386, 0.205942, 0.450315),
        0.0383896,
    ),
    (
        LARGE,
        40,
        True,
        True,
        (1.03681, 1.05301, 0.986796, 0.117669, -0.0196706),
        (-0.220401, 0.0420111, 0.376491, 0.747595),
        0.101751,
    ),
    (
        LARGE,
        40,
        False,
        False,
        (0.989239, 0.982436, 0.827298, 0.0895841, -0.00824851),
        (-0.137852, 0.00897076, 0.709913, 0.630805),
        0.0456899,
    ),
]


@pytest.mark.parametrize(
    ("size", "steps", "published", "training", "values", "slopes", "mean_slope"), REFERENCE
)
def test_public_code_gives_the_same(size, steps, published, training, values, slopes, mean_slope):
    """Values of DMM-Net's public code, and of its projections under our choice of iterates."""
    name = "x".join(map(str, size))
    cost = normal(f"dmm.C{name}", size, 0.3).requires_grad_()
    weight = normal(f"dmm.W{name}", size)
    layer = MatchingLayer(steps, published_iterates=published).train(training)
    found = layer(cost[None])[0]
    assert [found[i].item() for i in AT[size]] == pytest.approx(values, abs=2e-5)
    (found * weight).sum().backward()
    assert cost.grad is not None
    at_first = [cost.grad[i].item() for i in AT[size][: len(slopes)]]
    assert at_first == pytest.approx(slopes, abs=2e-5)
    assert cost.grad.abs().mean().item() == pytest.approx(mean_slope, abs=2e-5)


def agreement(layer: MatchingLayer, costs: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Share of problems whose row maxima are the exact solution; the soft assignments."""
    found = layer.eval()(costs)
    best = found.argmax(-1).numpy()
    exact = [linear_sum_assignment(cost.numpy())[1] for cost in costs]
    return float(np.mean([np.array_equal(a, b) for a, b in zip(best, exact, strict=True)])), found


def uniform_costs(problems: int, size: tuple[int, int]) -> torch.Tensor:
    drawn = np.random.default_rng(3).random((problems, *size))
    return torch.from_numpy(drawn)


def clear_costs(problems: int, size: tuple[int, int]) -> torch.Tensor:
    """Uniform costs in [0, 1] with one match per row that is cheaper by 1."""
    costs = uniform_costs(problems, size)
    generator = np.random.default_rng(4)
    for cost in costs:
        columns = generator.permutation(size[1])[: size[0]]
        cost[range(size[0]), columns] -= 1
    return costs


def test_many_steps_solve_the_program():
    costs = uniform_costs(300, (3, 10))
    share, found = agreement(MatchingLayer(400, 50, 0.1, Start.UNIFORM), costs)
    assert share >= 0.98
    exact = torch.stack([c[range(3), exact_assignment(c)].sum() for c in costs])
    assert ((found * costs).sum((1, 2)) - exact).abs().mean() < 0.02
    assert found.min() > -2e-3
    excess = (found.sum(1) - 1).clamp(min=0)
    assert excess.mean() < 1e-4
    assert excess.max() < 1e-3


def test_the_published_setting_finds_clear_matches():
    share, _ = agreement(MatchingLayer(), clear_costs(2000, (3, 10)))
    assert share >= 0.9


@pytest.mark.parametrize("start", list(Start))
@pytest.mark.parametrize("training", [True, False])
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 6), more=st.integers(0, 6))
@settings(max_examples=15, deadline=None)
def test_rows_sum_to_one(start, training, seed, rows, more):
    cost = torch.randn(2, rows, rows + more, generator=torch.Generator().manual_seed(seed))
    found = MatchingLayer(start=start).train(training)(cost)
    assert (found.sum(-1) - 1).abs().max() < 1e-5


def test_the_order_of_templates_and_proposals_does_not_matter():
    cost = uniform_costs(20, (4, 9))
    rows, columns = torch.tensor([2, 0, 3, 1]), torch.randperm(9)
    layer = MatchingLayer()
    moved = layer(cost[:, rows][:, :, columns])
    assert torch.allclose(moved, layer(cost)[:, rows][:, :, columns], atol=1e-12)


def test_problems_of_different_size_share_a_batch():
    small, large = uniform_costs(1, (2, 3))[0], uniform_costs(2, (4, 6))[1]
    cost = torch.full((2, 4, 6), 7.0, dtype=torch.float64)
    valid = torch.zeros(2, 4, 6, dtype=torch.bool)
    cost[0, :2, :3], valid[0, :2, :3] = small, True
    cost[1], valid[1] = large, True
    layer = MatchingLayer()
    together = layer(cost, valid)
    assert torch.allclose(together[0, :2, :3], layer(small[None])[0], atol=1e-12)
    assert torch.allclose(together[1], layer(large[None])[0], atol=1e-12)
    assert together[0, 2:].abs().max() == 0
    assert together[0, :, 3:].abs().max() == 0


def test_gradients_are_those_of_the_function():
    cost = normal("gradient", (2, 3, 5), 0.3).requires_grad_()
    assert torch.autograd.gradcheck(MatchingLayer(), (cost,))


def test_costs_learn_a_prescribed_assignment():
    wanted = torch.tensor([4, 1, 3])
    cost = normal("learned", (3, 6), 0.1).clone().requires_grad_()
    optimiser = torch.optim.Adam([cost], lr=0.05)
    layer = MatchingLayer()
    for _ in range(40):
        optimiser.zero_grad()
        loss = (layer(cost[None])[0] - torch.eye(6)[wanted]).square().sum()
        loss.backward()
        optimiser.step()
    assert layer.eval()(cost[None])[0].argmax(-1).tolist() == wanted.tolist()


def test_the_exact_assignment_takes_no_proposal_twice():
    cost = torch.tensor([[0.0, 1.0, 5.0], [0.1, 3.0, 5.0]])
    assert exact_assignment(cost).tolist() == [1, 0]  # 1.1, where both want column 0


def test_the_exact_assignment_refuses_what_it_cannot_solve():
    with pytest.raises(ValueError, match="3 templates cannot share 2 proposals"):
        exact_assignment(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="not finite"):
        exact_assignment(torch.tensor([[float("nan"), 0.0]]))


def test_half_precision_costs_are_solved_in_single():
    found = MatchingLayer()(uniform_costs(1, (3, 5)).half())
    assert found.dtype is torch.float32
