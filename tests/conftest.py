"""Shared fixtures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import settings

# Machines differ in speed: examples are fixed and have no deadline.
settings.register_profile("vostool", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("vostool")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # networks in tests are too small to share
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real videos, beside the repository; tests that need it skip without it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real videos (../shared/data) are not here")
    return folder


@pytest.fixture(autouse=True)
def _messages_as_before() -> Iterator[None]:
    """Commands set up how messages are shown; the next test starts without."""
    log = logging.getLogger("vostool")
    handlers, level = list(log.handlers), log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(0)
