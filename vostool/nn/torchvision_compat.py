"""Lets torchvision be imported where its compiled operators do not load.

A CPU build of torch beside a CUDA build of torchvision cannot load torchvision's library, and
`import torchvision` then fails because it registers shape functions for operators that nobody
declared. Declaring the missing schemas is enough for models and transforms; `enable_detection()`
also puts plain code in the place of the operators that detectors run (nms, roi_align). On a normal
install both change nothing. Call one before anything that imports torchvision (timm does).
"""

from __future__ import annotations

import math
import sys

import torch

from vostool.nn.roi import roi_align

MOST_SAMPLES = 16
"""Per cell and direction, where a detector asks for as many as there are pixels."""

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


def enable_detection() -> None:
    """As `enable`, and let detectors run where the compiled operators are missing."""
    enable()
    import torchvision.ops  # noqa: F401  (its modules are wanted below)

    extension = sys.modules["torchvision.extension"]
    if extension._has_ops():
        return
    sys.modules["torchvision.ops.boxes"]._assert_has_ops = _nothing  # type: ignore[attr-defined]
    # torchvision's own fallback is compiled when first called, which takes a minute and a compiler.
    sys.modules["torchvision.ops.roi_align"]._roi_align = _plain_roi_align  # type: ignore[attr-defined]


def _nothing() -> None:
    """In the place of a check that the operators are there."""


def _plain_roi_align(
    features: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """With torchvision's arguments: `rois [R, 5]` begin with the image's number.

    A sampling ratio of -1 (as many points as there are pixels, box by box) becomes that of the
    largest box for all.
    """
    if pooled_height != pooled_width:
        raise ValueError(f"only square grids are known here, not {pooled_height}x{pooled_width}")
    owner, boxes = rois[:, 0].long(), rois[:, 1:]
    samples = sampling_ratio
    if samples < 1:
        sides = torch.cat([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]]) * spatial_scale
        largest = float(sides.max()) if len(boxes) else 1.0
        samples = min(max(math.ceil(largest / pooled_height), 1), MOST_SAMPLES)
    return roi_align(features, boxes, owner, pooled_height, spatial_scale, aligned, samples)


def _declared(name: str) -> bool:
    return torch._C._dispatch_has_kernel(f"torchvision::{name}") or hasattr(
        torch.ops.torchvision, name
    )


def _forget_failed_import() -> None:
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
