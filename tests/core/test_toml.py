"""What is wrong with the values of a TOML file, said with the keys that there are."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vostool.core.errors import DataError
from vostool.core.toml import explain_mistakes, read_toml, toml_text


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = Field(1, ge=1)


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    part: Part = Part()
    row: tuple[Part, ...] = ()


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("nam = 'x'", ["name is missing", "unknown key nam (did you mean name?)"]),
        ("name = 'x'\n[part]\nsice = 2", ["unknown key part.sice (did you mean size?)"]),
        ("name = 'x'\n[[row]]\n[[row]]\nsise = 2", ["unknown key row.1.sise (did you mean size?)"]),
        ("name = 'x'\nzzz = 1", ["unknown key zzz"]),
        ("name = 'x'\npart.size = 0", ["part.size: input should be greater than or equal to 1"]),
    ],
)
def test_mistakes_in_the_order_of_the_file(tmp_path, text: str, clauses: list[str]) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(read_toml(path))
    assert explain_mistakes(caught.value, Whole) == clauses
    assert explain_mistakes(caught.value, Whole, "a.")[-1].count("a.") == 1


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe"])
def test_what_is_no_toml_is_refused_by_name(tmp_path, content: bytes) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"(not a TOML file|not UTF-8 text).*x\.toml.*correct"):
        read_toml(path)


def test_what_is_written_is_read_again_without_nulls(tmp_path) -> None:
    table = {
        "text": 'a "quoted"\nline',
        "numbers": [1, 2.5, 1e-5],
        "nothing": None,
        "half": [1, None],
        "group": {"nothing": None, "odd key.": True, "empty": []},
    }
    path = tmp_path / "x.toml"
    path.write_text(toml_text(table), encoding="utf-8")
    kept = {key: table[key] for key in ("text", "numbers")}
    assert read_toml(path) == {**kept, "group": {"odd key.": True, "empty": []}}
