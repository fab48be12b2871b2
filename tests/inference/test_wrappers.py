"""Runs in wrappers: their order, what they see, what they say; sizes in fine-tuning."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from colour_stub import ColourStub
from moving_squares import squares

from vostool.core.errors import UsageError
from vostool.core.options import Options
from vostool.inference import wrapper
from vostool.inference.engine import Member
from vostool.inference.online_finetune import learner as learning
from vostool.inference.options import InferenceOptions, InferenceSettings
from vostool.inference.propagation_options import PropagationOptions, ResultOptions
from vostool.inference.run import Context, Propagation, Report, Request
from vostool.inference.source import ArraySource
from vostool.inference.trained import TrainedNetwork
from vostool.inference.wrappers import online_finetune
from vostool.models.systems import stm
from vostool.training.finetuning.clips import GivenFrame
from vostool.training.finetuning.finetuner import Ending, FinetuneRun
from vostool.training.finetuning.options import FinetuneOptions

NAMES = [wrapper.field(name) for name in wrapper.names()]


@pytest.mark.parametrize("name", NAMES)
def test_every_wrapper_is_documented_and_off_unless_asked_for(name) -> None:
    assert wrapper.summary(name)
    kind = wrapper.load(name).Options
    assert issubclass(kind, Options)
    assert all(field.description for field in kind.model_fields.values())
    assert name not in InferenceOptions().wrappers
    assert list(InferenceOptions(**{name: {}}).wrappers) == [name]


@pytest.mark.parametrize(
    "names", [pair for count in (1, 2) for pair in itertools.permutations(NAMES, count)]
)
def test_an_order_is_kept_or_refused_with_its_reason(names) -> None:
    groups = {name: {} for name in names}
    reasons = [
        wrapper.load(inner).NOT_INSIDE.get(outer.replace("_", "-"))
        for outer, inner in itertools.combinations(names, 2)
        if hasattr(wrapper.load(inner), "NOT_INSIDE")
    ]
    refused = next((reason for reason in reasons if reason), None)
    if refused is None:
        assert tuple(InferenceOptions(**groups, nesting=names).wrappers) == names
    else:
        with pytest.raises(UsageError, match=f"cannot lie inside .*{refused}"):
            InferenceSettings.of(groups, nesting=names)
    # The usual order is one that is not refused.
    usual = tuple(InferenceOptions(**groups).wrappers)
    assert tuple(InferenceOptions(**groups, nesting=usual).wrappers) == usual


def test_fine_tuning_lies_around_crop_then_zoom() -> None:
    both = InferenceOptions(crop_zoom={}, online_finetune={})
    assert list(both.wrappers) == ["online_finetune", "crop_zoom"]
    with pytest.raises(UsageError, match="predicted masks of neighbours"):
        InferenceSettings.of(
            crop_zoom={}, online_finetune={}, nesting=["crop_zoom", "online_finetune"]
        )
    with pytest.raises(UsageError, match="each wrapper that is on once"):
        InferenceSettings.of(crop_zoom={}, online_finetune={}, nesting=["crop_zoom"])
    with pytest.raises(UsageError, match="names crop_zom, which is no wrapper"):
        InferenceSettings.of(crop_zoom={}, nesting=["crop_zom"])


def test_options_are_dumped_as_they_were_written_and_read_again() -> None:
    texts = {
        "views": "1.0,flip,0.75",
        "memory": ["every:05", "visible"],
        "crop_zoom": {"margin": 2},
    }
    options = InferenceOptions(**texts)
    dumped = options.model_dump(mode="json", exclude_unset=True)
    assert dumped == texts
    assert InferenceOptions(**options.model_dump(mode="json")) == options
    lone = PropagationOptions(views=options.views[1:2])
    assert PropagationOptions(**lone.model_dump(mode="json")).views == lone.views


def test_no_option_is_in_both_halves() -> None:
    settings = InferenceSettings()
    ours, others = type(settings.inference).model_fields, type(settings.execution).model_fields
    assert not ours.keys() & others.keys()
    assert all(field.description for field in (*ours.values(), *others.values()))
    assert set(ours) == set(ResultOptions.model_fields) | set(NAMES)


@pytest.mark.parametrize(
    ("size", "short_side", "pad"),
    [
        ((99, 133), None, True),
        ((64, 854), None, True),
        ((99, 133), 48, True),
        ((99, 133), None, False),
    ],
)
def test_fine_tuning_sees_the_size_that_inference_sees(monkeypatch, size, short_side, pad) -> None:
    """854 columns are 864 with padding, not 848."""
    learned: list[GivenFrame] = []

    class Watching:
        def __init__(self, network, *arguments, **more):
            self.network = network

        def tune(self, frame, on_step):
            learned.append(frame)
            return FinetuneRun(Ending.DONE)

    monkeypatch.setattr(learning, "Finetuner", Watching)
    stub = ColourStub(pad=pad)
    network = stm.build(stm.Config(backbone="mobilenetv2_035", key_channels=8, value_channels=8,
                                   decoder_channels=8))  # fmt: skip
    member = Member(stub, trained=TrainedNetwork("n", network))
    run = Propagation([member], PropagationOptions(short_side=short_side))
    tuned = online_finetune.wrap(run, FinetuneOptions(), Context(torch.device("cpu")))
    image = np.full((*size, 3), 200, np.uint8)
    mask = np.zeros(size, np.uint8)
    mask[10:40, 20:60] = 3
    list(tuned(ArraySource("v", [image] * 2, {0: mask}), Request()))
    (frame,) = learned
    assert frame.image.shape[:2] == tuple(stub.encoded[0][-2:])
    assert frame.mask.shape == frame.image.shape[:2]
    if short_side is None and pad:
        height, width = size
        top, left = (frame.mask.shape[0] - height) // 2, (frame.mask.shape[1] - width) // 2
        assert np.array_equal(frame.mask[top : top + height, left : left + width], mask)
        assert frame.image.sum() == image.astype(int).sum(), "black around"


def test_a_tuned_copy_has_its_networks_weight() -> None:
    images, _, given = squares(3)
    source = ArraySource("v", images, given)
    networks = [
        Member(ColourStub(sharpness), trained=TrainedNetwork("n", Trainable()))
        for sharpness in (60.0, 5.0)
    ]
    quick = FinetuneOptions(clips={"least_pixels": 10**6})
    options = PropagationOptions(merge={"weights": "1,0"})
    run = online_finetune.wrap(Propagation(networks, options), quick, Context(torch.device("cpu")))
    report = Report()
    found = list(run(source, Request(True, report)))
    assert [item["ending"] for item in report.entries["online_finetune"]] == [
        "no object is large enough"
    ] * 2
    alone = list(Propagation(networks[:1])(source, Request(True)))
    for one, other in zip(found, alone, strict=True):
        torch.testing.assert_close(one.probabilities, other.probabilities)


class Trainable(torch.nn.Module):
    """Has a training pass and a parameter."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, clip):
        raise AssertionError("nothing is large enough to learn from")


def test_a_fitted_merge_does_not_know_tuned_networks() -> None:
    options = InferenceOptions(merge={"method": "learned", "weights": "fitted.safetensors"})
    run = SimpleNamespace(options=options, members=[Member(None, ())])
    with pytest.raises(UsageError, match="fitted without tuned networks"):
        online_finetune._with_twins(run)
