from __future__ import annotations

import pytest

from vostool.core.listing import some


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b", "c"], "a, b, c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_the_first_names_and_how_many_more(names, text):
    assert some(names, 3) == text


def test_another_separator():
    assert some(("a", "b", "c"), 2, "; ") == "a; b and 1 more"
