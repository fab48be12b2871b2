"""Parts by name: what a configuration says of a part, and which kinds of parts there are.

Axes: V images, N objects, M (image, object) pairs with `owner [M]` giving the image of each,
h x w feature pixels at stride 16, H x W image pixels; Ck, Cv, C channels of keys, values, decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.core.toml import explain_mistakes

NONE = "none"
"""Name of the part that is left out."""


class PartChoice(BaseModel):
    """A part by name, with the values of its own `Config`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(description="of the part")

    @property
    def options(self) -> dict[str, Any]:
        """Values for the part's `Config`."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def left_out(self) -> bool:
        """Whether there is to be no such part."""
        return self.name == NONE


@dataclass(frozen=True)
class Sizes:
    """Numbers of channels that parts have to agree on.

    Attributes:
        skips: of the trunk's features at strides 4 and 8.
        key, value: of keys and values.
        width: of the decoder.
    """

    skips: tuple[int, int]
    key: int
    value: int
    width: int


@dataclass(frozen=True)
class Kind:
    """A kind of part: a folder of modules, which other packages add to by entry points.

    Attributes:
        word: what it is called in a configuration.
        folder: its package below `vostool.nn.parts`; the entry points' group is vostool.<folder>.
        optional: whether there may be none.
    """

    word: str
    folder: str
    optional: bool = False

    def names(self) -> list[str]:
        """All parts of this kind, "none" included where it may be left out."""
        found = registry.names(f"vostool.nn.parts.{self.folder}", f"vostool.{self.folder}")
        return [NONE, *found] if self.optional else found

    def module(self, name: str) -> Any:
        """The module of a part. Raises UsageError if there is none of that name."""
        package, group = f"vostool.nn.parts.{self.folder}", f"vostool.{self.folder}"
        return registry.load(package, name, kind=self.word, entry_point_group=group)

    def check(self, value: Any, default: PartChoice) -> PartChoice:
        """What a configuration says of the part: a name, or a table of name and options.

        Options that are not given are the default's if that is the same part, else the part's own.

        Raises:
            ValueError: there is no such part, or it has no such options; all mistakes in one line.
        """
        table = {"name": value} if isinstance(value, str) else value
        if isinstance(table, PartChoice):
            table = table.model_dump()
        if not isinstance(table, Mapping):
            raise ValueError("give a name, or a table with a name and options")
        name = table.get("name", default.name)
        given = {key: option for key, option in table.items() if key != "name"}
        if self.optional and name == NONE:
            # What is left out has no options; those of a recipe below may still be there.
            return PartChoice(name=NONE)
        if not isinstance(name, str):
            raise ValueError("name must be text")
        name = name.replace("_", "-")
        inherited = default.options if name == default.name else {}
        try:
            module = self.module(name)
            config = module.Config.model_validate({**inherited, **given})
        except UsageError as error:
            raise ValueError(str(error)) from error
        except ValidationError as error:
            raise ValueError("; ".join(explain_mistakes(error, module.Config))) from error
        return PartChoice(name=name, **config.model_dump(mode="json"))

    def build(self, choice: PartChoice, *arguments: Any) -> Any:
        """The part of a checked choice; what it is given, and can do, depends on the kind."""
        module = self.module(choice.name)
        return module.build(module.Config.model_validate(choice.options), *arguments)


ENCODER = Kind("encoder", "encoders")
"""`build(config, make_trunk, sizes)`, `make_trunk(mask channels)` giving a trunk; see `Encoder`.

`STORES`, "pixels" by default, says what its keys and values are of; a memory's `READS` fits it.
"""
CONTEXT = Kind("context", "contexts", optional=True)
"""`STRIDES` that it needs of a trunk and `build(config, trunk)`, itself used as a trunk."""
MEMORY = Kind("memory", "memories")
"""`build(config, sizes)`: query key `[V, q, Ck]`, key `[V, n, Ck]`, value `[V, n, Cv]` ->
`[V, q, Cv]`."""
MIXER = Kind("mixer", "mixers")
"""`build(config, sizes)`; see `Mixer`."""
PRIOR = Kind("prior", "priors", optional=True)
"""`build(config, sizes)`; see `Prior`."""
DECODER = Kind("decoder", "decoders")
"""`build(config, sizes)`; see `Decoder`."""
REFINEMENT = Kind("refinement", "refinements", optional=True)
"""`build(config)`: logits `[M, 2, H, W]` -> the same shape."""

KINDS = (ENCODER, CONTEXT, MEMORY, MIXER, PRIOR, DECODER, REFINEMENT)

MakeTrunk = Callable[[int], nn.Module]
"""Number of mask channels -> trunk."""
