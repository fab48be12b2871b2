"""(image, object) pairs: what all objects of an image share, joined with what each has.

Axes: V images, M pairs; `owner [M]` is the image that a pair belongs to.
"""

from __future__ import annotations

import torch


def add_image_part(pairs: torch.Tensor, images: torch.Tensor, owner: torch.Tensor) -> torch.Tensor:
    """Add to each pair `[M, C, h, w]` the features of its image `[V, C, h, w]`, in place."""
    # Gathering would write a copy of an image's features for every pair.
    if len(images) == 1:
        return pairs.add_(images)
    if _image_after_image(owner, len(images)):
        pairs.unflatten(0, (len(images), -1)).add_(images[:, None])
        return pairs
    return pairs.add_(images[owner])


def _image_after_image(owner: torch.Tensor, images: int) -> bool:
    """Whether all images have equally many pairs, in order; False where looking would cost."""
    each, rest = divmod(len(owner), images)
    # A GPU would have to be waited for, and a compiled graph would end here.
    if rest or owner.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    return torch.equal(owner, torch.arange(images).repeat_interleave(each))
