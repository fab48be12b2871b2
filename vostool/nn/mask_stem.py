"""The first convolution of a trunk that sees masks beside the image."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vostool.nn.folding import absorb, folded_weights
from vostool.nn.pairs import add_image_part


class MaskStem(nn.Module):
    """The RGB stem plus one single-channel convolution per mask; outputs are summed.

    With a first convolution as RGB stem, the masks' have its geometry: equal to one convolution
    over RGB and masks together (STM section 3.1), but the RGB part runs once per image however
    many objects there are. A deep stem (a sequence of 3x3 convolutions that halves the size, as in
    ResNeSt) gets 7x7 convolutions of stride 2, which join it after its last convolution.
    """

    def __init__(self, rgb: nn.Conv2d | nn.Sequential, mask_channels: int):
        super().__init__()
        self.rgb = rgb
        like = rgb if isinstance(rgb, nn.Conv2d) else _large_conv(self.last.out_channels)
        self.masks = nn.ModuleList(_single_channel_like(like) for _ in range(mask_channels))

    @property
    def last(self) -> nn.Conv2d:
        """The RGB convolution whose output the masks' are added to."""
        return convs_of(self.rgb)[-1]

    def mask_convs(self) -> list[nn.Conv2d]:
        """The single-channel convolutions, typed."""
        return [conv for conv in self.masks if isinstance(conv, nn.Conv2d)]

    def forward(
        self, inputs: torch.Tensor | tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """`(images [V, 3, H, W], masks [M, k, H, W], owner [M])` -> `[M, C, h, w]`.

        `owner` says which image a mask belongs to. Images alone are seen with masks of ones, M = V;
        where the RGB stem is frozen, nothing is learnt from those.
        """
        if isinstance(inputs, torch.Tensor):
            ones = torch.ones_like(inputs[:1, :1]).expand(-1, self.mask_channels, -1, -1)
            with torch.set_grad_enabled(torch.is_grad_enabled() and self._learns()):
                return self.rgb(inputs) + self._see_masks(ones)
        images, masks, owner = inputs
        return add_image_part(self._see_masks(masks), self.rgb(images), owner)

    @property
    def mask_channels(self) -> int:
        """Masks that it sees of each object."""
        return sum(conv.in_channels for conv in self.mask_convs())

    def _learns(self) -> bool:
        return any(value.requires_grad for value in self.rgb.parameters())

    def _see_masks(self, masks: torch.Tensor) -> torch.Tensor:
        seen = None
        start = 0
        for conv in self.mask_convs():
            part = conv(masks[:, start : start + conv.in_channels])
            seen = part if seen is None else seen.add_(part)
            start += conv.in_channels
        assert seen is not None
        return seen

    @torch.no_grad()
    def scale_masks(self, factor: float) -> None:
        """Multiply the masks' weights."""
        for conv in self.mask_convs():
            conv.weight.mul_(factor)

    def absorb(self, norm: _BatchNorm) -> None:
        """Take in the BatchNorm that follows, in place; one shift for the sum of all."""
        absorb(self.last, norm)
        for conv in self.mask_convs():
            conv.weight = folded_weights(conv, norm)[0]

    @property
    def out_channels(self) -> int:
        """Of the sum."""
        return self.last.out_channels

    @torch.no_grad()
    def join_masks(self) -> None:
        """Make one convolution of those of the masks, for inference: one pass instead of several.

        The names of the parameters change.
        """
        joined = copy.deepcopy(self.mask_convs()[0])
        joined.weight = nn.Parameter(torch.cat([conv.weight for conv in self.mask_convs()], 1))
        joined.in_channels = joined.weight.shape[1]
        self.masks = nn.ModuleList([joined])


def _single_channel_like(conv: nn.Conv2d) -> nn.Conv2d:
    """A freshly initialised, bias-free convolution of one input channel and the same geometry."""
    clone = copy.deepcopy(conv)
    clone.in_channels, clone.bias = 1, None
    clone.weight = nn.Parameter(torch.empty(conv.out_channels, 1, *conv.kernel_size))
    nn.init.kaiming_uniform_(clone.weight, a=5**0.5)
    return clone


def _large_conv(channels: int) -> nn.Conv2d:
    """ResNet's first convolution, which a deep stem stands for."""
    return nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)


def convs_of(module: nn.Module) -> list[nn.Conv2d]:
    """A convolution, or those of a sequence in order."""
    steps = module.children() if isinstance(module, nn.Sequential) else [module]
    return [step for step in steps if isinstance(step, nn.Conv2d)]
