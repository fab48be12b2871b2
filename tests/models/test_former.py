"""Checkpoints of before networks were composed of parts: their choices and names of tensors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vostool.core.errors import CheckpointError
from vostool.models.former import current_names
from vostool.models.systems import famnet, scmn, stm
from vostool.training.checkpoints.checkpoint import load_start, load_weights

SHARED = {
    "backbone": "resnet18",
    "backbone_options": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]},
    "weights": "none",
    "mask_weights": 1.0,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "key_channels": 4,
    "value_channels": 8,
    "decoder_channels": 8,
    "pad": True,
    "detach_memory": False,
}
"""Keys that stayed."""
SMALL = {key: SHARED[key] for key in ("backbone", "backbone_options", "key_channels")}
SMALL |= {"value_channels": 8, "decoder_channels": 8}
FORMER_SCMN = {"spatial_constraint": True, "prior_weight": 2.0, "refinement": True}
CASES = [
    (stm, {"refine": False, "aspp_rates": [], "aspp_dropout": 0.0}, {}),
    (
        stm,
        {"refine": True, "aspp_rates": [1, 2], "aspp_dropout": 0.1},
        {"context": "pyramid", "mixer": {"name": "aspp", "rates": [1, 2], "dropout": 0.1}},
    ),
    (
        famnet,
        {"refine": False, "aspp_rates": [2, 4], "aspp_dropout": 0.0, "shared_heads": False},
        {"pad": True, "mixer": {"rates": [2, 4]}, "encoder": {"shared_heads": False}},
    ),
    (
        scmn,
        {**FORMER_SCMN, "refinement_channels": 4, "aspp_rates": [2], "aspp_dropout": 0.0},
        {
            "mixer": {"rates": [2]},
            "prior": {"prior_weight": 2.0},
            "refinement": {"channels": 4},
        },
    ),
    (
        scmn,
        {
            "spatial_constraint": False,
            "prior_weight": 0.0,
            "refinement": False,
            "refinement_channels": 64,
            "aspp_rates": [],
            "aspp_dropout": 0.0,
        },
        {"mixer": "convolution", "prior": "none", "refinement": "none"},
    ),
]


@pytest.mark.parametrize(("system", "former", "now"), CASES)
def test_choices_of_a_checkpoint_mean_what_they_meant(system, former, now) -> None:
    ours = system.Config.model_validate(json.loads(json.dumps({**SHARED, **former})))
    assert ours == system.Config(**{**SMALL, **now})
    again = system.Config.model_validate(json.loads(ours.model_dump_json()))
    assert again == ours


def test_a_former_key_overrides_a_recipes_part() -> None:
    assert scmn.Config(prior="spatial-constraint", spatial_constraint=False).prior.left_out
    assert scmn.Config(refinement_channels=8).refinement.options == {"channels": 8}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"spatial_constraint": "perhaps"}, "spatial_constraint must be true or false"),
        ({"refinement_channels": 8}, r"refinement_channels\n.*not permitted"),
    ],
)
def test_former_keys_that_make_no_sense_are_refused(values, words) -> None:
    with pytest.raises(ValueError, match=words):
        stm.Config(**values)


NAMES = {
    "memory_encoder.net.conv1.masks.0.weight": "encoder.memory.net.conv1.masks.0.weight",
    "query_encoder.trunk.net.bn1.bias": "encoder.query.trunk.net.bn1.bias",
    "encoder.net.conv1.rgb.weight": "encoder.shared.net.conv1.rgb.weight",
    "encoder.laterals.0.bias": "encoder.shared.laterals.0.bias",
    "memory_head.key.weight": "encoder.memory_head.key.weight",
    "query_head.value.bias": "encoder.query_head.value.bias",
    "aspp.branches.0.weight": "mixer.aspp.branches.0.weight",
    "compress.weight": "mixer.compress.weight",
    "constraint.conv.weight": "prior.conv.weight",
    "refinement.enter.weight": "refinement.enter.weight",
    "decoder.refine8.skip_conv.weight": "decoder.refine8.skip_conv.weight",
}
"""Names as checkpoints of version 0.1 hold them."""


def former_names(network) -> dict[str, torch.Tensor]:
    """The state of a network under the names that it had before."""
    renamed = {}
    for name, value in network.state_dict().items():
        for now, before in (
            ("encoder.memory.", "memory_encoder."),
            ("encoder.query.", "query_encoder."),
            ("encoder.shared.", "encoder."),
            ("encoder.memory_head.", "memory_head."),
            ("encoder.query_head.", "query_head."),
            ("mixer.", ""),
            ("prior.", "constraint."),
        ):
            if name.startswith(now):
                name = before + name.removeprefix(now)
                break
        renamed[name] = value
    return renamed


def test_names_of_tensors() -> None:
    tensors = {name: torch.tensor(index) for index, name in enumerate(NAMES)}
    assert current_names(tensors) == {NAMES[name]: value for name, value in tensors.items()}
    now = {new: torch.tensor(0) for new in NAMES.values()}
    assert current_names(now) == now


@pytest.mark.parametrize("context", ["none", "pyramid"])
@pytest.mark.parametrize("system", [stm, famnet, scmn], ids=["stm", "famnet", "scmn"])
def test_former_weights_load_completely(system, context) -> None:
    network = system.build(system.Config(**SMALL, context=context))
    other = system.build(system.Config(**SMALL, context=context))
    before = former_names(network)
    assert not before.keys() <= network.state_dict().keys()
    load_weights(other, before, Path("old.ckpt"))
    for name, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    with pytest.raises(CheckpointError, match=r"decoder\.predict\.bias is missing"):
        del before["decoder.predict.bias"]
        load_weights(other, before, Path("old.ckpt"))


def test_training_starts_from_a_former_checkpoint() -> None:
    start = stm.build(stm.Config(**SMALL))
    network = scmn.build(scmn.Config(**SMALL))
    new, left_out = load_start(network, former_names(start), Path("old.ckpt"))
    assert (new, left_out) == (["mixer", "prior", "refinement"], [])
    assert torch.equal(network.decoder.predict.weight, start.decoder.predict.weight)
