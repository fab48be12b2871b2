"""(image, object) pairs: what all objects of an image share, joined with what each has.

Axes: V images, M pairs; `owner [M]` is the image that a pair belongs to.
"""

from __future__ import annotations

import torch


def add_image_part(pairs: torch.Tensor, images: torch.Tensor, owner: torch.Tensor) -> torch.Tensor:
    """Add to each pair `[M, C, h, w]` the features of its image `[V, C, h, w]`, in place."""
    # A single image is broadcast: gathering would write a copy of it for every object.
    return pairs.add_(images if len(images) == 1 else images[owner])
