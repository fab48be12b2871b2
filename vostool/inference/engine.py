"""Propagation: any number of networks x views x memory strategies through a video, in step.

Frame by frame: every track predicts, given masks are put in, all tracks merged are the result, and
every track memorises its own prediction (or the merged one). A network encodes a frame once per
group of views, whatever the number of strategies. No probabilities outlive their frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from torch import nn

from vostool.core.errors import DataError
from vostool.core.types import ObjectIds
from vostool.inference.branch import Branch
from vostool.inference.given import Cast, Given, with_new_rows
from vostool.inference.merging import MemberMeans, start_of_merging
from vostool.inference.propagation_options import Feedback, PropagationOptions
from vostool.inference.source import FrameSource, SourceFrame, check_frame
from vostool.inference.strategy import Strategy, strategy_text
from vostool.inference.track import EncodedFrame
from vostool.inference.trained import TrainedNetwork
from vostool.inference.views import ViewGroup, group_views
from vostool.models import Segmenter


@dataclass(frozen=True)
class Member:
    """A network, in eval mode.

    Attributes:
        strategies: memory strategies to run it with; none: those of the options.
        name: for messages.
        digest: of its checkpoint, "" where it has none.
        trained: what it was made of, for wrappers that train it further; None if nothing is known.
    """

    segmenter: Segmenter
    strategies: tuple[Strategy, ...] = ()
    name: str = ""
    digest: str = ""
    trained: TrainedNetwork | None = None


@dataclass(frozen=True)
class FrameResult:
    """The result for a frame.

    Attributes:
        name: of the frame.
        mask: uint8 `[H, W]` object ids; 0 where an object has not appeared yet.
        probabilities: float32 `[K+1, H, W]` (background, then all ids of the video ascending) if
            asked for; 0 for objects that have not appeared yet.
    """

    name: str
    mask: np.ndarray
    probabilities: torch.Tensor | None = None


def run_video(
    source: FrameSource,
    members: Sequence[Member],
    options: PropagationOptions | None = None,
    *,
    dtype: torch.dtype | None = None,
    probabilities: bool = False,
    objects_at_once: int | None = None,
) -> Iterator[FrameResult]:
    """Yield the result of every output frame, in time order.

    Before the first frame with a given mask nothing is run and results are empty. Given masks come
    out as they went in. The last frame is not memorised.

    Args:
        dtype: for autocast inside the networks; None is float32. Merging is always float32.
        probabilities: whether results carry probabilities.
        objects_at_once: see `FrameViews`.

    Raises:
        DataError: a frame cannot be read, a given mask has another size than its frame, or a member
            says NaN.
    """
    chosen = options or PropagationOptions()
    run = _Run(source.ids, members, chosen, dtype, probabilities, objects_at_once)
    last = len(source) - 1
    for index, frame in enumerate(source):
        check_frame(frame, source.name)
        result = run.step(frame, index, is_last=index == last)
        run.require_numbers(f"{source.name}, frame {frame.name}")
        if frame.output:
            yield result


class _Run:
    """All tracks of one video."""

    def __init__(
        self,
        ids: ObjectIds,
        members: Sequence[Member],
        options: PropagationOptions,
        dtype: torch.dtype | None,
        probabilities: bool,
        objects_at_once: int | None,
    ):
        if not members:
            raise ValueError("at least one network is needed")
        self._options = options
        self._members = [
            member if member.strategies else replace(member, strategies=options.memory)
            for member in members
        ]
        self._dtype, self._probabilities = dtype, probabilities
        self._objects_at_once = objects_at_once
        self._cast = Cast(ids)
        self._device = _device(members[0].segmenter)
        self._merging = start_of_merging(
            [(member.name, member.digest, member.strategies) for member in self._members],
            options,
        )
        self._branches: list[list[Branch]] = []
        self._first_index = 0
        self._sums: dict[int, torch.Tensor] = {}

    @torch.inference_mode()
    def step(self, frame: SourceFrame, index: int, is_last: bool) -> FrameResult:
        """Take the video one frame further."""
        known = len(self._cast)
        rows = self._cast.enter(frame.given, index - self._first_index if known else 0)
        if not len(self._cast):
            return self._result(frame, None)
        if not known:
            self._start(frame, index)
        given = None
        if frame.given is not None and rows:
            given = Given(self._cast.one_hot(frame.given, rows, self._device), rows)
        merged: torch.Tensor | None = _background_only(frame.image, self._device)
        if known or not is_last:
            merged = self._propagate(frame, index - self._first_index, given, is_last)
        if merged is not None:
            merged = _put_in(given, with_new_rows(merged, len(self._cast)))
        return self._result(frame, merged)

    def _start(self, frame: SourceFrame, index: int) -> None:
        self._first_index = index
        first = 0
        for member in self._members:
            spec = member.segmenter.input_spec
            groups = group_views(self._options.views, frame.size, spec, self._options.sides)
            self._branches.append([self._branch(member, group, first) for group in groups])
            first += len(member.strategies)

    def _branch(self, member: Member, group: ViewGroup, first_member: int) -> Branch:
        return Branch(
            member.segmenter,
            group,
            member.strategies,
            max_memory=self._options.max_memory,
            first_member=first_member,
            device=self._device,
            dtype=self._dtype,
            objects_at_once=self._objects_at_once,
        )

    def _propagate(
        self, frame: SourceFrame, index: int, given: Given | None, is_last: bool
    ) -> torch.Tensor | None:
        """Bring all memories up to date; return all tracks merged, `[N+1, H, W]`.

        Merging is left out (None) where neither output nor memory needs it.
        """
        feeds_back = self._options.feedback is Feedback.MERGED and not is_last
        accumulator = self._merging()
        encodings: list[EncodedFrame] = []
        for branches in self._branches:
            means = MemberMeans()
            for branch in branches:
                encoded = branch.encode(frame, index)
                for member, track in branch.tracks.items():
                    predicted = branch.predict(track, encoded, given, self._cast)
                    if frame.output or feeds_back:
                        for view in branch.group.to_frame(predicted, frame.size):
                            means.add(view, member)
                    if not feeds_back and not is_last:
                        branch.remember(track, encoded, predicted, given, self._cast)
                if feeds_back:
                    encodings.append(encoded)
            for member, mean in means.items():
                # As in a run of its own, where what is given is put in before anything is merged.
                accumulator.add(_put_in(given, mean), member)
                self._sums[member] = mean.sum()
        if not frame.output and not feeds_back:
            return None
        result = accumulator.result()
        if feeds_back:
            self._remember_merged(result, encodings, given)
        return result

    def require_numbers(self, where: str) -> None:
        """Refuse members whose last probabilities are no numbers: merged, they would be no object.

        Called when the result is there, so that nothing waits for it.

        Raises:
            DataError: naming them.
        """
        names = [
            f"{member.name or type(member.segmenter).__name__} {strategy_text(strategy)}"
            for member in self._members
            for strategy in member.strategies
        ]
        wrong = [names[number] for number, s in self._sums.items() if not math.isfinite(float(s))]
        if wrong:
            raise DataError(
                f"the network says NaN: {', '.join(wrong)}",
                where=where,
                remedy="its weights are damaged, or this precision too low: pass --precision fp32",
            )

    def _remember_merged(
        self, merged: torch.Tensor, encodings: Sequence[EncodedFrame], given: Given | None
    ) -> None:
        """Have all tracks memorise the merged prediction `[N+1, H, W]`."""
        for branch, encoded in zip(chain(*self._branches), encodings, strict=True):
            seen = branch.put_in(given, branch.group.soft(merged))
            for track in branch.tracks.values():
                branch.remember(track, encoded, seen, given, self._cast)

    def _result(self, frame: SourceFrame, merged: torch.Tensor | None) -> FrameResult:
        if not frame.output:
            return FrameResult(frame.name, np.zeros(frame.image.shape[:2], np.uint8))
        if merged is None:
            merged = _background_only(frame.image, self._device)
        ordered = self._cast.in_id_order(with_new_rows(merged, len(self._cast)))
        # On processors argmax over the first axis takes five times as long as max.
        labels = ordered.max(dim=0).indices.to(torch.uint8).cpu().numpy()
        mask = self._cast.ids.to_ids(labels)
        return FrameResult(frame.name, mask, ordered if self._probabilities else None)


def _put_in(given: Given | None, planes: torch.Tensor) -> torch.Tensor:
    """`[N+1, H, W]` of a frame with given masks instead of what is predicted for them."""
    return planes if given is None else given.put_into(planes)


def _background_only(image: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.ones((1, *image.shape[:2]), device=device)


def _device(segmenter: Segmenter) -> torch.device:
    """Where a network's parameters are; the CPU if it has none."""
    if isinstance(segmenter, nn.Module):
        for tensor in segmenter.parameters():
            return tensor.device
    return torch.device("cpu")
