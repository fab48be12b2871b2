"""Lets torchvision be imported where its compiled operators do not load.

A CPU build of torch beside a CUDA build of torchvision cannot load torchvision's library, and
`import torchvision` then fails because it registers shape functions for operators that nobody
declared. Declaring the missing schemas is enough for models and transforms. On a normal install
`enable()` changes nothing. Call it before anything that imports torchvision (timm does).
"""

from __future__ import annotations

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library: list[torch.library.Library] = []
"""Keeps the declarations alive: torch drops them when the Library object dies."""


def enable() -> list[str]:
    """Declare what is missing; returns the names declared by this call."""
    try:
        import torchvision  # noqa: F401  (its import loads the real operators where it can)

        return []
    except (RuntimeError, ImportError):
        missing = [name for name in _SCHEMAS if not _declared(name)]
    if missing:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in missing:
            library.define(name + _SCHEMAS[name])
        library.impl("nms", _nms_cpu, "CPU")
        _library.append(library)
    _forget_failed_import()
    return missing


def _declared(name: str) -> bool:
    return torch._C._dispatch_has_kernel(f"torchvision::{name}") or hasattr(
        torch.ops.torchvision, name
    )


def _forget_failed_import() -> None:
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


def _nms_cpu(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy non-maximum suppression: boxes `[P, 4]` (x1, y1, x2, y2) -> kept indices."""
    order = scores.argsort(descending=True, stable=True)
    boxes = dets[order]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    corner = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    far = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    inter = (far - corner).clamp(min=0).prod(-1)
    overlaps = inter / (area[:, None] + area[None] - inter) > iou_threshold
    alive = torch.ones(len(boxes), dtype=torch.bool)
    for index in range(len(boxes)):
        if alive[index]:
            alive[index + 1 :] &= ~overlaps[index, index + 1 :]
    return order[alive]
