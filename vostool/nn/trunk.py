"""Encoder trunks from timm, with extra input channels for masks.

Any timm network that has features at strides 4, 8 and 16 is a trunk (see also `refine_trunk`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vostool.core.errors import CheckpointError, UsageError, is_out_of_memory
from vostool.nn.folding import agree, fold_children
from vostool.nn.live_folding import Pair, folded_live, pairs_to_fold
from vostool.nn.mask_stem import MaskStem, convs_of
from vostool.nn.trunk_options import TrunkOptions

STRIDES = (4, 8, 16)
PROBE_SIZE = 64

_NAME = re.compile(r"(\w+)(\.\w+)?", re.ASCII)
"""An architecture of timm, perhaps with a tag of its weights; no "hf-hub:", no "local-dir:"."""


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
        strides: of the features.

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
        self.strides = strides
        self.net = _create(name, weights == "imagenet", options or TrunkOptions(), strides)
        self.channels: tuple[int, ...] = tuple(_feature_info(self.net).channels())
        if weights not in ("none", "imagenet"):
            load_trunk_weights(self.net, Path(weights))
        if mask_channels:
            _put_mask_stem(self.net, mask_channels)
        self._pairs: tuple[Pair, ...] | None = None

    def forward(
        self,
        images: torch.Tensor,
        masks: torch.Tensor | None = None,
        owner: torch.Tensor | None = None,
    ) -> list[torch.Tensor]:
        """`[V, 3, H, W]` (and masks, see `MaskStem`) -> features at the strides.

        BatchNorm, whose statistics are frozen in training, is then folded for each call.
        """
        inputs = images if masks is None else (images, masks, owner)
        if not self.training or torch.compiler.is_compiling():
            return self.net(inputs)
        with folded_live(self._folded_in_training()):
            return self.net(inputs)

    def _folded_in_training(self) -> Sequence[Pair]:
        """Where it is certain that this changes nothing; none where statistics are not frozen."""
        if any(part.training for part in self.modules() if isinstance(part, _BatchNorm)):
            return ()
        if self._pairs is None:
            probe = self._probe()
            inputs = probe[0] if len(probe) == 1 else probe
            self._pairs = pairs_to_fold(self.net, lambda: self.net(inputs))
        return self._pairs

    def stems(self) -> list[MaskStem]:
        """Where masks come in: one or none."""
        return [part for part in self.modules() if isinstance(part, MaskStem)]

    def fold(self) -> None:
        """Fold BatchNorm into convolutions and join those of the masks, in place, in eval mode.

        It is checked on random input: where folding would change the function, because children
        run in another order than they are listed, BatchNorm stays.
        """
        folded = copy.deepcopy(self.net)
        fold_children(folded)
        probe = self._probe()
        with torch.no_grad():
            before = self(*probe)
            plain, self.net = self.net, folded
            if not agree(before, self(*probe)):
                self.net = plain
        self._pairs = None
        for stem in self.stems():
            stem.join_masks()

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """All but the masks' convolutions, which no classifier has."""
        new = {id(value) for stem in self.stems() for value in stem.masks.parameters()}
        return [value for value in self.parameters() if id(value) not in new]

    def first_stages(self, stride: int) -> list[nn.Parameter]:
        """Pretrained parameters that its feature at this stride depends on.

        Raises:
            ValueError: it has no feature at this stride.
        """
        if stride not in self.strides:
            raise ValueError(f"no feature at stride {stride}, but at {self.strides}")
        parameters = [value for value in self.pretrained_parameters() if value.requires_grad]
        with self._probed() as (features, _):
            first = used([features[self.strides.index(stride)]], parameters)
        return [value for value in parameters if id(value) in first]

    def last_stage(self) -> list[nn.Parameter]:
        """Parameters of the last stage that it has, of those that require gradients.

        That is layer3 of a ResNet cut at stride 16, layer4 where stride 32 is needed (Refine-50) or
        where an output stride keeps it. Found with gradients, because architectures build their
        stages differently: what no feature before the last one depends on.
        """
        parameters = [value for value in self.parameters() if value.requires_grad]
        with self._probed() as (features, earlier):
            before = used([*features[:-1], *earlier], parameters)
            last = used(features[-1:], parameters)
        return [value for value in parameters if id(value) in last - before]

    @contextmanager
    def _probed(self) -> Iterator[tuple[list[torch.Tensor], list[torch.Tensor]]]:
        """Features of random input, and outputs of stages before the last, with gradients."""
        modes = [(part, part.training) for part in self.modules()]
        self.eval()
        earlier: list[torch.Tensor] = []
        hooks = [
            part.register_forward_hook(lambda part, inputs, output: earlier.append(output))
            for part in self._earlier_stages()
        ]
        try:
            with torch.inference_mode(False), torch.enable_grad():
                yield self(*self._probe()), earlier
        finally:
            for hook in hooks:
                hook.remove()
            for part, training in modes:
                part.training = training

    def _earlier_stages(self) -> list[nn.Module]:
        """Stages before the last one whose feature is given, also those that give none."""
        information = _feature_info(self.net)
        before = information.info[: information.out_indices[-1]]
        parts = dict(self.net.named_modules())
        return [parts[item["module"]] for item in before if item["module"] in parts]

    def _probe(self) -> tuple[torch.Tensor, ...]:
        """Random arguments of `forward`, always the same ones."""
        like = next(self.parameters())
        size = (1, 3, PROBE_SIZE, PROBE_SIZE)
        images = torch.randn(size, generator=torch.Generator().manual_seed(0)).to(like)
        stems = self.stems()
        if not stems:
            return (images,)
        masks = images[:, :1].repeat(1, stems[0].mask_channels, 1, 1)
        return images, masks, torch.zeros(1, dtype=torch.long, device=images.device)


def used(features: Sequence[torch.Tensor], parameters: Sequence[nn.Parameter]) -> set[int]:
    """Identities of the parameters that some feature depends on; of all, if there is no feature."""
    if not features:
        return {id(value) for value in parameters}
    total = torch.stack([feature.sum() for feature in features]).sum()
    gradients = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
    return {id(p) for p, g in zip(parameters, gradients, strict=True) if g is not None}


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
    strides = [conv.stride for conv in convs_of(module)]
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
    named = all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items())
    if not state or not named:
        raise CheckpointError("the file holds no dictionary of tensors", where=path)
    return state
