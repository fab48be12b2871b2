"""What a training needs of memory at the least, judged before anything is built or read."""

from __future__ import annotations

import torch
from torch import nn

from vostool.core.errors import UsageError, is_out_of_memory
from vostool.core.machine_memory import require_memory
from vostool.recipe import Recipe, build_model
from vostool.training.config import OptimiserOptions

PIXEL_BYTES = 3 * 4 + 8
"""Of a frame in a clip: float32 RGB, and int64 labels."""
_SMALLER_NETWORK = "choose fewer channels or blocks (--set model.NAME=...)"


def require_room(recipe: Recipe) -> None:
    """Refuse a recipe that this machine cannot train.

    Raises:
        UsageError: its network, with gradients and the optimiser's state, or one batch of clips
            needs more memory than there is; saying how much.
    """
    parts = [recipe.clip] if any(entry.video for entry in recipe.data.values()) else []
    sizes = [(part.frames, part.crop) for part in parts]
    if any(entry.stills for entry in recipe.data.values()):
        sizes.append((recipe.synthesis.frames, recipe.synthesis.crop))
    for frames, (height, width) in sizes:
        require_memory(
            recipe.loop.batch * frames * height * width * PIXEL_BYTES,
            f"a batch of {recipe.loop.batch:,} clips of {frames:,} frames of {height:,} x "
            f"{width:,} pixels",
            where=recipe.name,
            remedy="choose a smaller loop.batch (and more loop.accumulation), or a smaller crop",
        )
    require_memory(
        _network_bytes(recipe),
        "the network with its gradients and the optimiser's state",
        where=recipe.name,
        remedy=_SMALLER_NETWORK,
    )


def _network_bytes(recipe: Recipe) -> int:
    """Of weights, gradients and the optimiser's tensors, without taking them.

    Raises:
        UsageError: more than can be counted.
    """
    try:
        sketch = build_model(recipe.model, weights="none", device="meta")
    except (RuntimeError, TypeError) as error:
        if not is_out_of_memory(error):
            return 0  # a network that cannot be built so; building it says whether it can be at all
        raise UsageError(
            "the network has more weights than any machine has memory for",
            where=recipe.name,
            remedy=_SMALLER_NETWORK,
        ) from error
    copies = 2 + _slots(recipe.optimiser)
    learned = sum(_bytes(value) for value in sketch.parameters() if value.requires_grad)
    return sum(map(_bytes, sketch.state_dict().values())) + (copies - 1) * learned


def _slots(options: OptimiserOptions) -> int:
    """Tensors of a parameter's size that the optimiser keeps."""
    if options.name == "sgd":
        return 1 if options.momentum else 0
    return 2


def _bytes(value: torch.Tensor | nn.Parameter) -> int:
    return value.numel() * value.element_size()
