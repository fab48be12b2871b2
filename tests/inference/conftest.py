"""Videos of coloured squares for the engine's tests."""

from __future__ import annotations

import moving_squares
import pytest


@pytest.fixture
def squares():
    """Makes images, true masks and given masks; see `moving_squares.squares`."""
    return moving_squares.squares
