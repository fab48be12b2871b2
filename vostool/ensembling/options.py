"""How members are merged, as options of `ensemble` and `infer`; nothing here needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field

from vostool.core import registry
from vostool.core.options import Flag, Options

if TYPE_CHECKING:
    from vostool.ensembling.method import MergingMethod

AUTO = "auto"
PACKAGE = "vostool.ensembling.methods"
ENTRY_POINT_GROUP = "vostool.ensembling_methods"


def method_names() -> list[str]:
    """Names of all methods, sorted."""
    return registry.names(PACKAGE, ENTRY_POINT_GROUP)


class MergeOptions(Options):
    """A merging method with its options; those that only some methods have are keys beside them."""

    model_config = ConfigDict(extra="allow", frozen=True)

    method: Annotated[str, Flag("--merge")] = Field(
        AUTO,
        description=f"how members become one: {', '.join(method_names())} or auto, which is the "
        "mean of probabilities (weighted, where there are weights), and a vote where there are "
        "only masks",
    )
    weights: Annotated[Any, Flag("--member-weights")] = Field(
        None,
        description="a number for each member, such as 2,1; in infer a member is a network with "
        "one memory strategy (network by network), in ensemble a folder; for method learned the "
        "file of fit-ensemble",
    )

    def choose(self, probabilities: bool = True) -> MergingMethod:
        """The method that is meant.

        Args:
            probabilities: whether all members have them.

        Raises:
            UsageError: unknown name or option, or a value that makes no sense.
        """
        from vostool.ensembling.method import choose_method

        values = dict(self.model_extra or {})
        if self.weights is not None:
            values["weights"] = self.weights
        name = self.method
        if name == AUTO:
            name = ("weighted" if "weights" in values else "mean") if probabilities else "vote"
        return choose_method(name, values)
