"""Quantisation against plain numpy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vostool.predictions import quantise


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_quantisation_is_within_half_a_step_and_the_same_for_both_libraries(values):
    array = np.array(values, np.float32)
    planes = quantise.to_uint8(array)
    assert np.array_equal(planes, quantise.to_uint8(torch.from_numpy(array)))
    assert np.abs(quantise.from_uint8(planes) - array).max() <= quantise.STEP / 2 + 1e-6
    assert np.array_equal(quantise.to_uint8(quantise.from_uint8(planes)), planes)


def test_quantisation_rounds_and_clips():
    assert quantise.to_uint8(np.array([-0.1, 0, 0.0019, 0.002, 0.9981, 1, 2])).tolist() == [
        0, 0, 0, 1, 255, 255, 255,
    ]  # fmt: skip
