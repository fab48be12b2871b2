"""Two networks unlike STM, to show that the protocol is not made for STM alone.

`ReferenceSoftmax` keeps the frames whose masks are given and lets all objects and the background
compete in one softmax. `ProposalChooser` outlines nothing itself: it chooses among proposals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from vostool.core.types import Clip, Fate, ObjectProposals
from vostool.models import FrameViews, InputSpec, Prediction

PLAIN = InputSpec((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def mean_colours(images: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
    """Images `[V, 3, H, W]`, weights `[V, C, H, W]` -> `[V, C, 3]`."""
    weights = planes.flatten(2)
    sums = weights @ images.flatten(2).transpose(1, 2)
    return sums / weights.sum(2, keepdim=True).clamp(min=1e-6)


@dataclass
class References:
    """Colours per channel (background first): each `[V, 3]`, with the times they are of."""

    colours: list[list[torch.Tensor]] = field(default_factory=lambda: [[]])
    times: list[list[int]] = field(default_factory=lambda: [[]])


class ReferenceSoftmax(nn.Module):
    """Logits are distances to the nearest reference colour; what is predicted teaches nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.input_spec = PLAIN
        self.sharpness = nn.Parameter(torch.tensor(40.0))
        self.states: list[References] = []

    def start(self, max_memory=None):
        self.states.append(References())
        return self.states[-1]

    def encode(self, frame: FrameViews):
        return frame.images.float()

    def segment(self, frame, features, state):
        return Prediction.of_logits(self.logits(features, state.colours))

    def logits(self, images, colours):
        nearest = []
        for known in colours:
            distances = (images[None] - torch.stack(known)[..., None, None]).square().sum(2)
            nearest.append(distances.amin(0))
        return -self.sharpness * torch.stack(nearest, 1)

    def memorize(self, frame, features, probabilities, state, fates):
        while len(state.colours) < len(fates) + 1:
            state.colours.append([])
            state.times.append([])
        if Fate.GIVEN not in fates:
            return
        # Where nothing is image, nothing is background either.
        inside = torch.zeros_like(probabilities[:, :1])
        frame.content.of(inside).fill_(1)
        found = mean_colours(features, probabilities * inside)
        for channel, fate in enumerate([Fate.GIVEN, *fates]):
            if fate is Fate.GIVEN:
                state.colours[channel].append(found[:, channel])
                state.times[channel].append(frame.time)

    def forward(self, clip: Clip) -> Prediction:
        images = self.input_spec.normalise(clip.images)
        count = clip.present.shape[1]
        planes = functional.one_hot(clip.labels[:, 0], count + 1).movedim(-1, 1).float()
        found = mean_colours(images[:, 0], planes)
        colours = [[found[:, channel]] for channel in range(count + 1)]
        frames = [self.logits(images[:, k], colours) for k in range(1, images.shape[1])]
        return Prediction.of_logits(torch.stack(frames, 1), {"colours": found})


class ProposalChooser(nn.Module):
    """Each object takes the proposal whose colour is most like its own; none is taken twice."""

    def __init__(self, certainty: float = 0.95) -> None:
        super().__init__()
        self.input_spec = InputSpec(PLAIN.mean, PLAIN.std, proposals=True)
        self.certainty = nn.Parameter(torch.tensor(certainty))
        self.seen: list[FrameViews] = []

    def start(self, max_memory=None):
        return {}

    def encode(self, frame: FrameViews):
        """Per view, colours `[P, 3]` of its proposals."""
        self.seen.append(frame)
        assert frame.proposals is not None
        return [
            mean_colours(image[None].float(), found.masks[None].float())[0]
            for image, found in zip(frame.images, frame.proposals, strict=True)
        ]

    def segment(self, frame, features, state):
        count = len(state["colours"][0])
        result = torch.zeros(len(frame.images), count + 1, *frame.images.shape[-2:])
        chosen = []
        for view, (colours, found) in enumerate(zip(features, frame.proposals, strict=True)):
            distances = torch.cdist(state["colours"][view], colours)
            chosen.append([-1] * count)
            for _ in range(min(distances.shape)):
                row, column = divmod(int(distances.argmin()), distances.shape[1])
                distances[row], distances[:, column] = torch.inf, torch.inf
                chosen[-1][row] = column
                free = found.masks[column] & ~result[view, 1:].any(0)
                result[view, row + 1][free] = self.certainty
        result[:, 0] = 1 - result[:, 1:].sum(1)
        return Prediction(result, extras={"matches": chosen})

    def memorize(self, frame, features, probabilities, state, fates):
        found = mean_colours(frame.images.float(), probabilities[:, 1:])
        old = state.get("colours", found[:, :0])
        for row in range(old.shape[1]):
            if fates[row] is not Fate.GIVEN:
                found[:, row] = old[:, row]
        state["colours"] = found


class ColourDetector:
    """Proposes every connected part of a picture that has a strong colour."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def proposals(self, image: np.ndarray, video: str, frame: str) -> ObjectProposals:
        self.asked.append((video, frame))
        strong = (image.max(2).astype(int) - image.min(2) > 100).astype(np.uint8)
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(strong, connectivity=4)
        if count == 1:
            return ObjectProposals.none(*image.shape[:2])
        corners = torch.from_numpy(boxes[1:, :2]).float()
        sizes = torch.from_numpy(boxes[1:, 2:4]).float()
        masks = torch.from_numpy(labels)[None] == torch.arange(1, count)[:, None, None]
        return ObjectProposals(
            torch.cat([corners, corners + sizes], 1), torch.ones(count - 1), masks
        )
