"""CAMN's parts in other networks: object context and pyramid attention, the two-sided memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vostool.core.types import Clip, Fate
from vostool.models import FrameViews
from vostool.models.systems import famnet, stm

SMALL = {
    "backbone": "mobilenetv2_035",
    "key_channels": 8,
    "value_channels": 16,
    "decoder_channels": 8,
}
SPLIT = {"encoder": "foreground-background", "memory": "two-sided"}
CONTEXTS = ("object-context", "pyramid-attention")


def network(module, **values) -> nn.Module:
    torch.manual_seed(1)
    return module.build(module.Config(**SMALL, **values)).eval()


def clip_of(objects: int = 2) -> Clip:
    labels = torch.zeros(1, 3, 48, 80, dtype=torch.long)
    for row in range(objects):
        labels[:, :, 8:40, 4 + 25 * row : 20 + 25 * row] = row + 1
    images = torch.rand(1, 3, 3, 48, 80, generator=torch.Generator().manual_seed(0))
    return Clip(images, labels, torch.ones(1, objects, dtype=torch.bool))


@torch.no_grad()
def step_by_step(model: nn.Module, clip: Clip) -> torch.Tensor:
    """Probabilities of the second frame, by encode, memorize and segment."""
    images = model.input_spec.normalise(clip.images)
    first, second = (FrameViews.whole(images[:, time], time) for time in (0, 1))
    rows = torch.arange(clip.present.shape[1] + 1)
    masks = (clip.labels[:, 0, None] == rows[:, None, None]).float()
    state = model.start()
    model.memorize(first, model.encode(first), masks, state, [Fate.GIVEN] * (len(rows) - 1))
    return model.segment(second, model.encode(second), state).probabilities


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("module", [famnet, stm])
@torch.no_grad()
def test_context_changes_nothing_until_it_is_trained(module, context) -> None:
    part = {"name": context, "channels": 64}
    plain, more = network(module), network(module, context=part)
    state = {}
    for key, value in plain.state_dict().items():
        for trunk in ("encoder.shared.", "encoder.query.", "encoder.memory."):
            if key.startswith(trunk) and f"{trunk}trunk.{key[len(trunk) :]}" in more.state_dict():
                key = f"{trunk}trunk.{key[len(trunk) :]}"
        state[key] = value
    missing, unexpected = more.load_state_dict(state, strict=False)
    assert not unexpected and missing
    clip = clip_of()
    expected = plain(clip).logits
    torch.testing.assert_close(more(clip).logits, expected, atol=1e-4, rtol=0)
    for part in more.modules():
        if hasattr(part, "project") and hasattr(part, "context"):
            nn.init.normal_(part.project.weight, std=0.1)
    assert not torch.allclose(more(clip).logits, expected, atol=1e-3)


@pytest.mark.parametrize("values", [{}, {"scheme": "prior"}, {"shared_key": True}])
@pytest.mark.parametrize("module", [famnet, stm])
def test_two_sided_memory_in_training_and_on_videos(module, values) -> None:
    encoder = {"name": "foreground-background", **values}
    model = network(module, encoder=encoder, memory="two-sided")
    clip = clip_of()
    result = model(clip)
    torch.testing.assert_close(
        result.probabilities[:, 0].detach(), step_by_step(model, clip), atol=1e-4, rtol=0
    )
    result.logits.square().mean().backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


@torch.no_grad()
def test_the_background_is_remembered_too() -> None:
    model = network(stm, **SPLIT)
    clip = clip_of(objects=1)
    nothing = Clip(clip.images, torch.zeros_like(clip.labels), clip.present)
    assert not torch.allclose(model(clip).logits, model(nothing).logits, atol=1e-4)
    assert bool(model(nothing).probabilities.isfinite().all())


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ValueError, match="memory attention reads pixels, and encoder foreground"):
        stm.Config(**SMALL, encoder="foreground-background")
    with pytest.raises(ValueError, match="memory two-sided reads sides"):
        stm.Config(**SMALL, memory="two-sided")
    with pytest.raises(ValueError, match="cannot share 15"):
        stm.Config(**{**SMALL, "value_channels": 15}, **SPLIT)
