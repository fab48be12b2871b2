"""Making a trained network ready for inference: where it runs, in which form, at what precision."""

from __future__ import annotations

import torch
from torch import nn

from vostool.core.errors import UsageError
from vostool.nn.folding import folded
from vostool.nn.precision import resolve_device, resolve_precision


def prepare(
    segmenter: nn.Module, device: torch.device, *, compile_parts: bool = False
) -> nn.Module:
    """A copy in eval mode on `device`: parts folded, weights channels last.

    Args:
        segmenter: a network that keeps the `Segmenter` protocol; it is not modified.
        compile_parts: compile its direct parts (encoders, decoder, ...) with torch.compile. The
            first frames then take minutes; results may differ by rounding.
    """
    ready = folded(segmenter).requires_grad_(False)
    ready = ready.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compile_parts:
        for part in ready.children():
            part.compile()
    return ready


def resolve(device: str, precision: str) -> tuple[torch.device, torch.dtype | None]:
    """The device and the autocast type (None is fp32) that two options stand for.

    Raises:
        UsageError: no such device or precision, or fp16 on a processor, which only emulates it.
    """
    where = resolve_device(device)
    dtype = resolve_precision(precision, where)
    if dtype is torch.float16 and where.type == "cpu":
        raise UsageError(
            "fp16 is not for processors",
            remedy="use --precision bf16, fp32 or auto, or --device cuda",
        )
    return where, dtype
