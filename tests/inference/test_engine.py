"""The engine with a network whose answers are known: schedule, late objects, views, feedback."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from colour_stub import ColourStub

from vostool.core.errors import DataError
from vostool.core.types import Fate, ObjectIds
from vostool.ensembling.options import MergeOptions
from vostool.inference.engine import Member, run_video
from vostool.inference.propagation_options import Feedback, PropagationOptions
from vostool.inference.source import ArraySource, SourceFrame
from vostool.inference.strategy import parse_strategies


def _run(source, stub=None, memory=("every:5",), stubs=None, **options):
    stubs = stubs or [stub or ColourStub()]
    how = {name: options.pop(name) for name in ("dtype", "probabilities") if name in options}
    members = [Member(item, parse_strategies(memory)) for item in stubs]
    return list(run_video(source, members, PropagationOptions(**options), **how))


def _masks(results):
    return np.stack([result.mask for result in results])


def test_follows_squares_with_gapped_ids_at_a_size_that_needs_padding(squares):
    images, truth, given = squares(6)
    stub = ColourStub()
    results = _run(ArraySource("v", images, given), stub, probabilities=True)
    assert [result.name for result in results] == [f"{t:05d}" for t in range(6)]
    assert np.array_equal(_masks(results), np.stack(truth))
    assert set(stub.encoded) == {torch.Size([1, 3, 64, 96])}
    for result in results:
        assert result.mask.dtype == np.uint8
        assert result.probabilities.shape == (3, 50, 81)
        assert result.probabilities.dtype == torch.float32
        assert torch.allclose(result.probabilities.sum(0), torch.ones(50, 81), atol=1e-5)


def test_memory_schedule_of_stm(squares):
    images, _, given = squares(13)
    stub = ColourStub()
    _run(ArraySource("v", images, given), stub)
    at = dict(enumerate((times[0] for times in stub.segmented), start=1))
    assert at[6] == [0, 5]
    assert at[11] == [0, 5, 10]
    assert at[12] == [0, 5, 10, 11]
    assert max(stub.states[0].slots[0].times) == 11, "the last frame is not memorised"


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ("first-previous", [0, 11]),
        ("every:4", [0, 4, 8, 11]),
        ("early:3,5", [0, 1, 2, 3, 5, 10, 11]),
        ("visible", [0, 2, 4, 6, 8, 10]),
        ("visible:64,0.7,3", [0, 3, 6, 9]),
        ("visible:100000,0.7,2", [0]),
    ],
)
def test_memory_schedules(squares, memory, expected):
    images, _, given = squares(13)
    stub = ColourStub()
    _run(ArraySource("v", images, given), stub, (memory,))
    assert stub.segmented[-1] == [expected, expected]


def test_early_memory_counts_from_each_objects_own_start(squares):
    images, _, given = squares(12, starts={7: 6})
    stub = ColourStub()
    _run(ArraySource("v", images, given), stub, ("early:2,100",))
    assert stub.segmented[-1] == [[0, 1, 2, 6, 10], [6, 7, 8, 10]]


def test_visible_memory_skips_frames_without_the_object(squares):
    images, _, given = squares(9, ids=(2,))
    for t in (3, 4, 5):
        images[t][:] = 110
    stub = ColourStub()
    _run(ArraySource("v", images, given), stub, ("visible:64,0.7,1",))
    assert stub.segmented[-1] == [[0, 1, 2, 6, 7]]


@pytest.mark.parametrize("memory", ["every:5", "first-previous", "early:2,4", "visible:100000,0,1"])
def test_a_network_that_looks_at_every_frame_is_shown_every_frame(squares, memory):
    """Memory holds the same; the masks of every frame but the last are handed over."""
    images, _, given = squares(9, starts={7: 4})
    stubs = [ColourStub(), ColourStub()]
    stubs[1].input_spec = dataclasses.replace(stubs[1].input_spec, every_frame=True)
    results = [_run(ArraySource("v", images, given), stub, (memory,)) for stub in stubs]
    assert len(stubs[1].states[0].masks) == 8
    assert stubs[0].segmented == stubs[1].segmented
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one.mask, other.mask)
    skipped = len(stubs[0].states[0].masks)
    assert skipped == (2 if memory.startswith("visible") else 8)


def test_visible_measures_area_in_pixels_of_the_frame(squares):
    """A 12 x 14 square has 168 pixels, of which a half-size network sees 42."""
    images, _, given = squares(4, size=(64, 96), ids=(2,))
    for limit, kept in ((120, [0, 2]), (200, [0])):
        stub = ColourStub()
        _run(ArraySource("v", images, given), stub, (f"visible:{limit},0.5,2",), views="0.5")
        assert stub.encoded[0] == (1, 3, 32, 48)
        assert stub.segmented[-1] == [kept]


def test_strategy_limits_memory_unless_the_user_does(squares):
    images, _, given = squares(3)
    for memory, limit, expected in (
        ("visible", None, 40), ("visible", 7, 7), ("every:5", None, None), ("every:5", 7, 7),
    ):  # fmt: skip
        stub = ColourStub()
        _run(ArraySource("v", images, given), stub, (memory,), max_memory=limit)
        assert stub.states[0].max_memory == expected


def test_late_object(squares):
    images, truth, given = squares(8, starts={7: 4})
    stub = ColourStub()
    with_late = _run(ArraySource("v", images, given), stub, probabilities=True)
    assert np.array_equal(_masks(with_late), np.stack(truth))
    assert [len(times) for times in stub.segmented] == [1, 1, 1, 1, 2, 2, 2]
    assert stub.segmented[-1][1] == [4, 5, 6], "the bank starts at the object's own frame"
    assert 4 in stub.segmented[-1][0], "the given frame stays for all objects"

    without = _run(ArraySource("v", images, {0: given[0]}), probabilities=True)
    for early, same in zip(with_late[:4], without[:4]):
        assert np.array_equal(early.mask, same.mask)
        assert torch.equal(early.probabilities[:2], same.probabilities)
        assert not early.probabilities[2].any()


def test_only_objects_whose_mask_is_given_here_are_told_so(squares):
    images, _, given = squares(6, starts={7: 3})
    stub = ColourStub()
    _run(ArraySource("v", images, given), stub, ("every:2",))
    keep, replace, sure = Fate.KEEP, Fate.REPLACE, Fate.GIVEN
    expected = [[sure], [replace], [keep], [keep, sure], [keep, keep]]
    assert stub.states[0].fates == expected


def test_late_object_with_smaller_id_gets_the_right_channel(squares):
    images, truth, given = squares(6, starts={2: 3})
    results = _run(ArraySource("v", images, given), probabilities=True)
    assert np.array_equal(_masks(results), np.stack(truth))
    assert not results[1].probabilities[1].any()
    assert results[5].probabilities[1][truth[5] == 2].min() > 0.9
    assert results[5].probabilities[2][truth[5] == 7].min() > 0.9


@pytest.mark.parametrize("feedback", list(Feedback))
def test_given_masks_override_predictions_in_output_and_memory(squares, feedback):
    """The late object's mask is drawn over the first one: the overlap belongs to the late one."""
    images, truth, given = squares(6, size=(48, 80))
    given = {0: np.where(given[0] == 2, given[0], 0).astype(np.uint8)}
    new = np.zeros((48, 80), np.uint8)
    new[6:10, 10:20] = 7
    given[3] = new
    stub = ColourStub()
    results = _run(ArraySource("v", images, given), stub, feedback=feedback, probabilities=True)
    assert np.array_equal(results[3].mask == 7, new == 7)
    assert np.array_equal(results[3].probabilities[2].numpy(), (new == 7).astype(np.float32))
    assert not results[3].probabilities[1][torch.from_numpy(new == 7)].any()
    assert (results[3].mask[(truth[3] == 2) & (new == 0)] == 2).all()
    memorised = stub.states[0].masks[3]
    assert torch.equal(memorised[0, 1], torch.from_numpy(new == 7).float())
    assert not memorised[0, 0][torch.from_numpy(new == 7)].any()


def test_an_object_given_again_takes_its_new_mask(squares):
    images, _, given = squares(4, ids=(2,))
    again = np.zeros_like(given[0])
    again[30:40, 60:70] = 2
    results = _run(ArraySource("v", images, {**given, 2: again}))
    assert np.array_equal(results[2].mask, again)


def test_nothing_is_run_before_the_first_given_mask(squares):
    images, truth, given = squares(7, starts={2: 3, 7: 5})
    stub = ColourStub()
    results = _run(ArraySource("v", images, given), stub, probabilities=True)
    assert len(stub.encoded) == 4
    assert np.array_equal(_masks(results), np.stack(truth))
    assert torch.equal(results[0].probabilities[0], torch.ones(50, 81))
    trimmed = ColourStub()
    later = {t - 3: mask for t, mask in given.items()}
    _run(ArraySource("v", images[3:], later), trimmed)
    assert trimmed.segmented == stub.segmented


def test_video_without_objects_or_with_empty_masks(squares):
    images, truth, given = squares(3, ids=(2,))
    stub = ColourStub()
    assert not _masks(_run(ArraySource("v", images, {}), stub)).any()
    assert not _masks(_run(ArraySource("v", images, {0: np.zeros((50, 81), np.uint8)}), stub)).any()
    assert stub.encoded == []

    class Source(ArraySource):
        ids = ObjectIds((2, 5))

    results = _run(Source("v", images, given), stub, probabilities=True)
    assert np.array_equal(_masks(results), np.stack(truth))
    assert results[2].probabilities.shape[0] == 3
    assert not results[2].probabilities[2].any()


def test_one_frame_video_gives_the_mask_back_without_running(squares):
    images, truth, given = squares(1)
    stub = ColourStub()
    results = _run(ArraySource("v", images, given), stub, probabilities=True)
    assert np.array_equal(results[0].mask, truth[0])
    assert stub.encoded == []
    assert results[0].probabilities.unique().tolist() == [0, 1]


def test_more_than_twenty_objects(rng):
    ids = list(range(3, 200, 8))
    mask = np.zeros((40, 200), np.uint8)
    image = np.zeros((40, 200, 3), np.uint8)
    for k, value in enumerate(ids):
        mask[4:36, 8 * k : 8 * k + 6] = value
        image[mask == value] = (10 * k, (97 * k) % 256, 255 - 10 * k)
    assert len(ids) > 20
    results = _run(ArraySource("v", [image] * 3, {0: mask}), ColourStub(400.0), probabilities=True)
    assert results[2].probabilities.shape[0] == len(ids) + 1
    inside = mask > 0
    assert (results[2].mask[inside] == mask[inside]).mean() > 0.99


def test_frames_of_differing_sizes_come_out_at_their_own_size(squares):
    images, truth, given = squares(4, size=(64, 96), ids=(2,))
    images[2] = images[2].repeat(2, axis=0).repeat(2, axis=1)
    stub = ColourStub()
    results = _run(ArraySource("v", images, given), stub)
    assert [result.mask.shape for result in results] == [(64, 96), (64, 96), (128, 192), (64, 96)]
    assert len(set(stub.encoded)) == 1
    enlarged = truth[2].repeat(2, axis=0).repeat(2, axis=1)
    assert (results[2].mask == enlarged).mean() > 0.99
    assert np.array_equal(results[3].mask, truth[3])


def test_given_mask_of_another_size_is_an_error_that_names_the_frame(squares):
    images, _, given = squares(2)
    with pytest.raises(DataError, match=r"mask has 10x10 pixels.*video v, frame 00001"):
        _run(ArraySource("v", images, {**given, 1: np.zeros((10, 10), np.uint8)}))


def test_flip_of_an_equivariant_network_changes_nothing(squares):
    images, _, given = squares(6, drift=4)
    source = ArraySource("v", images, given)
    stub = ColourStub()
    plain = _run(source, probabilities=True)
    flipped = _run(source, stub, views="flip", probabilities=True)
    for one, other in zip(plain, flipped):
        assert torch.allclose(one.probabilities, other.probabilities, atol=1e-5)
    assert set(stub.encoded) == {torch.Size([2, 3, 64, 96])}
    assert len(stub.encoded) == 6
    left, right = stub.states[0].masks[2]
    crop = slice(7, 7 + 81)
    assert torch.allclose(left[..., crop], right[..., crop].flip(-1), atol=1e-5)


def test_scales_of_an_equivariant_network_agree_away_from_edges(squares):
    images, truth, given = squares(5, size=(64, 96))
    for image in images:
        image[(image >= 90).all(-1) & (image < 130).all(-1)] = 110
    stub = ColourStub()
    results = _run(ArraySource("v", images, given), stub, views="flip,0.5,1.0,2.0")
    assert set(stub.encoded) == {(2, 3, 32, 48), (2, 3, 64, 96), (2, 3, 128, 192)}
    for result, mask in zip(results, truth):
        wrong = result.mask != mask
        edge = np.zeros_like(wrong)
        for axis in (0, 1):
            for step in (-2, -1, 1, 2):
                edge |= np.roll(mask, step, axis) != mask
        assert not (wrong & ~edge).any()


def test_the_mean_is_of_separate_runs(squares):
    images, _, given = squares(5, drift=8)
    source = ArraySource("v", images, given)
    memory, sharpnesses = ("every:2", "first-previous"), (60.0, 5.0)
    stubs = [ColourStub(sharpness) for sharpness in sharpnesses]
    together = _run(source, stubs=stubs, memory=memory, views="0.5,1.0", probabilities=True)
    parts = [
        _run(source, ColourStub(sharpness), (strategy,), views=tta, probabilities=True)
        for sharpness in sharpnesses
        for strategy in memory
        for tta in ("0.5", "1.0")
    ]
    for t, result in enumerate(together):
        separate = torch.stack([part[t].probabilities for part in parts])
        assert torch.allclose(separate.mean(0), result.probabilities, atol=1e-5)
    assert separate.std(0).max() > 0.01


def test_frames_are_encoded_once_for_all_strategies(squares):
    images, _, given = squares(6)
    stub = ColourStub()
    _run(ArraySource("v", images, given), stub, ("every:5", "first-previous", "visible"))
    assert len(stub.encoded) == 6
    assert len(stub.states) == 3
    assert len(stub.segmented) == 3 * 5


def test_merged_feedback_gives_all_tracks_the_mean(squares):
    images, _, given = squares(4, size=(64, 96), drift=8)
    source = ArraySource("v", images, given)
    stubs = [ColourStub(60.0), ColourStub(5.0)]
    results = _run(source, stubs=stubs, views="flip", feedback=Feedback.MERGED, probabilities=True)
    for stub in stubs:
        for t in (1, 2):
            plain, flipped = stub.states[0].masks[t]
            assert torch.allclose(plain, results[t].probabilities[1:], atol=1e-6)
            assert torch.equal(plain.flip(-1), flipped)
    own = _run(source, stubs=[ColourStub(60.0), ColourStub(5.0)], views="flip", probabilities=True)
    assert not torch.allclose(own[3].probabilities, results[3].probabilities, atol=1e-4)


def test_merged_feedback_is_what_the_method_says(squares):
    """A member of all the weight decides what the other one memorises."""
    images, _, given = squares(5, size=(64, 96), drift=8)
    source = ArraySource("v", images, given)
    first, other = ColourStub(60.0), ColourStub(5.0)
    together = _run(
        source,
        stubs=[first, other],
        feedback=Feedback.MERGED,
        merge=MergeOptions(weights="1,0"),
        probabilities=True,
    )
    alone = _run(source, ColourStub(60.0), probabilities=True)
    for one, same in zip(together, alone, strict=True):
        assert torch.allclose(one.probabilities, same.probabilities, atol=1e-6)
    for t in range(4):
        ours, theirs = (stub.states[0].masks[t] for stub in (first, other))
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_only_output_frames_are_yielded_but_all_are_run(squares):
    images, truth, given = squares(7)

    class Sparse(ArraySource):
        def __iter__(self):
            for index, frame in enumerate(super().__iter__()):
                yield SourceFrame(frame.name, frame.image, frame.given, index % 3 == 0)

    stub = ColourStub()
    results = _run(Sparse("v", images, given), stub)
    assert [result.name for result in results] == ["00000", "00003", "00006"]
    assert np.array_equal(_masks(results), np.stack(truth[::3]))
    assert len(stub.encoded) == 7


def test_the_caller_keeps_its_gradient_mode_between_frames(squares):
    images, _, given = squares(3)
    stub = ColourStub()
    for _ in run_video(
        ArraySource("v", images, given), [Member(stub, parse_strategies(["every:5"]))]
    ):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_bf16_networks_still_give_float32_probabilities(squares):
    images, truth, given = squares(3)
    results = _run(ArraySource("v", images, given), dtype=torch.bfloat16, probabilities=True)
    assert results[2].probabilities.dtype == torch.float32
    assert np.array_equal(results[2].mask, truth[2])


@pytest.mark.parametrize("bad", [{"max_memory": 0}, {"short_side": 0}])
def test_options_are_checked(bad):
    with pytest.raises(ValueError, match=r"greater than or equal to 1|at least 1"):
        PropagationOptions(**bad)
