"""What changes the results of inference, wrappers left out; descriptions are the documentation.

Nothing here needs torch, so that the command line's flags can be made of the fields.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainSerializer, PlainValidator

from vostool.core.errors import UsageError
from vostool.core.options import Flag, Options
from vostool.core.parsed import Parsed, whole_number_or, written_with
from vostool.ensembling.options import MergeOptions
from vostool.inference.sides import LARGEST_SHORT_SIDE, Sides
from vostool.inference.strategy import Strategy, parse_strategies
from vostool.inference.view import View, parse_views, write_views
from vostool.training.config import Precision


class Feedback(enum.Enum):
    """What goes back into each track's memory."""

    OWN = "own"
    """Its own prediction: equals separate runs that are averaged afterwards."""
    MERGED = "merged"
    """The merged prediction of all tracks."""


def _views(value: Any) -> Parsed[View]:
    if isinstance(value, Parsed):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(item, (View, dict)) for item in value):
        # Views that are no product have no text: they are dumped as tables.
        views = [View(**item) if isinstance(item, dict) else item for item in value]
        return Parsed(views, write_views(views) or [asdict(view) for view in views])
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    # A single scale is a number in TOML.
    text = str(value)
    return Parsed(parse_views(text), text)


def _strategies(value: Any) -> Parsed[Strategy]:
    if isinstance(value, Parsed):
        return value
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise ValueError("memory strategies are texts, such as every:5")
    try:
        return Parsed(parse_strategies(texts), list(texts))
    except UsageError as error:
        raise ValueError(str(error)) from error


def _as_written(value: Parsed[Any]) -> Any:
    return value.written


Views = Annotated[Parsed[View], PlainValidator(_views), PlainSerializer(_as_written)]
Strategies = Annotated[Parsed[Strategy], PlainValidator(_strategies), PlainSerializer(_as_written)]

_SIDES = {"auto": "auto", "full": None, "none": None}
ShortSide = Annotated[
    int | Literal["auto"] | None,
    PlainValidator(whole_number_or(_SIDES)),
    PlainSerializer(written_with(_SIDES)),
]


class PropagationOptions(Options):
    """How networks are propagated through a video."""

    views: Annotated[Views, Flag("--tta")] = Field(
        "none",
        validate_default=True,
        description="flip, scales, both (flip,0.75,1.0: all combinations) or none",
    )
    memory: Annotated[Strategies, Flag(many=True)] = Field(
        ("every:5",),
        validate_default=True,
        description="memory strategies, each one more track per network and view: every:K, "
        "first-previous, early:N,K, visible",
    )
    max_memory: Annotated[int | None, Flag()] = Field(
        None,
        ge=1,
        description="most frames per object that stay in memory, first ones never dropped; by "
        "default what the strategy says",
    )
    feedback: Annotated[Feedback, Flag()] = Field(
        Feedback.OWN,
        description="what goes back into memory: each track's own prediction, or the merged one",
    )
    short_side: Annotated[ShortSide, Flag()] = Field(
        "auto",
        description="pixels of the shorter side at scale 1; full: the frame's own; auto: the "
        f"frame's own, but {LARGEST_SHORT_SIDE} where it is larger and long_side says nothing",
    )
    long_side: Annotated[int | None, Flag()] = Field(
        None,
        ge=1,
        description="most pixels of the longer side at scale 1; frames beyond it are made smaller",
    )
    merge: MergeOptions = Field(
        default_factory=MergeOptions,
        description="how networks and memory strategies become one result",
    )

    @property
    def sides(self) -> Sides:
        """Sizes at scale 1."""
        if self.short_side == "auto":
            limit = LARGEST_SHORT_SIDE if self.long_side is None else None
            return Sides(None, self.long_side, limit)
        return Sides(self.short_side, self.long_side)

    def at_own_size(self) -> Self:
        """The same, for frames that have been resized already."""
        return self.model_copy(update={"short_side": None, "long_side": None})


class ResultOptions(PropagationOptions):
    """How networks are propagated, and what else changes results."""

    precision: Annotated[Precision, Flag()] = Field(
        "auto", description="arithmetic inside the networks; auto finds out what is quick here"
    )
    seed: Annotated[int, Flag()] = Field(
        0, ge=0, description="of networks that draw random numbers, and of fine-tuning"
    )
    nesting: tuple[str, ...] = Field(
        (),
        description="the wrappers that are on, the outermost first; needed only for another order "
        "than the usual one",
    )
