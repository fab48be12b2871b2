"""torchvision's Mask R-CNN (ResNet-50, FPN, second version) as a finder of objects of any class.

What DMM-Net states, whose settings DMN-AOA takes over: at most 50 detections whatever their score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from vostool.nn import torchvision_compat

MOST = 50
SIDES = (480, 864)
"""Short and longest long side to which the detector resizes frames."""
OF_CLASSES = ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits.")
"""Parts whose shape depends on the number of classes."""


def build(classes: int, sides: tuple[int, int] = SIDES) -> Any:
    """The network without weights; `classes` counts the background."""
    torchvision_compat.enable_detection()
    from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

    return maskrcnn_resnet50_fpn_v2(
        weights=None,
        weights_backbone=None,
        num_classes=classes,
        min_size=sides[0],
        max_size=sides[1],
        box_score_thresh=0.0,
        box_nms_thresh=0.5,
        box_detections_per_img=2 * MOST,
    )


def load_all_but_classes(network: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Weights of a network of any number of classes; what depends on that number stays new.

    Raises:
        RuntimeError: they are of another network.
    """
    own = network.state_dict()
    new = {name for name in own if name.startswith(OF_CLASSES)}
    kept = {name: value for name, value in state.items() if name not in new}
    network.load_state_dict(kept | {name: own[name] for name in new})


class SparingMatcher:
    """Anchors and boxes to true boxes; of those far from all, only a share counts as background.

    In VOS data many objects are not annotated: what overlaps no annotation may well be one.

    Args:
        matcher: torchvision's.
        share: of the far ones that count, drawn anew each time.
        overlap: those whose best intersection over union is below it are far.
    """

    BELOW_LOW_THRESHOLD, BETWEEN_THRESHOLDS = -1, -2

    def __init__(self, matcher: Any, share: float, overlap: float):
        self.matcher, self.share, self.overlap = matcher, share, overlap

    def __call__(self, quality: torch.Tensor) -> torch.Tensor:
        """Index of the true box for each of A boxes, -1 for background, -2 for neither.

        Args:
            quality: intersection over union `[G, A]` with the true boxes.
        """
        found = self.matcher(quality)
        far = (found == self.BELOW_LOW_THRESHOLD) & (quality.amax(0) < self.overlap)
        spared = far & (torch.rand(far.shape, device=far.device) >= self.share)
        return torch.where(spared, self.BETWEEN_THRESHOLDS, found)
