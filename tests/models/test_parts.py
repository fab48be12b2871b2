"""Networks of parts in any combination: they train, agree frame by frame, run, and fold."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from vostool.core.types import Clip, Fate
from vostool.inference.engine import Member, run_video
from vostool.inference.prepare import prepare
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.models import FrameViews
from vostool.models.space_time import SpaceTimeNetwork
from vostool.models.systems import famnet, scmn, stm
from vostool.nn.part_choice import ENCODER, KINDS, MEMORY, NONE, Kind
from vostool.recipe import build_model, load_recipe
from vostool.training.optimisation.optimiser import train_mode

SMALL = {
    "backbone": "resnet18",
    "backbone_options": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]},
    "key_channels": 4,
    "value_channels": 8,
    "decoder_channels": 8,
}
THIN = {"name": "residual", "channels": 4}
CROSSINGS = {
    "famnet with scmn's constraint": (famnet, {"prior": "spatial-constraint"}),
    "famnet with scmn's refinement": (famnet, {"refinement": THIN}),
    "famnet with all of scmn": (
        famnet,
        {"prior": {"name": "spatial-constraint", "prior_weight": 2.0}, "refinement": THIN},
    ),
    "famnet without aspp, with a pyramid": (famnet, {"mixer": "convolution", "context": "pyramid"}),
    "stm with famnet's encoder": (stm, {"encoder": "shared"}),
    "stm with a constraint": (stm, {"prior": "spatial-constraint"}),
    "scmn with famnet's encoder": (
        scmn,
        {"encoder": {"name": "shared", "shared_heads": False}, "refinement": THIN},
    ),
}


def with_partner(kind: Kind, name: str) -> dict[str, str]:
    """A part, and an encoder or a memory that stores what it reads or reads what it stores."""
    for own, other, word, partner in (
        (ENCODER, MEMORY, "STORES", "READS"),
        (MEMORY, ENCODER, "READS", "STORES"),
    ):
        wanted = getattr(own.module(name), word, "pixels") if kind is own else "pixels"
        if wanted != "pixels":
            fitting = [n for n in other.names() if getattr(other.module(n), partner, 0) == wanted]
            return {kind.word: name, other.word: fitting[0]}
    return {kind.word: name}


for kind in KINDS:
    for name in kind.names():
        CROSSINGS[f"stm, {kind.word} {name}"] = (stm, with_partner(kind, name))


def build(module, **values) -> SpaceTimeNetwork:
    torch.manual_seed(1)
    return module.build(module.Config(**SMALL, **values)).eval()


@pytest.fixture(params=list(CROSSINGS))
def network(request) -> SpaceTimeNetwork:
    """A small network whose parts all do something, with statistics unlike those of BatchNorm."""
    module, values = CROSSINGS[request.param]
    found = build(module, **values)
    generator = torch.Generator().manual_seed(0)
    for value in found.parameters():
        if not value.any():  # what begins with zero does nothing yet
            value.data.normal_(0, 0.05, generator=generator)
    for part in found.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1, generator=generator)
            part.running_var.uniform_(0.5, 1.5, generator=generator)
    return found


def clip_of(frames: int = 3) -> Clip:
    labels = torch.zeros(1, frames, 48, 64, dtype=torch.long)
    for frame in range(frames):
        labels[:, frame, 8:30, 4 + 2 * frame : 24 + 2 * frame] = 1
        labels[:, frame, 20:44, 36:58] = 2
    images = torch.rand(1, frames, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    return Clip(images, labels, torch.ones(1, 2, dtype=torch.bool))


def test_one_train_step_moves_every_part(network) -> None:
    before = copy.deepcopy(network.state_dict())
    train_mode(network)
    prediction = network(clip_of())
    loss = nn.functional.cross_entropy(prediction.logits[0], clip_of().labels[0, 1:])
    loss.backward()
    torch.optim.SGD(network.parameters(), 0.1).step()
    after = network.state_dict()
    for part, child in network.named_children():
        names = [name for name in after if name.startswith(f"{part}.")]
        moved = [name for name in names if not torch.equal(after[name], before[name])]
        assert moved or not list(child.parameters()), part
        assert not any("running" in name for name in moved)
    assert ("coarse" in prediction.extras) == (network.refinement is not None)


@torch.no_grad()
def test_training_pass_equals_frame_by_frame(network) -> None:
    clip = clip_of(4)
    whole = network(clip).probabilities
    images = network.input_spec.normalise(clip.images)
    frames = [FrameViews.whole(images[:, time], time) for time in range(4)]
    masks = (clip.labels[:, 0, None] == torch.arange(3)[:, None, None]).float()
    state = network.start()
    for before, now in pairwise(frames):
        fates = [Fate.KEEP if before.time else Fate.GIVEN] * 2
        network.memorize(before, network.encode(before), masks, state, fates)
        masks = network.segment(now, network.encode(now), state).probabilities
        torch.testing.assert_close(masks, whole[:, now.time - 1], atol=1e-4, rtol=0)


def test_one_inference_run_with_a_late_object_and_folding(network) -> None:
    clip = clip_of(4)
    images = [np.uint8(255 * image.permute(1, 2, 0).numpy()) for image in clip.images[0]]
    labels = clip.labels[0].numpy().astype(np.uint8)
    given = {0: np.where(labels[0] == 1, 1, 0).astype(np.uint8)}
    given[2] = np.where(labels[2] == 2, 2, 0).astype(np.uint8)
    source = ArraySource("v", images, given)
    ready = prepare(network, torch.device("cpu"))
    assert not any(isinstance(part, nn.BatchNorm2d) for part in ready.modules())
    runs = [
        list(run_video(source, [Member(one, parse_strategies(["every:2"]))], probabilities=True))
        for one in (network, ready)
    ]
    for one, other in zip(*runs, strict=True):
        assert one.probabilities.shape == (3, 48, 64)
        torch.testing.assert_close(one.probabilities, other.probabilities, atol=2e-3, rtol=0)
    assert not runs[0][1].probabilities[2].any()


@torch.no_grad()
def test_famnet_with_an_open_constraint_and_an_untrained_refinement_is_famnet() -> None:
    plain = build(famnet)
    crossed = build(famnet, prior="spatial-constraint", refinement=THIN)
    crossed.load_state_dict(plain.state_dict(), strict=False)
    nn.init.zeros_(crossed.prior.conv.weight)
    clip = clip_of()
    before = crossed(clip).probabilities
    assert (before - plain(clip).probabilities).abs().max() > 1e-4, "a constraint of 0.88"
    nn.init.constant_(crossed.prior.conv.bias, 50.0)
    assert torch.equal(crossed(clip).logits, plain(clip).logits)
    assert crossed.input_spec.every_frame and not plain.input_spec.every_frame


def test_a_recipe_crosses_systems() -> None:
    changes = ["model.prior=spatial-constraint", "model.refinement.name=residual"]
    recipe = load_recipe("famnet-mnv2-small", changes)
    assert recipe.model.name == "famnet"
    network = build_model(recipe.model, weights="none", device="meta")
    assert network.prior is not None and network.refinement is not None
    assert [type(part).__name__ for part in (network.encoder, network.mixer)] == [
        "SharedEncoder",
        "ASPP",
    ]
    assert load_recipe("famnet-mnv2-small").model.values["prior"]["name"] == NONE


def test_compiling_reaches_the_modules_that_are_called(monkeypatch) -> None:
    """An encoder has two entrances of its own; compiling it whole would compile neither."""
    compiled: list[str] = []
    monkeypatch.setattr(nn.Module, "compile", lambda part: compiled.append(type(part).__name__))
    prepare(build(stm), torch.device("cpu"), compile_parts=True)
    assert compiled.count("Trunk") == compiled.count("KeyValueHead") == 2
    assert {"Convolution", "Decoder"} <= set(compiled)
    assert "SeparateEncoders" not in compiled
