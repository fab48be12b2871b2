"""What a network is made of that has been made ready for inference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn


@dataclass(frozen=True)
class TrainedNetwork:
    """A network as it was trained.

    Attributes:
        name: for messages, such as that of its checkpoint with its folder.
        network: as it was trained, nothing folded.
        recipe: of its training, as JSON holds it; empty where there is none.
    """

    name: str
    network: nn.Module
    recipe: dict[str, Any] = field(default_factory=dict)
