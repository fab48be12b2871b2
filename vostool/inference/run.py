"""Runs: what takes a video and yields its results, and can be put into a wrapper."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

import torch

from vostool.inference.engine import FrameResult, Member, run_video
from vostool.inference.merging import start_of_merging
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.source import FrameSource

Files = Mapping[str, tuple[Path, ...]]

Results = Generator[FrameResult, None, None]
"""Closing it early puts everything back that a wrapper changed."""


class Report:
    """What wrappers say about one video.

    Args:
        note: shows a few words on what is going on.

    Attributes:
        entries: JSON values by the wrapper's name, for the manifest.
    """

    def __init__(self, note: Callable[[str], None] | None = None):
        self.note = note or (lambda words: None)
        self.entries: dict[str, list[Any]] = {}

    def add(self, wrapper: str, entry: Any) -> None:
        """Put a JSON value into the manifest's entry of the video."""
        self.entries.setdefault(wrapper, []).append(entry)


@dataclass(frozen=True)
class Request:
    """What is wanted of a run.

    Attributes:
        probabilities: whether results carry probabilities.
        report: takes what is to be said about the video.
    """

    probabilities: bool = False
    report: Report = field(default_factory=Report)


class Run(Protocol):
    """Takes a video, yields its results."""

    @property
    def members(self) -> Sequence[Member]:
        """The networks."""

    @property
    def options(self) -> PropagationOptions:
        """How they are propagated."""

    def __call__(self, source: FrameSource, request: Request) -> Results:
        """The result of every frame whose output is wanted, in time order."""

    def changed(
        self,
        *,
        members: Sequence[Member] | None = None,
        options: PropagationOptions | None = None,
    ) -> Run:
        """The same run with other networks or options."""


@dataclass(frozen=True)
class Propagation:
    """The run inside all wrappers: the engine.

    Attributes:
        dtype: for autocast inside the networks; None is float32.
        objects_at_once: most objects that go through per-object parts together; None: as their
            size allows.
    """

    members: Sequence[Member]
    options: PropagationOptions = field(default_factory=PropagationOptions)
    dtype: torch.dtype | None = None
    objects_at_once: int | None = None

    def __post_init__(self) -> None:
        """Raise UsageError if the networks cannot be merged as the options say."""
        named = [
            (item.name, item.digest, item.strategies or self.options.memory)
            for item in self.members
        ]
        start_of_merging(named, self.options)

    def __call__(self, source: FrameSource, request: Request) -> Results:
        """See `run_video`."""
        yield from run_video(
            source,
            self.members,
            self.options,
            dtype=self.dtype,
            probabilities=request.probabilities,
            objects_at_once=self.objects_at_once,
        )

    def changed(
        self,
        *,
        members: Sequence[Member] | None = None,
        options: PropagationOptions | None = None,
    ) -> Propagation:
        """See `Run.changed`."""
        return replace(
            self,
            members=self.members if members is None else members,
            options=self.options if options is None else options,
        )


@dataclass(frozen=True)
class Wrapped:
    """A run around another one, whose networks and options are that one's.

    What derives from it says what a call does.
    """

    inside: Run

    @property
    def members(self) -> Sequence[Member]:
        """See `Run.members`."""
        return self.inside.members

    @property
    def options(self) -> PropagationOptions:
        """See `Run.options`."""
        return self.inside.options

    def changed(
        self,
        *,
        members: Sequence[Member] | None = None,
        options: PropagationOptions | None = None,
    ) -> Self:
        """See `Run.changed`."""
        return replace(self, inside=self.inside.changed(members=members, options=options))


@dataclass(frozen=True)
class Context:
    """Where and how wrappers do their own work.

    Attributes:
        device, dtype, compile_parts: as in inference.
        seed: of everything drawn.
        files: model files by the name of what reads them, such as a tracker.
    """

    device: torch.device
    dtype: torch.dtype | None = None
    compile_parts: bool = False
    seed: int = 0
    files: Files = field(default_factory=dict)

    @property
    def training_dtype(self) -> torch.dtype | None:
        """fp16 would need its gradients scaled, so that fp32 takes its place."""
        return None if self.dtype is torch.float16 else self.dtype
