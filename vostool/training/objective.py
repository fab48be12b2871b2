"""What a training makes small: the weighted sum of the losses that a recipe names.

A recipe's table has one entry per term, by a name of its own choice:

    [losses]
    lovasz = 0.5                # a number is the weight

    [losses.coarse]             # what a network gives beside its result
    kind = "cross_entropy"      # without it the entry's name is the loss's
    of = "coarse"

`cross_entropy` has a weight of 1 unless the table says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import ValidationError

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.core.toml import explain_mistakes
from vostool.core.types import Clip
from vostool.models import Prediction
from vostool.training.loss import ENTRY_POINT_GROUP, Loss, LossOptions, Moment

PACKAGE = "vostool.training.losses"
ALWAYS = "cross_entropy"
SUM = "loss"
"""Name of the sum among the terms."""


@dataclass(frozen=True)
class Term:
    """One loss in the sum.

    Attributes:
        name: its entry in the recipe.
        kind: name of the loss.
        options: its values.
        loss: the function.
    """

    name: str
    kind: str
    options: LossOptions
    loss: Loss

    def applies_to(self, prediction: Prediction) -> bool:
        """Whether it is to be taken.

        Raises:
            UsageError: the network does not give what it is a loss of.
        """
        of = self.options.of
        if of is None or of in prediction.extras:
            return True
        if self.options.optional:
            return False
        known = ", ".join(sorted(prediction.extras)) or "nothing"
        raise UsageError(
            f"losses.{self.name} is a loss of {of!r}, which the network does not give beside its "
            f"result ({known})",
            remedy=f"set losses.{self.name}.optional=true, or its weight to 0",
        )


class Objective:
    """The sum.

    Args:
        terms: of any weights, at least one of them above 0.

    Raises:
        ValueError: nothing to learn from.
    """

    def __init__(self, terms: Sequence[Term]):
        self.terms = tuple(terms)
        if not any(term.options.weight for term in terms):
            raise ValueError("the weights of the losses cannot all be 0")

    def __call__(
        self, prediction: Prediction, clip: Clip, moment: Moment | None = None
    ) -> dict[str, torch.Tensor]:
        """The weighted terms by name and their sum under "loss", scalars in float32.

        Args:
            prediction: of the frames after the first.
            clip: what it was predicted from.
            moment: position in the training; its beginning by default.

        Raises:
            UsageError: the network does not give what a loss needs.
        """
        moment = moment or Moment()
        found = {
            term.name: term.options.weight * term.loss(prediction, clip, term.options, moment)
            for term in self.terms
            if term.options.weight and term.applies_to(prediction)
        }
        return {SUM: torch.stack(list(found.values())).sum(), **found}

    def table(self) -> dict[str, dict[str, Any]]:
        """As a recipe has it, with all values."""
        return {
            term.name: {"kind": term.kind, **term.options.model_dump(mode="json")}
            for term in self.terms
        }


def read_objective(table: Mapping[str, Any]) -> tuple[Objective | None, list[str]]:
    """The objective of a recipe's table, or None with everything that is wrong."""
    terms, problems = [], []
    for name, values in in_groups({ALWAYS: 1.0, **table}).items():
        if not isinstance(values, dict) or name == SUM:
            problems.append(f"losses.{name}: give a weight or a group of values to a loss")
            continue
        try:
            term = _term(name, values)
        except UsageError as error:
            problems.append(f"losses.{name}: {error}")
        except ValidationError as error:
            problems += explain_mistakes(error, _module(name, values).Options, f"losses.{name}.")
        else:
            if term.options.weight or name == ALWAYS:
                terms.append(term)
    try:
        return (None if problems else Objective(terms)), problems
    except ValueError as error:
        return None, [f"losses: {error}"]


def objective_of(table: Mapping[str, Any]) -> Objective:
    """The objective of a recipe's table.

    Raises:
        UsageError: listing everything that is wrong.
    """
    objective, problems = read_objective(table)
    if objective is None:
        raise UsageError("; ".join(problems), remedy="correct the losses")
    return objective


def _term(name: str, values: Mapping[str, Any]) -> Term:
    module = _module(name, values)
    own = {key: value for key, value in values.items() if key != "kind"}
    kind = str(values.get("kind", name)).replace("-", "_")
    return Term(name, kind, module.Options.model_validate(own), module.loss)


def _module(name: str, values: Mapping[str, Any]) -> Any:
    return registry.load(
        PACKAGE, str(values.get("kind", name)), kind="loss", entry_point_group=ENTRY_POINT_GROUP
    )


def in_groups(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table with a group of values for each loss, also where only its weight is written.

    Recipes of before losses were modules are rewritten: they had `auxiliary`, a cross-entropy of
    SCMN's coarse map where there is one, and one `bootstrap` for every cross-entropy.
    """
    found = {key: {"weight": value} if _is_number(value) else value for key, value in table.items()}
    if _is_number(table.get("auxiliary")):
        coarse = {"kind": ALWAYS, "of": "coarse", "optional": True}
        found["coarse"] = coarse | found.pop("auxiliary")
    bootstrap = found.pop("bootstrap", None)
    for name in (ALWAYS, "coarse"):
        group = found.get(name, {} if name == ALWAYS else None)
        if bootstrap is not None and isinstance(group, Mapping):
            found[name] = {**group, "bootstrap": bootstrap}
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
