"""What is predicted in the padding stays out of memory (the released STM crops its logits)."""

from __future__ import annotations

import pytest
import torch

from vostool.inference.engine import Member, run_video
from vostool.inference.propagation_options import Feedback, PropagationOptions
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.models.systems import scmn, stm

SMALL = {
    "backbone": "mobilenetv2_035",
    "key_channels": 8,
    "value_channels": 16,
    "decoder_channels": 8,
}


def network(module) -> torch.nn.Module:
    """An untrained network, which finds objects anywhere, in the padding as well."""
    torch.manual_seed(3)
    return module.build(module.Config(**SMALL)).eval()


@pytest.mark.parametrize("module", [stm, scmn], ids=["stm", "scmn"])
@pytest.mark.parametrize("tta", ["none", "flip"])
def test_one_view_at_an_odd_size_own_feedback_equals_merged(squares, module, tta) -> None:
    """With two views of one batch they differ, but neither sees anything in the padding."""
    images, _, given = squares(5, size=(50, 81))
    source = ArraySource("v", images, given)
    one = network(module)
    shown: list[torch.Tensor] = []
    memorize = one.memorize
    one.memorize = lambda frame, features, probabilities, *rest: (
        shown.append(probabilities),
        memorize(frame, features, probabilities, *rest),
    )
    results = {}
    for feedback in Feedback:
        member = Member(one, parse_strategies(["every:2"]))
        options = PropagationOptions(views=tta, feedback=feedback)
        results[feedback] = list(run_video(source, [member], options, probabilities=True))
    if tta == "none":
        for own, merged in zip(*results.values(), strict=True):
            assert torch.equal(own.probabilities, merged.probabilities)
    inside = torch.zeros(64, 96, dtype=torch.bool)
    inside[7:57, 7:88] = True
    assert len(shown) == 8
    for planes in shown:
        assert planes.shape[-2:] == (64, 96)
        assert bool((planes[..., ~inside].unbind(1)[0] == 1).all())
        assert not planes[:, 1:, ~inside].any()
