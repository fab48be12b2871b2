"""Writing behind, and making a network ready."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from vostool.core.errors import OutputError, UsageError
from vostool.inference.prepare import prepare, resolve
from vostool.inference.writer import WriteBehind


def test_jobs_run_in_order_in_another_thread():
    done = []
    with WriteBehind(ahead=2) as writer:
        for item in range(20):
            writer.submit(lambda item=item: done.append((item, threading.current_thread().name)))
        writer.flush()
        assert [item for item, _ in done] == list(range(20))
    assert {name for _, name in done} != {threading.current_thread().name}


def test_the_first_error_surfaces_and_stops_later_jobs():
    done = []

    def fail():
        raise OutputError("no space left")

    with pytest.raises(OutputError, match="no space"), WriteBehind(ahead=100) as writer:
        writer.submit(fail)
        writer.submit(done.append, 1)
    assert done == []


def test_an_interruption_leaves_no_gap():
    done = []
    with pytest.raises(KeyboardInterrupt), WriteBehind(ahead=100) as writer:
        for item in range(10):
            writer.submit(done.append, item)
        raise KeyboardInterrupt
    assert done == list(range(10))


def test_prepare_returns_a_ready_copy():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    network.train()
    ready = prepare(network, torch.device("cpu"))
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(module.training for module in ready.modules())
    images = torch.randn(1, 3, 8, 8)
    assert torch.allclose(ready(images), network.eval()(images), atol=1e-5)
    assert ready[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_fp16_is_refused_on_processors():
    assert resolve("cpu", "fp32") == (torch.device("cpu"), None)
    assert resolve("cpu", "bf16")[1] is torch.bfloat16
    with pytest.raises(UsageError, match="fp16"):
        resolve("cpu", "fp16")
