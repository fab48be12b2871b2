"""The benchmark of the ensemble runs, and both of its ways compute the same."""

from __future__ import annotations

import importlib
import re

import numpy as np


def test_prints_the_ratio_and_the_members_agree(script, capsys):
    script("bench_ensemble").main(
        ["--size", "48x64", "--networks", "resnet18", "--views", "flip", "--objects", "2",
         "--frames", "1", "--memory", "2"]
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert "6 members of FAMNet resnet18, 2 objects, 48x64" in printed
    ((ratio, difference),) = re.findall(r"│ +(\d+\.\d\d) │ <= 0\.65 │ +(\d+\.\d\d) │", printed)
    assert float(ratio) > 0
    assert float(difference) <= 1


def test_members_differ_so_that_agreement_says_something(script):
    """Each of the separate runs, left out, would change the mean by more than rounding does."""
    ensemble, measure = script("bench_ensemble"), script("_measure")
    famnet = importlib.import_module("vostool.models.systems.famnet")
    small = {"key_channels": 8, "value_channels": 16, "decoder_channels": 8}
    networks = [measure.random_network("resnet18", famnet, **small)]
    video = measure.synthetic_video((48, 64), 6, 1)
    whole, less = (
        list(ensemble.separate(networks, video, 2, views))[-1] for views in ("flip", "none")
    )
    assert whole.shape == (2, 48, 64)
    assert np.allclose(whole.sum(0), 1, atol=0.01)
    assert np.abs(whole - less).max() > 1 / 255
