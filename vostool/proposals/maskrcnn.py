"""torchvision's Mask R-CNN (ResNet-50, FPN, second version), its classes ignored.

Weights are a file in torchvision's names, of any number of classes (those trained on COCO have 91),
or a checkpoint of a detector of objects of one class (`vostool train proposals-maskrcnn`). DMM-Net,
whose settings DMN-AOA takes over, keeps at most 50 detections whatever their score, without those
that overlap a better one by more than 0.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vostool.core.errors import CheckpointError
from vostool.core.types import ObjectProposals
from vostool.nn import mask_rcnn
from vostool.nn.trunk import read_tensors

FILES = ("weights of torchvision's maskrcnn_resnet50_fpn_v2, or a detector's checkpoint",)

LARGEST_OVERLAP = 0.4
MASK_THRESHOLD = 0.4
TRAINED, TRAINED_SIDES = "weights.network.", "weights.sides"
"""What tensors of a detector that `vostool train` has trained are called in its checkpoint."""


class MaskRCNN:
    """A `ProposalSource`.

    Args:
        network: in evaluation mode, on the device.
    """

    def __init__(self, network: nn.Module):
        self.network = network
        self._device = next(network.parameters()).device

    @torch.no_grad()
    def proposals(self, image: np.ndarray, video: str, frame: str) -> ObjectProposals:
        """See `ProposalSource.proposals`; boxes without a pixel of mask are left out."""
        tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        found = self.network([tensor.to(self._device)])[0]
        masks = found["masks"][:, 0] >= MASK_THRESHOLD
        kept = self._without_doubles(found["boxes"], found["scores"])
        kept = kept[masks[kept].flatten(1).any(1)]
        return ObjectProposals(
            found["boxes"][kept].cpu().float(), found["scores"][kept].cpu(), masks[kept].cpu()
        )

    def _without_doubles(self, boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Suppression whatever the class; the network's own goes class by class."""
        from torchvision.ops import nms

        finite = torch.isfinite(scores) & torch.isfinite(boxes).all(1)
        rows = finite.nonzero()[:, 0]
        return rows[nms(boxes[rows], scores[rows], LARGEST_OVERLAP)][: mask_rcnn.MOST]


def open_source(files: Sequence[Path], device: torch.device) -> MaskRCNN:
    """The detector with its weights.

    Raises:
        CheckpointError: missing, damaged, or weights of another network.
    """
    path = files[0]
    state = read_tensors(path)
    sides = mask_rcnn.SIDES
    if TRAINED_SIDES in state:
        short_side, long_side = state[TRAINED_SIDES].tolist()
        sides = (short_side, long_side)
        state = {
            name.removeprefix(TRAINED): value
            for name, value in state.items()
            if name.startswith(TRAINED)
        }
    last = state.get("roi_heads.box_predictor.cls_score.bias")
    if last is None or last.ndim != 1 or len(last) < 2:
        raise CheckpointError(
            "the file holds no weights of maskrcnn_resnet50_fpn_v2",
            where=path,
            remedy="save the state_dict of torchvision's network as .safetensors or .pth",
        )
    network = mask_rcnn.build(len(last), sides)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights are of another network than maskrcnn_resnet50_fpn_v2: "
            f"{str(error).splitlines()[1].strip()[:120]}",
            where=path,
            remedy="save the state_dict of torchvision's network as .safetensors or .pth",
        ) from error
    return MaskRCNN(network.eval().requires_grad_(False).to(device))
