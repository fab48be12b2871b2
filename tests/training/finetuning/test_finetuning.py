"""Tuning a copy: what changes and what does not, how it ends, and that it can be repeated."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from vostool.models import Prediction
from vostool.models.systems import famnet, scmn
from vostool.training.finetuning.clips import GivenFrame
from vostool.training.finetuning.finetuner import Ending, Finetuner, TrainedWith, can_be_trained
from vostool.training.finetuning.options import FinetuneOptions
from vostool.training.objective import objective_of

SIZE = (48, 64)
CPU = torch.device("cpu")


def frame(seed: int = 0) -> GivenFrame:
    """A red object on noise."""
    image = np.random.default_rng(seed).integers(60, 160, (*SIZE, 3)).astype(np.uint8)
    mask = np.zeros(SIZE, np.uint8)
    mask[10:34, 14:40] = 7
    image[mask > 0] = (230, 40, 40)
    return GivenFrame(image, mask)


@pytest.fixture(scope="module")
def network():
    """A small FAMNet with random weights."""
    torch.manual_seed(0)
    choices = {"backbone": "resnet18", "key_channels": 4, "value_channels": 8}
    small = {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}
    config = famnet.Config(**choices, decoder_channels=8, backbone_options=small, aspp_dropout=0.2)
    return famnet.build(config).eval()


def tuner(network, options=None, **arguments):
    options = options or FinetuneOptions(iterations=4, late_iterations=2, learning_rate=1e-3)
    values = {"seed": 3, "device": CPU} | arguments
    return Finetuner(network, options, TrainedWith(objective_of({})), **values)


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_only_the_copy_is_tuned_and_only_its_chosen_parameters(network):
    before = weights(network)
    item = tuner(network)
    run = item.tune(frame())
    assert run.ending is Ending.DONE
    assert run.iterations == len(run.losses) == 4
    assert same(weights(network), before), "bit by bit"
    assert all(value.requires_grad for value in network.parameters())
    after = weights(item.network)
    named = item.network.named_parameters(remove_duplicate=False)
    chosen = {name for name, value in named if value.requires_grad}
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= chosen
    assert "mixer.compress.weight" in changed
    assert any(name.startswith("encoder") for name in changed)
    assert not any("running" in name or "num_batches" in name for name in changed)
    assert not item.network.training


def test_scmn_is_tuned_in_all_its_parts_with_its_own_losses():
    torch.manual_seed(0)
    small = {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}
    config = scmn.Config(
        backbone="resnet18", backbone_options=small, key_channels=4, value_channels=8,
        decoder_channels=8, refinement={"channels": 4},
    )  # fmt: skip
    item = scmn.build(config).eval()
    trained = TrainedWith.of({"losses": {"iou": 1, "auxiliary": 1}})
    options = FinetuneOptions(iterations=2, check_every=1, learning_rate=1e-3)
    tuned = Finetuner(item, options, trained, seed=0, device=CPU)
    run = tuned.tune(frame())
    assert (run.ending, len(run.held_out)) == (Ending.DONE, 3)
    before, after = weights(item), weights(tuned.network)
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert {"encoder", "mixer", "prior", "decoder", "refinement"} <= changed


def test_the_loss_falls_on_clips_and_on_held_out_warps(network):
    options = FinetuneOptions(iterations=24, check_every=8, learning_rate=5e-3)
    run = tuner(network, options).tune(frame())
    assert len(run.held_out) == 4
    assert run.held_out[-1] < 0.8 * run.held_out[0]
    assert run.last_loss < 0.8 * run.first_loss
    figures = run.as_json()
    assert figures["iterations"] == 24
    assert figures["held_out"][0] == pytest.approx(run.held_out[0], abs=1e-6)
    assert run.seconds > run.check_seconds > 0


def test_equal_seeds_give_equal_weights_whatever_was_drawn_before(network):
    one, two, other = tuner(network), tuner(network), tuner(network, seed=4)
    torch.manual_seed(1)
    one.tune(frame())
    torch.manual_seed(2)
    state = torch.get_rng_state()
    two.tune(frame())
    assert torch.equal(torch.get_rng_state(), state), "the engine's random numbers are its own"
    other.tune(frame())
    assert same(weights(one.network), weights(two.network))
    assert not same(weights(one.network), weights(other.network))


def test_later_frames_take_fewer_iterations_and_go_on_from_there(network):
    item = tuner(network)
    item.tune(frame())
    first = weights(item.network)
    steps = []
    run = item.tune(frame(1), lambda *step: steps.append(step))
    assert run.iterations == 2
    assert [step[:2] for step in steps] == [(1, 2), (2, 2)]
    assert not same(weights(item.network), first)
    none = tuner(network, FinetuneOptions(iterations=1, late_iterations=0))
    none.tune(frame())
    assert none.tune(frame(1)).iterations == 0


def test_a_frame_without_objects_is_no_first_frame(network):
    item = tuner(network)
    empty = GivenFrame(frame().image, np.zeros(SIZE, np.uint8))
    assert item.tune(empty).ending is Ending.NO_OBJECT
    assert same(weights(item.network), weights(network))
    assert item.tune(frame()).iterations == 4


class Scripted(nn.Module):
    """Gives what a script says: training losses in a row, held-out losses by check."""

    def __init__(self, training=(), held_out=(), error=None):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))
        self.scripts = {True: list(training), False: list(held_out)}
        self.calls = {True: 0, False: 0}
        self.error = error

    def forward(self, clip):
        calls, script = self.calls[self.training], self.scripts[self.training]
        self.calls[self.training] += 1
        # One check is one clip here; after its end a script repeats its last value.
        wanted = script[min(calls, len(script) - 1)] if script else 1.0
        if self.training and self.error is not None and calls == 2:
            raise self.error
        batch, frames, _, height, width = clip.images.shape
        truth = clip.labels[:, 1:, None]
        # Cross-entropy of the two logits is `wanted` per frame.
        margin = -math.log(math.expm1(wanted)) if wanted == wanted else math.nan
        sign = torch.where(truth == 1, 1.0, -1.0).expand(batch, frames - 1, 1, height, width)
        logits = torch.cat([torch.zeros_like(sign), sign * margin + 0 * self.scale], 2)
        return Prediction.of_logits(logits)


def scripted(**script):
    options = FinetuneOptions(iterations=12, check_every=2, held_out=1, learning_rate=0.5)
    return tuner(Scripted(**script), options)


@pytest.mark.parametrize(
    ("held_out", "ending", "iterations"),
    [
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4], Ending.DONE, 12),
        ([1.0, 1.1, 1.2, 1.3], Ending.ROSE, 6),
        ([1.0, 0.9, 1.0, 1.1, 1.2], Ending.ROSE, 8),
        ([1.0, 1.1, 1.2, 1.1, 1.2, 1.3, 1.2], Ending.DONE, 12),
        ([1.0], Ending.DONE, 12),
    ],
)
def test_it_stops_when_the_held_out_loss_rises_at_three_checks_running(
    held_out, ending, iterations
):
    run = scripted(held_out=held_out).tune(frame())
    assert (run.ending, run.iterations) == (ending, iterations)
    assert not run.failed
    assert run.held_out == pytest.approx(held_out[: len(run.held_out)] or [1.0] * 7, abs=1e-4) or (
        held_out == [1.0]
    )


def test_after_a_rise_the_weights_of_the_best_check_are_taken():
    class Drifting(Scripted):
        def forward(self, clip):
            logits = super().forward(clip).logits
            return Prediction.of_logits(
                logits + (self.scale * clip.labels[:, 1:, None] if self.training else 0)
            )

    options = FinetuneOptions(iterations=12, check_every=2, held_out=1, learning_rate=0.5)
    item = tuner(Drifting(held_out=[1.0, 0.5, 0.6, 0.7, 0.8]), options)
    seen = []
    run = item.tune(frame(), lambda *_: seen.append(float(item.network.scale.detach())))
    assert run.ending is Ending.ROSE
    assert len(set(seen)) == 8, "every step moved the weight"
    assert float(item.network.scale.detach()) == seen[1], "the check after two steps was the best"


@pytest.mark.parametrize("at", [0, 2, 11])
def test_a_loss_that_is_not_finite_fails(at):
    run = scripted(training=[1.0] * at + [math.nan]).tune(frame())
    assert run.ending is Ending.NOT_FINITE
    assert run.failed
    assert run.iterations == at
    assert "NaN" not in str(run.as_json())


def test_a_last_step_on_gradients_that_are_not_finite_fails():
    class Cornered(Scripted):
        def forward(self, clip):
            return Prediction.of_logits(super().forward(clip).logits + (0 * self.scale).sqrt())

    run = tuner(Cornered(), FinetuneOptions(iterations=1)).tune(frame())
    assert math.isfinite(run.losses[-1])
    assert run.ending is Ending.NOT_FINITE


def test_lack_of_memory_fails_and_other_errors_pass():
    run = scripted(error=torch.OutOfMemoryError("out")).tune(frame())
    assert run.ending is Ending.OUT_OF_MEMORY
    assert run.failed
    with pytest.raises(KeyboardInterrupt):
        scripted(error=KeyboardInterrupt()).tune(frame())


def test_losses_are_those_of_the_recipe():
    trained = TrainedWith.of(
        {"losses": {"cross_entropy": 0.5, "lovasz": 2.0}, "loop": {"iterations": 70}}
    )
    weights = {term.name: term.options.weight for term in trained.objective.terms}
    assert weights == {"cross_entropy": 0.5, "lovasz": 2.0}
    assert trained.iterations == 70
    released = TrainedWith.of({"name": "stm-released"})
    assert [term.name for term in released.objective.terms] == ["cross_entropy"]


def test_what_can_be_trained(network):
    assert can_be_trained(network)
    assert not can_be_trained(nn.Conv2d)
    assert not can_be_trained(nn.Module())
