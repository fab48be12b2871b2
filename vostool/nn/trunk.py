"""Encoder trunks from timm, with extra input channels for masks.

Any timm network that has features at strides 4, 8 and 16 is a trunk (see also `refine_trunk`).
"""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from vostool.core.errors import CheckpointError, UsageError, is_out_of_memory
from vostool.nn.pairs import add_image_part
from vostool.nn.trunk_options import TrunkOptions

STRIDES = (4, 8, 16)

_NAME = re.compile(r"(\w+)(\.\w+)?", re.ASCII)
"""An architecture of timm, perhaps with a tag of its weights; no "hf-hub:", no "local-dir:"."""


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
        return _convs(self.rgb)[-1]

    def mask_convs(self) -> list[nn.Conv2d]:
        """The single-channel convolutions, typed."""
        return [conv for conv in self.masks if isinstance(conv, nn.Conv2d)]

    def forward(self, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """`(images [V, 3, H, W], masks [M, k, H, W], owner [M])` -> `[M, C, h, w]`.

        `owner` says which image a mask belongs to.
        """
        images, masks, owner = inputs
        seen = None
        start = 0
        for conv in self.mask_convs():
            part = conv(masks[:, start : start + conv.in_channels])
            seen = part if seen is None else seen.add_(part)
            start += conv.in_channels
        assert seen is not None
        return add_image_part(seen, self.rgb(images), owner)

    @torch.no_grad()
    def scale_masks(self, factor: float) -> None:
        """Multiply the masks' weights."""
        for conv in self.mask_convs():
            conv.weight.mul_(factor)

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


def _convs(module: nn.Module) -> list[nn.Conv2d]:
    """A convolution, or those of a sequence in order."""
    steps = module.children() if isinstance(module, nn.Sequential) else [module]
    return [step for step in steps if isinstance(step, nn.Conv2d)]


class Trunk(nn.Module):
    """timm features at strides 4, 8 and 16 (or those asked for); later stages are dropped.

    With an output stride among the options, later stages are dilated: they have that stride, and
    the last of all stages that have it gives its feature (layer4 of a ResNet, as in DeepLabv3+).

    Args:
        name: any timm architecture.
        mask_channels: extra input channels (0 for an RGB trunk).
        weights: "none", "imagenet" (timm downloads them) or a weights file in timm's names.
        options: changes to the architecture.
        strides: of the features, ascending.

    Attributes:
        channels: numbers of channels at these strides.

    Raises:
        UsageError: unknown architecture, or one without these strides.
        CheckpointError: the weights cannot be had or do not fit.
    """

    def __init__(
        self,
        name: str,
        mask_channels: int = 0,
        weights: str = "none",
        options: TrunkOptions | None = None,
        strides: tuple[int, ...] = STRIDES,
    ):
        super().__init__()
        self.net = _create(name, weights == "imagenet", options or TrunkOptions(), strides)
        self.channels: tuple[int, ...] = tuple(_feature_info(self.net).channels())
        if weights not in ("none", "imagenet"):
            load_trunk_weights(self.net, Path(weights))
        if mask_channels:
            _put_mask_stem(self.net, mask_channels)

    def forward(
        self,
        images: torch.Tensor,
        masks: torch.Tensor | None = None,
        owner: torch.Tensor | None = None,
    ) -> list[torch.Tensor]:
        """`[V, 3, H, W]` (and masks, see `MaskStem`) -> features at the strides."""
        return self.net(images if masks is None else (images, masks, owner))


def _create(
    name: str, pretrained: bool, options: TrunkOptions, strides: tuple[int, ...]
) -> nn.Module:
    timm = _timm()
    _require_known(name)
    changes = options.model_dump()
    try:
        whole = timm.create_model(name, features_only=True, **changes)
    except (RuntimeError, TypeError, AssertionError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        raise UsageError(f"{name} cannot be a trunk with options {changes}: {error}") from error
    reductions = _feature_info(whole).reduction()
    if not set(strides) <= set(reductions):
        needed = ", ".join(map(str, strides))
        raise UsageError(
            f"{name} cannot be a trunk",
            remedy=f"it needs features at strides {needed}, and has {reductions}",
        )
    if options.output_stride is None:
        indices = tuple(reductions.index(stride) for stride in strides)
    else:
        indices = tuple(len(reductions) - 1 - reductions[::-1].index(stride) for stride in strides)
    try:
        net = timm.create_model(
            name, features_only=True, out_indices=indices, pretrained=pretrained, **changes
        )
    except Exception as error:
        if not pretrained:
            raise
        raise CheckpointError(
            f"the ImageNet weights of {name} could not be downloaded",
            remedy="connect this machine, or pass --weights FILE with weights in timm's names, or "
            f"--set model.weights=none ({type(error).__name__})",
        ) from error
    _drop_late_blocks(net)
    return net


def _timm() -> Any:
    """The library, also beside a torchvision whose operators do not load."""
    from vostool.nn import torchvision_compat

    with torch.device("cpu"):  # constants of these libraries are not to be on a caller's device
        torchvision_compat.enable()
        import timm

    return timm


def _require_known(name: str) -> None:
    """Refuse what is not a name in timm's own list: its other names fetch files.

    Raises:
        UsageError: naming similar networks.
    """
    timm = _timm()
    if _NAME.fullmatch(name) and timm.is_model(name):
        return
    close = timm.list_models(f"*{name}*")[:5] if _NAME.fullmatch(name) else []
    raise UsageError(
        f"timm has no network {name!r}",
        remedy=f"for example {', '.join(close or ['resnet50'])}",
    )


def _drop_late_blocks(net: nn.Module) -> None:
    """EfficientNet-like feature networks run stages that nobody asked for; cut them off."""
    blocks = getattr(net, "blocks", None)
    if isinstance(blocks, nn.Sequential):
        stages = [item.get("stage") for item in _feature_info(net).get_dicts()]
        if all(isinstance(stage, int) for stage in stages):
            net.blocks = blocks[: max(stages)]


def _feature_info(net: nn.Module) -> Any:
    """timm's description of a network's features (torch types attributes as modules)."""
    return net.feature_info


def _put_mask_stem(net: nn.Module, mask_channels: int) -> None:
    """Put a `MaskStem` where the network's first convolution, or its deep stem, is."""
    convs = (path for path, module in net.named_modules() if isinstance(module, nn.Conv2d))
    path = next(convs, None)
    if path is None:
        raise UsageError("the network has no convolution to extend with mask channels")
    parent, _, name = path.rpartition(".")
    if _is_deep_stem(net.get_submodule(parent)):
        parent, _, name = parent.rpartition(".")
    stem = getattr(net.get_submodule(parent), name)
    setattr(net.get_submodule(parent), name, MaskStem(stem, mask_channels))


def _is_deep_stem(module: nn.Module) -> bool:
    """Whether it is a sequence of several convolutions that halves the size, and ends in one."""
    if not isinstance(module, nn.Sequential) or not isinstance(module[-1], nn.Conv2d):
        return False
    strides = [conv.stride for conv in _convs(module)]
    return strides.count((2, 2)) == 1 and strides.count((1, 1)) == len(strides) - 1 > 0


def load_trunk_weights(net: nn.Module, path: Path) -> None:
    """Load a classifier's weights (safetensors, or a plain tensor file) into a trunk, in place.

    Raises:
        CheckpointError: missing, truncated, pickled objects, or made for another architecture.
    """
    state = read_tensors(path)
    needed = {key: value for key, value in net.state_dict().items() if "num_batches" not in key}
    wrong = [k for k, v in needed.items() if k not in state or state[k].shape != v.shape]
    if wrong:
        raise CheckpointError(
            f"the weights belong to another network: {len(wrong)} of {len(needed)} tensors do not "
            f"fit, first {wrong[0]}",
            where=path,
            remedy="give the file of the backbone that the recipe names",
        )
    net.load_state_dict({key: state[key] for key in needed}, strict=False)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a `.safetensors` file, or of a torch file that holds only tensors.

    Raises:
        CheckpointError: missing, damaged, or holding anything that would need unpickling of code.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError("there is no such weights file", where=path)
    try:
        if path.suffix in (".safetensors", ".ckpt"):
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise CheckpointError(
            "the file is truncated or no safetensors file", where=path, remedy="fetch it again"
        ) from error
    except Exception as error:
        raise CheckpointError(
            "the file is damaged, or holds pickled objects that are not loaded for safety",
            where=path,
            remedy="save it as a plain dictionary of tensors or as safetensors",
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError("the file holds no dictionary of tensors", where=path)
    return state
