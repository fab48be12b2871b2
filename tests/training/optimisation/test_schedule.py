"""Learning-rate schedules against hand-computed factors."""

from __future__ import annotations

import pytest

from vostool.training.config import ScheduleOptions
from vostool.training.optimisation.schedule import learning_rate_factor


@pytest.mark.parametrize(
    ("options", "iteration", "factor"),
    [
        ({"name": "constant"}, 99, 1.0),
        ({"name": "step", "step_every": 0.25, "step_factor": 0.5}, 24, 1.0),
        ({"name": "step", "step_every": 0.25, "step_factor": 0.5}, 25, 0.5),
        ({"name": "step", "step_every": 0.25, "step_factor": 0.5}, 99, 0.125),
        ({"name": "step", "step_every": 0.1, "step_factor": 0.1}, 30, 1e-3),
        ({"name": "poly", "power": 0.9}, 0, 1.0),
        ({"name": "poly", "power": 0.9}, 50, 0.5**0.9),
        ({"name": "poly", "power": 2.0, "final": 0.1}, 50, 0.1 + 0.9 * 0.25),
        ({"name": "cosine"}, 50, 0.5),
        ({"name": "cosine", "final": 0.2}, 100, 0.2),
        ({"name": "constant", "warmup": 9}, 0, 0.1),
        ({"name": "constant", "warmup": 9}, 8, 0.9),
        ({"name": "constant", "warmup": 9}, 9, 1.0),
    ],
)
def test_factor(options: dict, iteration: int, factor: float) -> None:
    found = learning_rate_factor(ScheduleOptions(**options), iteration, 100)
    assert found == pytest.approx(factor)
