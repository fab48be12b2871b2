"""`vostool recipes`: short where it is piped, full for one, and what two differ in."""

from __future__ import annotations

import re

import pytest

from vostool.cli.main import main
from vostool.core.recipe_files import recipe_names, shipped_recipes
from vostool.recipe import load_recipe
from vostool.stages.predict.inference_recipe import read_inference_recipe


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["recipes", *arguments])
    return int(stopped.value.code or 0)


def test_a_pipe_gets_a_line_per_recipe(capsys) -> None:
    assert call() == 0
    lines = capsys.readouterr().out.splitlines()
    names = [*recipe_names(), *(f"inference/{name}" for name in recipe_names("inference"))]
    assert [line.split()[0] for line in lines] == names
    for line in lines[:3]:
        name, text = line.split(maxsplit=1)
        assert text == load_recipe(name).description
    name, text = lines[-1].split(maxsplit=1)
    assert text == read_inference_recipe(name.partition("/")[2]).description


def test_a_terminal_gets_the_papers_figures_too(capsys, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    assert call() == 0
    shown = capsys.readouterr().out
    figures = {recipe.name: recipe.papers for recipe in shipped_recipes()}
    assert figures["famnet-r50"] == load_recipe("famnet-r50").papers
    assert "YouTube-VOS 2019 val G, flip and scales: 84.0" in shown
    assert "\\n" not in shown


@pytest.mark.parametrize("name", [*recipe_names(), "inference"])
def test_every_value_is_explained(name: str, capsys) -> None:
    assert call(name) == 0
    before, group, unexplained = "", "", []
    for line in capsys.readouterr().out.splitlines():
        found = re.match(r'("?[^"#=]+"?) = |(\[.+\])$', line)
        group = (found and found[2]) or group
        if found and not before.startswith("#") and not group.startswith("[papers"):
            unexplained.append(f"{group} {found[1]}")
        if not line.startswith((" ", "]")):  # the rest of a long list
            before = line
    assert unexplained == []


def test_what_two_recipes_differ_in(capsys) -> None:
    assert call("--diff", "famnet-r50", "famnet-r50-sgd") == 0
    rows = [
        tuple(cell.strip() for cell in line.strip("│ ").split("│"))
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("│")
    ]
    ours, theirs = (load_recipe(name) for name in ("famnet-r50", "famnet-r50-sgd"))
    assert ("optimiser.name", '"adam"', '"sgd"') in rows
    numbers = (str(ours.loop.iterations), str(theirs.loop.iterations))
    assert ("loop.iterations", *numbers) in rows
    assert not any(
        name.startswith(("name", "description", "papers", "model.")) for name, *_ in rows
    )
    assert call("--diff", "famnet-r50", "stm-r50") == 0
    shown = capsys.readouterr().out
    assert re.search(r"losses\.lovasz\.weight +│ 1\.0 +│ - ", shown)
    assert call("--diff", "inference", "inference/famnet") == 0
    assert '["every:5", "visible"]' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--set", "loop.batch=2"], "--set is for the recipe that is printed"),
        (["stm-r50", "--diff", "stm-r50", "famnet-r50"], "--diff names both recipes itself"),
        (["--diff", "stm-r5", "famnet-r50"], "did you mean stm-r50"),
    ],
)
def test_wrong_usage(arguments: list[str], sentence: str, capsys) -> None:
    assert call(*arguments) == 2
    assert sentence in capsys.readouterr().err
