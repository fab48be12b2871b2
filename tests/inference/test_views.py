"""Parsing and sizes of views."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.sides import Sides
from vostool.inference.view import View, parse_views
from vostool.inference.views import group_views
from vostool.models import InputSpec

PAD, RESIZE = InputSpec(pad=True), InputSpec(pad=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", [(1.0, False)]),
        ("flip", [(1.0, False), (1.0, True)]),
        ("0.75,1.0", [(0.75, False), (1.0, False)]),
        ("flip,0.75,1.0", [(0.75, False), (0.75, True), (1.0, False), (1.0, True)]),
        (" 1.25 , FLIP ", [(1.25, False), (1.25, True)]),
    ],
)
def test_parse(text, expected):
    assert parse_views(text) == tuple(View(*item) for item in expected)


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "flip,flip",
        "nonsense",
        "1,1.0",
        "-1",
        "nan",
        "inf",
        "",
        "none,flip",
        "flip,",
        "1;2",
        "99",
    ],
)
def test_bad_views(text):
    with pytest.raises(ValueError, match=r": write flip"):
        parse_views(text)


@pytest.mark.parametrize(
    ("scale", "frame", "spec", "short_side", "content", "batch"),
    [
        (1.0, (480, 854), PAD, None, (480, 854), (480, 864)),
        (1.0, (480, 854), RESIZE, None, (480, 848), (480, 848)),
        (1.0, (50, 81), PAD, None, (50, 81), (64, 96)),
        (0.75, (480, 854), PAD, None, (368, 640), (368, 640)),
        (1.0, (1080, 1920), PAD, 480, (480, 848), (480, 848)),
        (1.2, (1080, 1920), RESIZE, 480, (576, 1024), (576, 1024)),
        (0.75, (854, 480), PAD, 480, (640, 368), (640, 368)),
        (0.1, (50, 81), PAD, None, (16, 16), (16, 16)),
    ],
)
def test_sizes(scale, frame, spec, short_side, content, batch):
    [group] = group_views((View(scale), View(scale, True)), frame, spec, Sides(short_side))
    assert group.content == content
    assert group.flips == (False, True)
    image = np.zeros((*frame, 3), np.uint8)
    assert group.images(image, spec, torch.device("cpu")).shape == (2, 3, *batch)


@pytest.mark.parametrize(
    ("scale", "pad", "short_side", "content", "batch"),
    [
        (1.0, True, None, (480, 854), (481, 865)),
        (1.0, False, None, (481, 849), (481, 849)),
        (1.0, True, 465, (465, 833), (465, 833)),
        (1.3, True, None, (625, 1105), (625, 1105)),
    ],
)
def test_sizes_of_a_network_with_aligned_corners(scale, pad, short_side, content, batch):
    spec = InputSpec(pad=pad, remainder=1)
    [group] = group_views((View(scale), View(scale, True)), (480, 854), spec, Sides(short_side))
    assert group.content == content
    image = np.zeros((480, 854, 3), np.uint8)
    assert group.images(image, spec, torch.device("cpu")).shape == (2, 3, *batch)


@pytest.mark.parametrize(
    ("scale", "frame", "spec", "sides", "content"),
    [
        (1.0, (480, 854), PAD, Sides(long=1040), (480, 854)),
        (1.0, (1080, 1920), RESIZE, Sides(long=1040), (592, 1040)),
        (1.0, (1920, 1080), InputSpec(pad=False, remainder=1), Sides(long=1040), (1041, 593)),
        (1.3, (1080, 1920), RESIZE, Sides(long=800), (592, 1040)),
        (1.3, (300, 400), RESIZE, Sides(long=800), (384, 528)),
        (1.0, (480, 1600), PAD, Sides(short=480, long=800), (240, 800)),
        (1.0, (1080, 1920), PAD, Sides(short=480, long=1040), (480, 848)),
    ],
)
def test_a_limit_of_the_longer_side_holds_before_views_are_scaled(
    scale, frame, spec, sides, content
):
    [group] = group_views((View(scale),), frame, spec, sides)
    assert group.content == content


def test_aligned_views_see_what_is_given_where_the_image_shows_it():
    spec = InputSpec((0.0,) * 3, (1.0,) * 3, remainder=1, pad=False)
    [group] = group_views((View(), View(1.0, True)), (40, 60), spec, Sides())
    assert group.content == (33, 65)
    mask = torch.zeros(40, 60)
    mask[:12, :20] = mask[30:, 45:] = 1
    images = group.images(
        (mask[..., None] * 255).byte().expand(-1, -1, 3).numpy(), spec, mask.device
    )
    planes = group.given(mask[None])
    assert ((images[:, 0] > 0.5).float() != planes[:, 0]).float().mean() < 0.03
    assert planes[0, 0, 0, 0] == planes[0, 0, -1, -1] == 1
    soft = group.soft(mask[None])
    for view in group.to_frame(torch.cat([1 - soft, soft], 1), (40, 60)):
        assert ((view[1] > 0.5).float() != mask).float().mean() < 0.03
        torch.testing.assert_close(view.sum(0), torch.ones(40, 60))


def test_padding_is_black_before_normalisation():
    [group] = group_views((View(),), (16, 15), PAD, Sides())
    image = np.full((16, 15, 3), 255, np.uint8)
    batch = group.images(image, PAD, torch.device("cpu"))
    assert torch.allclose(batch[0, :, 0, -1], torch.tensor([-2.1179, -2.0357, -1.8044]), atol=1e-4)
    assert torch.allclose(batch[0, :, 0, 0], torch.tensor([2.2489, 2.4286, 2.64]), atol=1e-4)


def test_a_flipped_view_is_the_mirrored_video_and_maps_back():
    groups = group_views((View(), View(1.0, True)), (20, 33), PAD, Sides())
    [plain] = group_views((View(),), (20, 33), PAD, Sides())
    image = np.random.default_rng(0).integers(0, 256, (20, 33, 3)).astype(np.uint8)
    both = groups[0].images(image, PAD, torch.device("cpu"))
    mirrored = plain.images(image[:, ::-1], PAD, torch.device("cpu"))
    assert torch.equal(both[1], mirrored[0])
    planes = torch.rand(3, 20, 33)
    for view in groups[0].to_frame(groups[0].soft(planes), (20, 33)):
        assert torch.equal(view, planes)


@pytest.mark.parametrize(
    ("frame", "chosen", "content"),
    [
        ((480, 854), {}, (480, 854)),
        ((480, 1600), {}, (480, 1600)),
        ((64, 96), {}, (64, 96)),
        ((481, 854), {}, (480, 848)),
        ((1080, 1920), {}, (480, 848)),
        ((1920, 1080), {}, (848, 480)),
        ((1080, 1920), {"short_side": "auto"}, (480, 848)),
        ((1080, 1920), {"short_side": "full"}, (1080, 1920)),
        ((1080, 1920), {"short_side": "none"}, (1080, 1920)),
        ((1080, 1920), {"short_side": None}, (1080, 1920)),
        ((1080, 1920), {"short_side": "720"}, (720, 1280)),
        ((480, 854), {"short_side": 720}, (720, 1280)),
        ((1080, 1920), {"long_side": 1040}, (592, 1040)),
        ((1080, 1920), {"long_side": 4000}, (1080, 1920)),
    ],
)
def test_large_frames_are_made_smaller_unless_a_size_is_stated(frame, chosen, content) -> None:
    options = PropagationOptions(**chosen)
    [group] = group_views((View(),), frame, PAD, options.sides)
    assert group.content == content
    again = PropagationOptions(**options.model_dump(mode="json"))
    assert again == options and again.sides == options.sides
    assert options.at_own_size().sides == Sides()


def test_sides_are_written_as_words() -> None:
    """So that a recipe, which cannot hold null, keeps `full`."""
    written = [
        PropagationOptions(short_side=side).model_dump(mode="json")["short_side"]
        for side in ("auto", None, 480)
    ]
    assert written == ["auto", "full", 480]
    for wrong in ("big", 0, 4.5, True, "-3", []):
        with pytest.raises(ValidationError, match="neither a whole number"):
            PropagationOptions(short_side=wrong)
