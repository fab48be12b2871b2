"""The running mean against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vostool.ensembling.running_mean import RunningMean


def test_running_mean_is_the_weighted_mean(rng):
    volumes = rng.random((4, 3, 5, 6)).astype(np.float32)
    weights = [1.0, 2.0, 0.5, 0.0]
    running = RunningMean()
    for volume, weight in zip(volumes, weights):
        running.add(torch.from_numpy(volume.copy()), weight)
    expected = np.average(volumes, axis=0, weights=weights)
    assert np.allclose(running.mean().numpy(), expected, atol=1e-6)


def test_running_mean_leaves_its_members_alone_and_refuses_other_shapes():
    first = torch.ones(2, 2)
    running = RunningMean()
    running.add(first)
    assert running.mean() is first, "no copy of a single one"
    running.add(torch.zeros(2, 2))
    running.add(torch.zeros(2, 2), 2.0)
    assert first.sum() == 4 and running.mean().sum() == 1
    with pytest.raises(ValueError, match="cannot average"):
        running.add(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="mean of nothing"):
        RunningMean().mean()
