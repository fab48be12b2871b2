"""Which device and which arithmetic: `auto` finds out what the machine is good at."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from vostool.core.errors import UsageError

DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
FAST_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
"""Processor flags with which bf16 is quicker than fp32; elsewhere it is emulated and slow."""
FAST_BF16_TRAINING_FLAGS = frozenset({"amx_bf16"})
"""Flags with which training is. With vector instructions alone gradients of convolutions take
longer: a step of FAMNet small 1.1 to 1.2 times as long (`benchmarks/bench_training.py`)."""


def resolve_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:N` -> device.

    Raises:
        UsageError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(
            f"unknown device {name!r}", remedy="use auto, cpu, cuda or cuda:N"
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"no device {name!r} here", remedy="use --device cpu, or a torch build with CUDA"
        )
    return device


def resolve_precision(
    name: str, device: torch.device, *, training: bool = False
) -> torch.dtype | None:
    """`auto`, `fp32`, `bf16` or `fp16` -> dtype for autocast, None for plain fp32."""
    if name == "auto":
        flags = FAST_BF16_TRAINING_FLAGS if training else FAST_BF16_FLAGS
        return torch.bfloat16 if has_fast_bf16(device, flags=flags) else None
    if name not in DTYPES:
        raise UsageError(f"unknown precision {name!r}", remedy="use auto, fp32, bf16 or fp16")
    return DTYPES[name]


def precision_name(dtype: torch.dtype | None) -> str:
    """`fp32`, `bf16` or `fp16`: what `resolve_precision` makes the dtype of."""
    return next(name for name, value in DTYPES.items() if value is dtype)


def has_fast_bf16(
    device: torch.device,
    cpu_info: Path = Path("/proc/cpuinfo"),
    flags: Collection[str] = FAST_BF16_FLAGS,
) -> bool:
    """Whether bf16 matrix products are quicker than fp32 ones on this device."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    try:
        lines = cpu_info.read_text().splitlines()
    except OSError:
        return False
    shown = next((line for line in lines if line.startswith("flags")), "")
    return not set(flags).isdisjoint(shown.split())


def autocast(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager:
    """Autocast to `dtype`, or nothing for None."""
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)
