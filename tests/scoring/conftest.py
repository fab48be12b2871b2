"""The plain implementation of the official definitions, which the benchmark measures too."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_evaluate.py"


@pytest.fixture(scope="session")
def plain() -> ModuleType:
    """Module with plain_j, plain_f, plain_boundary, plain_scores."""
    spec = importlib.util.spec_from_file_location("plain_davis_definitions", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
