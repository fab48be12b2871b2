"""A network and a group of views: one encoding per frame, one track per memory strategy."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vostool.core.errors import DataError
from vostool.core.types import ObjectProposals
from vostool.inference.given import Cast, Given, with_new_rows
from vostool.inference.source import SourceFrame
from vostool.inference.strategy import Strategy
from vostool.inference.track import EncodedFrame, Track
from vostool.inference.views import ViewGroup
from vostool.models import FrameViews, Segmenter
from vostool.nn.precision import autocast


class Branch:
    """A network that sees a group of views.

    Args:
        segmenter: the network, in eval mode.
        group: the views.
        strategies: memory strategies, each with a track of its own.
        max_memory: see `PropagationOptions`.
        first_member: number of the member that the first track belongs to; the others follow.
        device, dtype: where it runs, and the type of autocast (None is float32).
        objects_at_once: see `FrameViews`.

    Attributes:
        group: the views.
        tracks: by number of the member.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        group: ViewGroup,
        strategies: Sequence[Strategy],
        *,
        max_memory: int | None,
        first_member: int,
        device: torch.device,
        dtype: torch.dtype | None,
        objects_at_once: int | None = None,
    ):
        self.group = group
        self.tracks = {
            first_member + number: Track(segmenter, strategy, max_memory)
            for number, strategy in enumerate(strategies)
        }
        self._segmenter, self._device, self._dtype = segmenter, device, dtype
        self._objects_at_once = objects_at_once

    def encode(self, frame: SourceFrame, index: int) -> EncodedFrame:
        """The frame as the network sees it.

        Raises:
            DataError: the network asks for proposals, and the frame has none.
        """
        spec = self._segmenter.input_spec
        views = FrameViews(
            self.group.images(frame.image, spec, self._device),
            index,
            self.group.region,
            self._proposals(frame) if spec.proposals else None,
            self._objects_at_once,
        )
        with autocast(self._device, self._dtype):
            features = self._segmenter.encode(views)
        height, width = frame.size
        pixels = height * width / (self.group.content[0] * self.group.content[1])
        return EncodedFrame(views, features, pixels)

    def _proposals(self, frame: SourceFrame) -> tuple[ObjectProposals, ...]:
        if frame.proposals is None:
            raise DataError(
                f"{type(self._segmenter).__name__} chooses among object proposals, and there are "
                "none",
                where=f"frame {frame.name}",
                remedy="pass --set proposals.source=maskrcnn --model-file maskrcnn=FILE",
            )
        return self.group.proposals(frame.proposals, self._device)

    def predict(
        self, track: Track, encoded: EncodedFrame, given: Given | None, cast: Cast
    ) -> torch.Tensor:
        """`[V, N+1, h, w]` of all objects of the cast, given masks put in."""
        with autocast(self._device, self._dtype):
            predicted = track.predict(encoded)
        return self.put_in(given, with_new_rows(predicted, len(cast)))

    def put_in(self, given: Given | None, probabilities: torch.Tensor) -> torch.Tensor:
        """`[V, N+1, h, w]` with given masks instead of what is predicted for them."""
        if given is None:
            return probabilities
        return Given(self.group.given(given.planes), given.rows).put_into(probabilities)

    def remember(
        self,
        track: Track,
        encoded: EncodedFrame,
        probabilities: torch.Tensor,
        given: Given | None,
        cast: Cast,
    ) -> None:
        """Offer `[V, N+1, h, w]` to the memory of a track."""
        rows = given.rows if given is not None else ()
        seen = self.group.without_padding(probabilities)
        with autocast(self._device, self._dtype):
            track.remember(encoded, seen, cast, rows)
