"""Object context and pyramid attention: published values, definitions and sizes."""

from __future__ import annotations

import pytest
import torch
from published import assert_summary, fill, normal, parameter, renamed
from torch import nn
from torch.nn import functional as F

from vostool.nn.context.object_context import AtrousObjectContext, ObjectContext
from vostool.nn.context.pyramid_attention import PyramidAttention, TransposedPyramidAttention


def leaky(channels: int) -> nn.Module:
    """Batch-normalised leaky ReLU, as published OCNet has it (not in place)."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.LeakyReLU(0.01))


def plain(channels: int) -> nn.Module:
    """No normalisation."""
    return nn.Sequential(nn.Identity(), nn.ReLU())


ATTENTION = {
    "key.0": "f_key.0",
    "key.1.0": "f_key.1",
    "value": "f_value",
    "out": "W",
}


@pytest.mark.parametrize(
    ("activate", "expected"),
    [
        (leaky, ".291225 .438604 | -.00660475 .436741 .831391 .405392"),
        (plain, ".3094 .451731 | .347179 .534644 .907925 .272975"),
    ],
)
@torch.no_grad()
def test_published_object_context(activate, expected) -> None:
    context = ObjectContext(24, 16, 12, activate=activate).eval()
    names = {f"attention.{key}": f"stages.0.{value}" for key, value in ATTENTION.items()}
    names |= {"join.0": "conv_bn_dropout.0", "join.1.0": "conv_bn_dropout.1"}
    fill(context, "boc.", renamed(names))
    assert_summary(context(normal("boc.x", 2, 24, 6, 7)), expected)


@pytest.mark.parametrize(
    ("activate", "expected"),
    [
        (leaky, ".224783 .321372 | .442954 -.00247784 -.00185846 -.00811427"),
        (plain, ".238082 .332682 | .194905 .080866 .00390857 .327389"),
    ],
)
@torch.no_grad()
def test_published_atrous_object_context(activate, expected) -> None:
    context = AtrousObjectContext(20, 32, rates=(2, 3, 4), activate=activate).eval()
    names = {f"context.2.{key}": f"context.2.stages.0.{value}" for key, value in ATTENTION.items()}
    names |= {"context.1.0": "context.1", "join.0": "conv_bn_dropout.0"}
    names |= {"context.3": "context.2.conv_bn_dropout.0"}
    names |= {"context.4.0": "context.2.conv_bn_dropout.1"}
    names |= {"join.1.0": "conv_bn_dropout.1"}
    for index in range(4):
        names |= {f"branches.{index}.0": f"conv{index + 2}.0"}
        names |= {f"branches.{index}.1.0": f"conv{index + 2}.1"}
    fill(context, "aoc.", renamed(names))
    assert_summary(context(normal("aoc.x", 2, 20, 9, 11)), expected)


def test_untrained_object_context_sees_only_the_pixel() -> None:
    context = ObjectContext(64).eval()
    x = torch.randn(1, 64, 5, 6, generator=torch.Generator().manual_seed(0))
    assert bool((context.attention(x) == 0).all())


def test_parameters_of_object_context_at_full_width() -> None:
    # Shared keys 256 -> 128, values to 128 as in public code, W back, and the 1x1 over both.
    count = sum(p.numel() for p in ObjectContext(256, activate=leaky).parameters())
    norms = 2 * (128 + 256)
    assert count - norms == 2 * (256 * 128 + 128) + (128 * 256 + 256) + (512 * 256 + 256)
    assert round((count - norms) / 1e6, 2) == 0.23
    atrous = sum(p.numel() for p in AtrousObjectContext(256, 256, 256).parameters())
    assert round(atrous / 1e6, 2) == 2.99


PUBLISHED_FPA = {
    "master.0": "conv_master",
    "master.1": "bn_master",
    "pooled": "conv_gpb",
    "attend.0": "conv_upsample_1",
    "attend.1": "bn_upsample_1",
    **{
        f"{ours}.{index}.{part}": f"{names[part]}_{number}"
        for ours, suffix in (("down", 1), ("beside", 2))
        for index, size in enumerate((7, 5, 3))
        for names, number in (((f"conv{size}x{size}", f"bn{index + 1}"), suffix),)
        for part in (0, 1)
    },
    **{f"up.{index}.0": f"conv_upsample_{index + 2}" for index in (0, 1)},
    **{f"up.{index}.1": f"bn_upsample_{index + 2}" for index in (0, 1)},
}


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("x16x16", (2, 16, 16, 16), ".0482371 .0961299 | .00243968 .0678905 .081618 .0801405"),
        ("x8x24", (2, 16, 8, 24), ".0551752 .107135 | .111794 .00325069 .201666 .287189"),
    ],
)
@torch.no_grad()
def test_published_pyramid_attention(name, size, expected) -> None:
    attention = TransposedPyramidAttention(16, norm=nn.BatchNorm2d).eval()
    fill(attention, "fpa.", renamed(PUBLISHED_FPA))
    # Published code normalises the pooled branch; at inference that is part of its convolution.
    scale, bias, mean, variance = (
        parameter(f"fpa.bn_gpb.{key}", (16,))
        for key in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / (variance + 1e-5).sqrt()
    weight = parameter("fpa.conv_gpb.weight", (16, 16, 1, 1))
    attention.pooled.weight.copy_(weight * scale[:, None, None, None])
    attention.pooled.bias.copy_(bias - mean * scale)
    assert_summary(attention(normal(f"fpa.{name}", *size)), expected)


@pytest.mark.parametrize("kind", [PyramidAttention, TransposedPyramidAttention])
@pytest.mark.parametrize("size", [(30, 30), (15, 17), (4, 5), (1, 3)])
def test_pyramid_attention_takes_any_size(kind, size) -> None:
    x = torch.randn(1, 64, *size, generator=torch.Generator().manual_seed(0))
    result = kind(64)(x)
    assert result.shape == x.shape and bool(result.isfinite().all())


@torch.no_grad()
def test_pyramid_attention_equals_its_definition() -> None:
    attention = PyramidAttention(64, 32)
    x = torch.randn(2, 64, 30, 22, generator=torch.Generator().manual_seed(0))

    def up(maps, like):
        return F.interpolate(maps, like.shape[2:], mode="bilinear", align_corners=True)

    d1 = F.relu(attention.down[0](x))
    d2 = F.relu(attention.down[1](d1))
    d3 = F.relu(attention.down[2](d2))
    assert [tuple(d.shape[2:]) for d in (d1, d2, d3)] == [(15, 11), (8, 6), (4, 3)]
    u2 = F.relu(attention.beside[1](d2) + up(attention.beside[2](d3), d2))
    u1 = F.relu(attention.beside[0](d1) + up(u2, d1))
    pooled = attention.pooled(F.adaptive_avg_pool2d(x, 1))
    expected = attention.master(x) * attention.attend(up(u1, x)) + pooled
    torch.testing.assert_close(attention(x), expected, atol=1e-5, rtol=1e-5)


def test_parameters_of_pyramid_attention_at_full_width() -> None:
    count = sum(p.numel() for p in PyramidAttention(256).parameters())
    assert round(count / 1e6, 2) == 1.43
