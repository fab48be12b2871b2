"""Devices and precisions by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vostool.core.errors import UsageError
from vostool.nn.precision import (
    FAST_BF16_TRAINING_FLAGS,
    autocast,
    has_fast_bf16,
    resolve_device,
    resolve_precision,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "fast"),
    [
        ("fpu avx2 avx512f", False),
        ("fpu avx512f avx512_bf16", True),
        ("fpu amx_bf16 amx_tile", True),
        ("fpu xamx_bf16", False),
    ],
)
def test_bf16_is_used_where_the_processor_has_it(tmp_path: Path, flags: str, fast: bool) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"model name\t: X amx_bf16\nflags\t\t: {flags}\n\n")
    assert has_fast_bf16(CPU, info) is fast


def test_a_system_without_cpuinfo_has_none(tmp_path: Path) -> None:
    assert not has_fast_bf16(CPU, tmp_path / "absent")


def test_training_in_bf16_needs_matrix_instructions(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    for flags, fast in (("avx512_bf16 sse", False), ("amx_bf16 avx512_bf16", True)):
        info.write_text(f"processor : 0\nflags : fpu {flags}\n")
        assert has_fast_bf16(CPU, info, FAST_BF16_TRAINING_FLAGS) is fast
        assert has_fast_bf16(CPU, info)
    assert resolve_precision("bf16", CPU, training=True) is torch.bfloat16


def test_names() -> None:
    assert resolve_device("cpu") == CPU
    assert resolve_precision("fp32", CPU) is None
    assert resolve_precision("bf16", CPU) is torch.bfloat16
    assert resolve_precision("auto", CPU) is (torch.bfloat16 if has_fast_bf16(CPU) else None)
    with autocast(CPU, torch.bfloat16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
    with autocast(CPU, None):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cpu:x"])
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        resolve_device(name)


def test_unknown_precision() -> None:
    with pytest.raises(UsageError, match="unknown precision 'half'"):
        resolve_precision("half", CPU)
