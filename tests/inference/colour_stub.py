"""A small network for tests of the engine: every pixel is compared with remembered colours.

It acts pixel by pixel, so that it commutes with flipping exactly; it has the memory semantics of
the protocol (permanent frames, one replaceable slot, late rows) and writes down what it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from vostool.core.types import Fate
from vostool.models import InputSpec, Prediction
from vostool.nn.aggregation import soft_aggregate


@dataclass
class Slot:
    """Memory of one object: colour `[V, 3]` per time."""

    permanent: dict[int, torch.Tensor] = field(default_factory=dict)
    replaceable: dict[int, torch.Tensor] = field(default_factory=dict)

    @property
    def times(self) -> list[int]:
        return sorted({**self.permanent, **self.replaceable})


@dataclass
class State:
    max_memory: int | None
    slots: list[Slot] = field(default_factory=list)
    masks: list[torch.Tensor] = field(default_factory=list)
    fates: list[list[Fate]] = field(default_factory=list)


class ColourStub(nn.Module):
    """Object probability = exp(-sharpness * squared distance to the mean remembered colour)."""

    def __init__(self, sharpness: float = 40.0, pad: bool = True):
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(sharpness))
        self.input_spec = InputSpec((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 16, pad=pad)
        self.encoded: list[torch.Size] = []
        self.segmented: list[list[list[int]]] = []
        self.states: list[State] = []

    def encode(self, frame):
        images = frame.images
        assert images.shape[-1] % 16 == 0
        assert images.shape[-2] % 16 == 0
        self.encoded.append(images.shape)
        return images

    def start(self, max_memory=None):
        self.states.append(State(max_memory))
        return self.states[-1]

    def memorize(self, frame, features, probabilities, state, fates):
        images, masks, time = frame.images, probabilities[:, 1:], frame.time
        assert features is images
        assert len(fates) == masks.shape[1]
        assert masks.shape[-2:] == images.shape[-2:]
        assert torch.allclose(probabilities.sum(1), torch.ones(()), atol=1e-4)
        state.fates.append(list(fates))
        state.masks.append(masks.clone())
        while len(state.slots) < masks.shape[1]:
            state.slots.append(Slot())
        for row, slot in enumerate(state.slots):
            weight = masks[:, row, None]
            colour = (images * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1e-6)
            slot.replaceable = {}
            if fates[row] in (Fate.GIVEN, Fate.KEEP):
                slot.permanent[time] = colour
            elif fates[row] is Fate.REPLACE:
                slot.replaceable = {time: colour}

    def segment(self, frame, features, state):
        assert features is frame.images
        self.segmented.append([slot.times for slot in state.slots])
        return Prediction(soft_aggregate(self.planes(features, state))[1])

    def planes(self, features, state):
        """`[V, N, H, W]`, each object for itself."""
        planes = []
        for slot in state.slots:
            colours = torch.stack([*slot.permanent.values(), *slot.replaceable.values()])
            distance = (features - colours.mean(0)[..., None, None]).square().sum(1)
            planes.append(torch.exp(-self.sharpness * distance))
        return torch.stack(planes, 1).float()
