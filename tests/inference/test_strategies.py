"""Parsing of memory strategies; what they decide is tested through the engine."""

from __future__ import annotations

import pytest

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.core.types import Fate
from vostool.inference.memory.early import Early
from vostool.inference.memory.every import Every
from vostool.inference.memory.first_previous import FirstPrevious
from vostool.inference.memory.visible import Visible
from vostool.inference.strategy import (
    PACKAGE,
    Sighting,
    parse_strategies,
    parse_strategy,
    strategy_text,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("every", Every(5)),
        ("every:8", Every(8)),
        ("first-previous", FirstPrevious()),
        ("first_previous", FirstPrevious()),
        ("early:10,5", Early(10, 5)),
        ("early: 10 , 5", Early(10, 5)),
        ("visible", Visible()),
        ("visible:100,0.5,1", Visible(100, 0.5, 1)),
    ],
)
def test_parse(text, expected):
    assert parse_strategy(text) == expected


@pytest.mark.parametrize("name", registry.names(PACKAGE))
def test_a_strategy_is_written_as_it_is_read(name):
    arguments = ":10,5" if name == "early" else ""
    strategy = parse_strategy(name + arguments)
    written = strategy_text(strategy)
    assert written.startswith(name)
    assert parse_strategy(written) == strategy


@pytest.mark.parametrize(
    "text",
    [
        "every:0", "every:x", "every:", "every:1,2", "every:-5", "first-previous:3", "early",
        "early:5", "early:5,0", "visible:", "visible:1,2,3", "visible:1,.5", "visible:1,.5,0",
        "visible:nan,.5,1", "evry:5", "", "every:²",
    ],
)  # fmt: skip
def test_bad_strategies(text):
    with pytest.raises(UsageError):
        parse_strategy(text)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(UsageError, match=r"did you mean every\? known: early, every, first-prev"):
        parse_strategy("evry:5")


def test_none_and_doubles_are_refused():
    with pytest.raises(UsageError, match="no memory strategy"):
        parse_strategies([])
    with pytest.raises(UsageError, match="given twice"):
        parse_strategies(["every:5", "every"])


def test_every_module_of_the_folder_parses_and_decides():
    arguments = {"early": ("2", "5")}
    for name in registry.names(PACKAGE):
        module = registry.load(PACKAGE, name, kind="memory strategy")
        strategy = module.parse(arguments.get(name, ()))
        assert isinstance(strategy.decide(Sighting(7, 7, 7)), Fate)
        assert isinstance(strategy.needs_mask, bool)
        assert strategy.max_memory is None or strategy.max_memory > 0
