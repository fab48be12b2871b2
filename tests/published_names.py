"""Names that CFBI's and CFBI+'s published code have for what we call otherwise."""

from __future__ import annotations

BOTTLENECK = {
    "gate.": "GCT1.",
    "reduce.0": "conv1",
    "reduce.1": "bn1",
    "spread.0": "conv2",
    "spread.1": "bn2",
    "expand.0": "conv3",
    "expand.1": "bn3",
    "project": "downsample",
}
GATED_ASPP = {
    **{f"branches.{n}.0": f"aspp{n + 1}.GCT" for n in range(4)},
    **{f"branches.{n}.1": f"aspp{n + 1}.atrous_conv" for n in range(4)},
    **{f"branches.{n}.2": f"aspp{n + 1}.bn" for n in range(4)},
    "pooled": "global_avg_pool.1",
    "join.0": "GCT",
    "join.1": "conv1",
    "join.2": "bn1",
}
DEEPLAB_ASPP = {
    **{f"branches.{n}.0": f"aspp{n + 1}.atrous_conv" for n in range(4)},
    **{f"branches.{n}.1": f"aspp{n + 1}.bn" for n in range(4)},
    "pooled.0": "global_avg_pool.1",
    "pooled.1": "global_avg_pool.2",
    "join.0": "conv1",
    "join.1": "bn1",
}
DECODING = {
    "shortcut.0": "GCT_sc",
    "shortcut.1": "conv_sc",
    "shortcut.2": "bn_sc",
    "decode.0.gate.linear": "IA10.IA",
    "decode.0.block.0": "conv1",
    "decode.0.block.1": "bn1",
    "decode.1.gate.linear": "IA11.IA",
    "decode.1.block.0": "conv2",
    "decode.1.block.1": "bn2",
    "head.foreground": "IA_final_fg",
    "head.background": "IA_final_bg",
}
PLACES = [("stage4", 2), ("stage8", 3), ("stage16", 3)]


def gated_block(ours: str, gate: str, layer: str) -> dict[str, str]:
    """Names of one gated block."""
    parts = {f"{ours}.block.{key}": f"{layer}.{value}" for key, value in BOTTLENECK.items()}
    return parts | {f"{ours}.gate.linear": f"{gate}.IA"}


def ensembler_names(scales: bool) -> dict[str, str]:
    """Our names of the ensembler -> CFBI+'s, or CFBI's, which counts blocks through."""
    names = dict(DECODING)
    number = 0
    for stage, (ours, count) in enumerate(PLACES, start=1):
        for index in range(count):
            number += 1
            gate = f"S{stage}_IA{index + 1}" if scales else f"IA{number}"
            layer = f"S{stage}_layer{index + 1}" if scales else f"layer{number}"
            names |= gated_block(f"{ours}.{index}", gate, layer)
    names |= {f"context.block.{key}": f"ASPP.{value}" for key, value in GATED_ASPP.items()}
    return names | {"context.gate.linear": "ASPP_IA.IA" if scales else "IA9.IA"}


FPN = {
    "lateral16": "toplayer",
    "lateral8": "latlayer1",
    "lateral4": "latlayer2",
    "smooth8": "smooth1",
    "smooth4": "smooth2",
}
DECODER = {
    "low.0": "conv1",
    "low.1": "bn1",
    "first.0": "last_conv.0",
    "first.1": "last_conv.1",
    "second.0": "last_conv.4",
    "second.1": "last_conv.5",
}


def network_names() -> dict[str, str]:
    """Our names of CFBI+ -> published ones."""
    extracter = "feature_extracter"
    names = {"encoder.trunk.net": f"{extracter}.backbone"}
    names |= {f"encoder.aspp.{k}": f"{extracter}.aspp.{v}" for k, v in DEEPLAB_ASPP.items()}
    names |= {f"encoder.decoder.{k}": f"{extracter}.decoder.{v}" for k, v in DECODER.items()}
    names |= {f"encoder.pyramid.{k}": f"fpn.{v}" for k, v in FPN.items()}
    return names | {
        f"ensembler.{k}": f"dynamic_seghead.{v}" for k, v in ensembler_names(scales=True).items()
    }
