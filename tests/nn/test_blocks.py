"""Trunk, heads, ASPP, decoder, folding: what each must equal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from vostool.core.errors import CheckpointError, UsageError
from vostool.nn.aspp import ReadASPP
from vostool.nn.decoder import Decoder
from vostool.nn.folding import folded
from vostool.nn.key_value import ReadQueryConv2d
from vostool.nn.mask_stem import MaskStem
from vostool.nn.trunk import Trunk, load_trunk_weights, read_tensors
from vostool.nn.trunk_options import TrunkOptions

SMALL = "mobilenetv2_035"


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_mask_stem_equals_one_five_channel_convolution() -> None:
    stem = MaskStem(nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False), 2)
    images, masks = random(2, 3, 20, 24), random(3, 2, 20, 24, seed=1)
    owner = torch.tensor([0, 1, 1])
    whole = nn.Conv2d(5, 8, 7, stride=2, padding=3, bias=False)
    with torch.no_grad():
        whole.weight.copy_(torch.cat([stem.rgb.weight, *(conv.weight for conv in stem.masks)], 1))
    expected = whole(torch.cat([images[owner], masks], dim=1))
    torch.testing.assert_close(stem((images, masks, owner)), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["resnest14d", "resnet26d"])
@torch.no_grad()
def test_masks_join_a_deep_stem_after_its_last_convolution(name: str) -> None:
    with_masks, plain = Trunk(name, 2).eval(), Trunk(name).eval()
    scramble_batch_norm(plain)
    stem = with_masks.net.conv1
    names = {key: key.replace("conv1.", "conv1.rgb.", 1) for key in plain.net.state_dict()}
    weights = {
        names[key] if key.startswith("conv1.") else key: value
        for key, value in plain.net.state_dict().items()
    }
    missing, unexpected = with_masks.net.load_state_dict(weights, strict=False)
    assert (missing, unexpected) == (["conv1.masks.0.weight", "conv1.masks.1.weight"], [])
    last = [child for child in plain.net.conv1 if isinstance(child, nn.Conv2d)][-1]
    assert stem.masks[0].weight.shape == (last.out_channels, 1, 7, 7)

    images, masks, owner = random(2, 3, 48, 64), random(3, 2, 48, 64, seed=1), [1, 0, 1]
    before_norm = plain.net.conv1(images)[owner]
    for index in range(2):
        part = masks[:, index : index + 1]
        before_norm += nn.functional.conv2d(part, stem.masks[index].weight, stride=2, padding=3)
    expected = plain.net.layer1(plain.net.maxpool(plain.net.act1(plain.net.bn1(before_norm))))
    stride4 = with_masks(images, masks, torch.tensor(owner))[0]
    torch.testing.assert_close(stride4, expected, atol=1e-4, rtol=1e-4)
    for found, alone in zip(
        with_masks(images, masks[:2] * 0, torch.arange(2)), plain(images), strict=True
    ):
        torch.testing.assert_close(found, alone, atol=1e-4, rtol=1e-4)


def test_a_sequence_that_is_no_deep_stem_gets_masks_at_its_first_convolution() -> None:
    trunk = Trunk("dla34", 1)
    assert isinstance(trunk.net.base_layer[0], MaskStem)


def test_two_part_convolution_equals_the_plain_one() -> None:
    conv = ReadQueryConv2d(4, 3, 6, 3, dilation=2)
    plain = nn.Conv2d(7, 6, 3, padding=2, dilation=2)
    plain.load_state_dict(conv.state_dict())
    read, query = random(2, 4, 9, 11), random(2, 3, 9, 11, seed=1)
    parts = conv.read_part(read) + conv.query_part(query)
    torch.testing.assert_close(parts, plain(torch.cat([read, query], 1)), atol=1e-5, rtol=1e-5)


def test_aspp_equals_its_definition() -> None:
    aspp = ReadASPP(4, 3, 5, rates=(1, 2, 4)).eval()
    read, query = random(2, 4, 8, 8), random(1, 3, 8, 8, seed=1)
    owner = torch.zeros(2, dtype=torch.long)
    x = torch.cat([read, query.expand(2, -1, -1, -1)], 1)
    seen = [torch.relu(branch._conv_forward(x, branch.weight, None)) for branch in aspp.branches]
    expected = torch.relu(aspp.join(torch.cat(seen, 1)))
    result = aspp(read, aspp.query_part(query), owner)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rates", [(1, 2), (1, 2, 4, 8)])
def test_untrained_aspp_keeps_the_strength_of_its_input(rates) -> None:
    torch.manual_seed(0)
    aspp = ReadASPP(32, 32, 32, rates)
    read, query = random(2, 32, 24, 40), random(1, 32, 24, 40, seed=1)
    result = aspp(read, aspp.query_part(query), torch.zeros(2, dtype=torch.long))
    power = float(result.detach().square().mean() / read.square().mean())
    assert 0.5 < power < 2.0  # with torch's initialisation of convolutions: about 0.03


def test_decoder_shares_skips_between_objects_exactly() -> None:
    decoder = Decoder(6, 8, channels=4)
    skip4, skip8, x = random(1, 6, 16, 16), random(1, 8, 8, 8), random(3, 4, 4, 4)
    skips = decoder.prepare(skip4, skip8)
    together = decoder(x, skips, torch.zeros(3, dtype=torch.long))
    assert together.shape == (3, 2, 64, 64)
    for row in range(3):
        alone = decoder(x[row : row + 1], skips, torch.zeros(1, dtype=torch.long))
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def scramble_batch_norm(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(3)
    for child in module.modules():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            child.running_mean.copy_(torch.randn(child.num_features, generator=generator) * 0.1)
            child.running_var.copy_(torch.rand(child.num_features, generator=generator) + 0.5)
            child.weight.data.copy_(torch.rand(child.num_features, generator=generator) + 0.5)
            child.bias.data.copy_(torch.randn(child.num_features, generator=generator) * 0.1)


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d", "resnest14d", "resnet26d", SMALL])
@pytest.mark.parametrize("mask_channels", [0, 2])
def test_folding_batch_norm_keeps_the_features(name: str, mask_channels: int) -> None:
    holder = nn.ModuleDict({"trunk": Trunk(name, mask_channels)}).eval()
    scramble_batch_norm(holder)
    quick = folded(holder)
    kinds = {type(child).__name__ for child in quick.modules()}
    assert not any("BatchNorm" in kind for kind in kinds)
    arguments: tuple[torch.Tensor, ...] = (random(2, 3, 64, 96),)
    if mask_channels:
        arguments += (torch.rand(3, 2, 64, 96), torch.tensor([0, 0, 1]))
    with torch.no_grad():
        for a, b in zip(holder["trunk"](*arguments), quick["trunk"](*arguments), strict=True):
            assert (a - b).abs().max() < 1e-4 * max(1.0, float(a.abs().max()))


class OddOrder(nn.Module):
    """Children are listed in another order than they run in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.conv(self.norm(x))]


def test_folding_leaves_alone_what_it_would_change() -> None:
    trunk = Trunk(SMALL)
    trunk.net = OddOrder()
    holder = nn.ModuleDict({"trunk": trunk}).eval()
    scramble_batch_norm(holder)
    quick = folded(holder)
    image = random(1, 3, 8, 8)
    torch.testing.assert_close(quick["trunk"](image)[0], holder["trunk"](image)[0])


def test_trunk_has_the_three_strides() -> None:
    features = Trunk(SMALL)(torch.zeros(1, 3, 64, 96))
    assert [tuple(feature.shape[-2:]) for feature in features] == [(16, 24), (8, 12), (4, 6)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {"layers": (1, 1, 1, 2), "channels": (8, 8, 16, 24)}),
        ("resnet50", {"layers": (1, 1, 1, 2), "channels": (4, 4, 4, 8)}),
        ("mobilenetv2_035", {}),
    ],
)
@torch.no_grad()
def test_with_an_output_stride_the_last_stage_stays_and_sees_the_same_at_every_other_pixel(
    name, options
) -> None:
    strided = Trunk(name, options=TrunkOptions(**options), strides=(4, 8, 16, 32)).eval()
    dilated = Trunk(name, options=TrunkOptions(**options, output_stride=16)).eval()
    scramble_batch_norm(strided)
    dilated.net.load_state_dict(strided.net.state_dict(), strict=True)
    assert dilated.channels == (*strided.channels[:2], strided.channels[3])
    images = random(1, 3, 97, 129)
    fine, coarse = dilated(images), strided(images)
    assert [tuple(level.shape[-2:]) for level in fine] == [(25, 33), (13, 17), (7, 9)]
    torch.testing.assert_close(fine[0], coarse[0])
    torch.testing.assert_close(fine[2][..., ::2, ::2], coarse[3], atol=1e-4, rtol=1e-4)


def test_unknown_or_unfit_trunks_are_named() -> None:
    with pytest.raises(UsageError, match="resnet5000"):
        Trunk("resnet5000")
    with pytest.raises(UsageError, match="strides 4, 8, 16"):
        Trunk("vit_tiny_patch16_224")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(Trunk("resnet18").net.state_dict(), path)
    load_trunk_weights(Trunk("resnet18").net, path)
    with pytest.raises(CheckpointError, match="belong to another network"):
        load_trunk_weights(Trunk(SMALL).net, path)


class Payload:
    def __reduce__(self):
        return (print, ("executed",))


def test_damaged_or_pickled_weights_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pickle

    evil, short, missing = tmp_path / "evil.pth", tmp_path / "x.safetensors", tmp_path / "no.pth"
    evil.write_bytes(pickle.dumps(Payload()))
    short.write_bytes(b"\x10\x00\x00")
    for path, sentence in ((evil, "pickled"), (short, "truncated"), (missing, "no such")):
        with pytest.raises(CheckpointError, match=sentence):
            read_tensors(path)
    assert "executed" not in capsys.readouterr().out


def test_shared_imagenet_weights_load_completely(shared_data: Path) -> None:
    path = shared_data / "weights" / "mobilenetv2_100.safetensors"
    trunk = Trunk("mobilenetv2_100", 2, str(path), TrunkOptions(pad_type="same"))
    stored = read_tensors(path)
    assert torch.equal(trunk.net.conv_stem.rgb.weight, stored["conv_stem.weight"])
    assert trunk.channels == (24, 32, 96)


def test_images_alone_are_seen_with_masks_of_ones() -> None:
    stem = MaskStem(nn.Conv2d(3, 8, 3, padding=1), 2)
    images = random(2, 3, 9, 11)
    ones = torch.ones(2, 2, 9, 11)
    expected = stem((images, ones, torch.arange(2)))
    torch.testing.assert_close(stem(images), expected)
    stem.rgb.requires_grad_(False)
    assert not stem(images).requires_grad
    assert stem((images, ones, torch.arange(2))).requires_grad
