"""Mask R-CNN that is trained on VOS frames to find objects of any class, for proposals.

All annotated objects are one class (DMM-Net trains such a detector, on COCO and YouTube-VOS). That
boxes which overlap no annotation count less as background is our definition (METHODS B2, source 2).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from vostool.core.errors import CheckpointError, UsageError
from vostool.core.types import Clip
from vostool.models.segmenter import Prediction
from vostool.nn import mask_rcnn
from vostool.nn.mask_proposals import tight_boxes
from vostool.nn.trunk import read_tensors


class Config(BaseModel):
    """Choices of the detector."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: str = Field(
        "none",
        description='"none", or a file of maskrcnn_resnet50_fpn_v2 of any number of classes, such '
        "as torchvision's, trained on COCO; its classifiers are left out",
    )
    short_side: int = Field(
        mask_rcnn.SIDES[0], ge=32, description="pixels, to which it resizes frames"
    )
    long_side: int = Field(mask_rcnn.SIDES[1], ge=32, description="longest long side, pixels")
    far_negatives: float = Field(
        0.25, ge=0, le=1, description="share of the boxes far from annotations that are background"
    )
    far_overlap: float = Field(
        0.1, ge=0, le=1, description="boxes whose IoU with all annotations is smaller are far"
    )


class ObjectDetector(nn.Module):
    """Class 1 of 2 is any object.

    Attributes:
        network: torchvision's.
        sides: int64 `[2]`, short and long side, so that weights tell how to use them.
    """

    sides: torch.Tensor

    def __init__(self, config: Config):
        super().__init__()
        sides = (config.short_side, config.long_side)
        self.network: Any = mask_rcnn.build(2, sides)
        self.register_buffer("sides", torch.tensor(sides))
        for part in (self.network.rpn, self.network.roi_heads):
            part.proposal_matcher = mask_rcnn.SparingMatcher(
                part.proposal_matcher, config.far_negatives, config.far_overlap
            )

    def forward(self, clip: Clip) -> Prediction:
        """Training mode: the extra "detection" has the detector's losses by name, for all frames.

        An object that appears after a clip's first frame is not among its labels, and counts as one
        that is not annotated.
        """
        images = list(clip.images.flatten(0, 1))
        targets = [_target(labels) for labels in clip.labels.flatten(0, 1)]
        return Prediction(
            clip.images.new_zeros(0), None, {"detection": self.network(images, targets)}
        )


def _target(labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Boxes, masks and classes of label rows `[H, W]`."""
    rows = labels.unique()
    masks = labels[None] == rows[rows > 0][:, None, None]
    classes = torch.ones(len(masks), dtype=torch.int64, device=labels.device)
    return {"boxes": tight_boxes(masks), "labels": classes, "masks": masks.to(torch.uint8)}


def build(config: Config) -> ObjectDetector:
    """The detector, weights as its configuration says.

    Raises:
        CheckpointError: the file is missing, damaged, or of another network.
    """
    detector = ObjectDetector(config)
    if config.weights == "imagenet":
        raise UsageError(
            "weights of ImageNet are of a trunk, not of a detector",
            remedy="give a file of maskrcnn_resnet50_fpn_v2, or none",
        )
    if config.weights != "none":
        path = Path(config.weights)
        try:
            mask_rcnn.load_all_but_classes(detector.network, read_tensors(path))
        except RuntimeError:
            raise CheckpointError(
                "the weights are of another network than maskrcnn_resnet50_fpn_v2",
                where=path,
                remedy="save the state_dict of torchvision's network as .safetensors or .pth",
            ) from None
    return detector
