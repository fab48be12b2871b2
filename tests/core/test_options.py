"""Assignments, tables on top of each other, and suggestions."""

from __future__ import annotations

import pytest

from vostool.core.errors import UsageError
from vostool.core.options import assign, merged, read_assignment
from vostool.core.suggest import did_you_mean


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("a=1", ("a",), 1),
        ("a.b = 1e-5", ("a", "b"), 1e-5),
        ("a.b=sgd", ("a", "b"), "sgd"),
        ("a=[1, 2]", ("a",), [1, 2]),
        ("a=flip,0.75", ("a",), "flip,0.75"),
        ("a=x=y", ("a",), "x=y"),
        ("a=true", ("a",), True),
    ],
)
def test_values_are_toml_or_plain_text(text, path, value) -> None:
    item = read_assignment(text)
    assert (item.path, item.value) == (path, value)


@pytest.mark.parametrize("text", ["a", "=1", "a.=1", ".a=1", "a..b=1", "a=", ""])
def test_other_forms_are_refused_with_an_example(text) -> None:
    with pytest.raises(UsageError, match=r"write --set drop-small\.min-area=64"):
        read_assignment(text, example="drop-small.min-area=64")


def test_assignments_make_groups_and_do_not_run_through_values() -> None:
    table = {"a": {"b": 1}, "c": 2}
    assign(table, map(read_assignment, ("a.d=3", "e.f.g=4", "a.d=5")))
    assert table == {"a": {"b": 1, "d": 5}, "c": 2, "e": {"f": {"g": 4}}}
    with pytest.raises(UsageError, match=r"--set c\.x=1: c is a value, not a group of values"):
        assign(table, [read_assignment("c.x=1")])


def test_tables_are_merged_at_all_depths_and_inputs_stay() -> None:
    below, above = {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}, {"a": {"c": {"f": 3}}, "e": [2]}
    assert merged(below, above) == {"a": {"b": 1, "c": {"d": 2, "f": 3}}, "e": [2]}
    assert below == {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}


def test_suggestions() -> None:
    assert did_you_mean("margn", ["margin", "smoothing"]) == "did you mean margin? "
    assert did_you_mean("xyz", ["margin"]) == ""
