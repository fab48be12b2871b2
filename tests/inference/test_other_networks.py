"""Networks unlike STM run through everything: views, late objects, feedback, zoom, in step."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from toy_networks import ColourDetector, ProposalChooser, ReferenceSoftmax

from vostool.core.errors import DataError
from vostool.core.types import Clip, ObjectProposals
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.run import run_with_crop_zoom
from vostool.inference.engine import Member, run_video
from vostool.inference.propagation_options import Feedback, PropagationOptions
from vostool.inference.run import Propagation, Request
from vostool.inference.sides import Sides
from vostool.inference.source import ArraySource, WithProposals
from vostool.inference.strategy import parse_strategies
from vostool.inference.tracker import make_tracker
from vostool.inference.view import parse_views
from vostool.inference.views import group_views
from vostool.models import FrameViews, InputSpec, Segmenter
from vostool.models.systems import stm

TOYS = pytest.mark.parametrize("toy", [ReferenceSoftmax, ProposalChooser])


def run(source, networks, memory=("every:2",), tta="none", **options):
    members = [Member(network.eval(), parse_strategies(memory)) for network in networks]
    chosen = PropagationOptions(views=tta, **options)
    return list(run_video(source, members, chosen, probabilities=True))


def video(squares, frames=6, **arguments):
    images, truth, given = squares(frames, **arguments)
    return WithProposals(ArraySource("v", images, given), ColourDetector()), truth


def iou(one, other):
    return (one & other).sum() / max((one | other).sum(), 1)


@TOYS
@pytest.mark.parametrize("feedback", list(Feedback))
@pytest.mark.parametrize("tta", ["none", "flip", "flip,1.0,2.0"])
def test_views_late_objects_and_both_feedbacks(squares, toy, feedback, tta) -> None:
    network = toy()
    assert isinstance(network, Segmenter)
    source, truth = video(squares, starts={7: 3})
    results = run(source, [network], tta=tta, feedback=feedback)
    for result, mask in zip(results, truth, strict=True):
        assert torch.allclose(result.probabilities.sum(0), torch.ones(()), atol=1e-5)
        for value in (2, 7):
            assert iou(result.mask == value, mask == value) > (0.99 if tta == "none" else 0.8) or (
                not (mask == value).any() and not (result.mask == value).any()
            )


@TOYS
@pytest.mark.parametrize("pad", [True, False])
def test_sizes_of_one_pixel_more_than_a_multiple(squares, toy, pad) -> None:
    network = toy()
    network.input_spec = dataclasses.replace(network.input_spec, remainder=1, pad=pad)
    source, truth = video(squares, starts={7: 3})
    shapes, encode = [], network.encode
    network.encode = lambda frame: (shapes.append(frame.images.shape), encode(frame))[1]
    results = run(source, [network], tta="flip,1.0,2.0")
    sizes = {(65, 81), (97, 161)} if pad else {(49, 81), (97, 161)}
    assert {tuple(shape[-2:]) for shape in shapes} == sizes
    for result, mask in zip(results, truth, strict=True):
        assert iou(result.mask == 2, mask == 2) > 0.8


def test_given_frames_alone_are_references(squares) -> None:
    network = ReferenceSoftmax()
    source, _ = video(squares, starts={7: 3})
    run(source, [network])
    assert network.states[0].times == [[0, 3], [0], [3]]


@TOYS
def test_in_step_with_stm_the_mean_is_that_of_separate_runs(squares, toy) -> None:
    torch.manual_seed(1)
    small = {"key_channels": 8, "value_channels": 16, "decoder_channels": 8}
    other = stm.build(stm.Config(backbone="mobilenetv2_035", **small))
    source, _ = video(squares, 5)
    options = {"memory": ("every:2", "first-previous"), "tta": "flip"}
    together = run(source, [toy(), other], **options)
    alone = [run(source, [network], **options) for network in (toy(), other)]
    for both, one, two in zip(together, *alone, strict=True):
        mean = (one.probabilities + two.probabilities) / 2
        torch.testing.assert_close(both.probabilities, mean, atol=1e-5, rtol=0)
    assert not torch.allclose(alone[0][-1].probabilities, alone[1][-1].probabilities, atol=0.1)


@TOYS
def test_crop_then_zoom(squares, toy) -> None:
    images, truth, given = squares(5, size=(120, 200), ids=(2,))
    source = WithProposals(ArraySource("v", images, given), ColourDetector())
    zoom = CropZoomOptions(largest_side=60, least_height=40, zoom_height=96, zoom_width=160)
    verdicts, network = [], toy()
    members = [Member(network.eval(), parse_strategies(("every:5",)))]
    results = list(
        run_with_crop_zoom(
            Propagation(members),
            source,
            Request(),
            zoom,
            make_tracker(),
            on_verdicts=verdicts.extend,
        )
    )
    assert [verdict.eligible for verdict in verdicts] == [True]
    for result, mask in zip(results, truth, strict=True):
        assert iou(result.mask == 2, mask == 2) > 0.9
    if isinstance(network, ProposalChooser):
        sizes = [tuple(frame.images.shape[-2:]) for frame in network.seen]
        assert sizes == [(128, 208)] * 5 + [(96, 160)] * 5
        for frame in network.seen:
            assert_boxes_fit(frame.proposals[0])


def assert_boxes_fit(found: ObjectProposals) -> None:
    """Boxes are those of the masks, to the pixel that resizing may move an edge."""
    for box, mask in zip(found.boxes.tolist(), found.masks, strict=True):
        rows, columns = mask.nonzero().unbind(1)
        tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(np.array(tight) - np.array(box)).max() <= 1


def test_proposals_reach_each_view_where_its_image_shows_them(squares) -> None:
    images, truth, _ = squares(1)
    found = ColourDetector().proposals(images[0], "v", "00000")
    assert len(found) == 2
    for group in group_views(parse_views("flip,1.0,2.0"), (50, 81), InputSpec(), Sides()):
        shown = group.given(torch.from_numpy(truth[0] == 2).float()[None]) > 0
        views = group.proposals(found, torch.device("cpu"))
        assert len(views) == 2
        for view, planes in zip(views, shown, strict=True):
            assert torch.equal(view.masks[0], planes[0])
            assert_boxes_fit(view)
            assert torch.equal(view.scores, found.scores)


def test_an_image_without_proposals_is_all_background(squares) -> None:
    images, _, given = squares(3)
    images[1] = np.full_like(images[1], 100)
    source = WithProposals(ArraySource("v", images, given), ColourDetector())
    results = run(source, [ProposalChooser()], tta="flip,2.0")
    assert not results[1].mask.any()
    assert results[2].mask.any()


def test_missing_and_wrong_proposals_are_explained(squares) -> None:
    images, _, given = squares(3)
    source = ArraySource("v", images, given)
    with pytest.raises(DataError, match=r"chooses among object proposals.*frame 00000"):
        run(source, [ProposalChooser()])

    class Wrong(ColourDetector):
        def proposals(self, image, video, frame):
            return super().proposals(image[::2], video, frame)

    with pytest.raises(DataError, match=r"masks have 25x81 pixels.*video v, frame 00000"):
        run(WithProposals(source, Wrong()), [ProposalChooser()])


def test_a_network_that_breaks_the_protocol_is_named(squares) -> None:
    source, _ = video(squares, 3)

    class Plain(ReferenceSoftmax):
        def segment(self, frame, features, state):
            return super().segment(frame, features, state).probabilities

    class Short(ReferenceSoftmax):
        def segment(self, frame, features, state):
            found = super().segment(frame, features, state)
            return dataclasses.replace(found, probabilities=found.probabilities[:, 1:])

    with pytest.raises(TypeError, match=r"Plain\.segment returned Tensor"):
        run(source, [Plain()])
    with pytest.raises(ValueError, match=r"Short\.segment returned .*expected \(1, 3, 64, 96\)"):
        run(source, [Short()])


def test_the_softmax_network_trains_and_agrees_with_its_inference(squares) -> None:
    images, truth, _ = squares(2, size=(48, 80), drift=20)
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()[None] / 255
    labels = torch.from_numpy(np.searchsorted([0, 2, 7], np.stack(truth)))[None]
    clip = Clip(pixels, labels, torch.ones(1, 2, dtype=torch.bool))
    network = ReferenceSoftmax()
    prediction = network(clip)
    prediction.logits.sum().backward()
    assert network.sharpness.grad is not None
    frame = FrameViews.whole(network.input_spec.normalise(pixels[:, 1]), 1)
    state = network.start()
    state.colours = [[prediction.extras["colours"][:, channel]] for channel in range(3)]
    segmented = network.segment(frame, network.encode(frame), state)
    torch.testing.assert_close(segmented.probabilities, prediction.probabilities[:, 0])
