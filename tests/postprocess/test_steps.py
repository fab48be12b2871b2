"""Steps by name, with parameters as text."""

from __future__ import annotations

import numpy as np
import pytest

from vostool.core.errors import UsageError
from vostool.core.types import ObjectIds
from vostool.postprocess.chain import describe_steps, parse_steps, step_names
from vostool.postprocess.sequence import FrameEdit, MaskSequence


def test_the_folder_is_the_registry():
    assert {"drop-small", "fill-holes", "keep-near-last", "largest-component"} <= set(step_names())


def test_parameters_are_converted_and_spelt_either_way():
    steps = parse_steps(
        ["keep_near_last", "drop-small"],
        ["drop-small.min-area=12", "drop_small.keep_largest=false", "keep-near-last.growth=0.25"],
    )
    assert [step.name for step in steps] == ["keep-near-last", "drop-small"]
    assert steps[0].params.growth == 0.25
    assert (steps[1].params.min_area, steps[1].params.keep_largest) == (12, False)


@pytest.mark.parametrize(
    ("names", "settings", "words"),
    [
        ([], ["fill-holes.max-area=3"], ["not among the steps", "--steps"]),
        (["drop-smal"], [], ["drop-smal", "did you mean drop-small", "keep-near-last"]),
        (["drop-small"], ["drop-small.area=3"], ["'area'", "min-area", "keep-largest"]),
        (["drop-small"], ["fill-holes.max-area=3"], ["not among the steps", "--steps"]),
        (["drop-small"], ["nonsense.x=3"], ["nonsense", "known:"]),
        (["drop-small"], ["drop-small.min-area=0"], ["drop-small.min-area=0", "greater"]),
        (["drop-small"], ["drop-small.min-area=many"], ["drop-small.min-area=many", "integer"]),
        (["drop-small"], ["min-area=3"], ["STEP.PARAMETER=VALUE"]),
        (["largest-component"], ["largest-component.x=1"], ["known: none"]),
    ],
)
def test_what_is_wrong_is_said(names, settings, words):
    with pytest.raises(UsageError) as caught:
        parse_steps(names, settings)
    for word in words:
        assert word in str(caught.value)


def test_every_parameter_is_described():
    for name, about, fields in describe_steps():
        assert about, name
        assert all(meaning for _, _, meaning in fields), name


def test_steps_note_what_they_changed():
    far, hole = np.zeros((100, 160), np.uint8), np.zeros((100, 160), np.uint8)
    far[20:30, 20:30] = hole[20:30, 20:30] = 1
    hole[24, 24] = 0
    hole[90:93, 150:153] = 1
    frames = tuple(map(FrameEdit, (far, hole)))
    sequence = MaskSequence(frames, ObjectIds.of((1,)), (frozenset({1}), frozenset()))
    for step in parse_steps(["keep-near-last", "fill-holes"]):
        sequence = step(sequence)
    first, second = sequence.frames
    assert first.changes == ()
    assert [(change.step, change.pixels) for change in second.changes] == [
        ("keep-near-last", 9),
        ("fill-holes", -1),
    ]
