"""Options as TOML: every value with its description, and readable again."""

from __future__ import annotations

import tomllib

from pydantic import Field

from vostool.core.described_toml import described_toml
from vostool.core.options import Options


class Inner(Options):
    """A group."""

    sizes: tuple[int, ...] = Field((1, 2), description="of something")
    text: str = Field("a, ]", description="odd characters")


class Outer(Options):
    """Two groups, one of them off, and a table by names."""

    number: int = Field(3, description="how many " * 20)
    nothing: int | None = Field(None, description="absent")
    inner: Inner = Field(Inner(), description="a group")
    off: Inner | None = Field(None, description="switched off")
    named: dict[str, Inner] = Field(default_factory=dict, description="by name")


def test_values_are_read_again_and_what_is_absent_is_a_comment() -> None:
    values = Outer(named={"x": Inner(text='"')})
    text = described_toml(values)
    assert Outer.model_validate(tomllib.loads(text)) == values
    assert max(map(len, text.splitlines())) <= 100
    assert "# of something\nsizes = [1, 2]" in text
    assert "# absent\n# nothing has no value" in text
    assert "# switched off\n# [off]\n# of something\n# sizes = [1, 2]" in text
    assert "[named.x]" in text


def test_a_group_that_is_off_comes_on_when_its_comments_are_taken_away() -> None:
    text = described_toml(Outer())
    lines = text.splitlines()
    switched = [line.removeprefix("# ") if "[off]" in line else line for line in lines]
    assert Outer.model_validate(tomllib.loads("\n".join(switched))).off == Inner()
