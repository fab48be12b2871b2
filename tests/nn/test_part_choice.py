"""Parts by name: what is taken over, and what is refused in which words."""

from __future__ import annotations

import types

import pytest
from pydantic import ValidationError

from vostool.core.errors import UsageError
from vostool.models.systems import famnet, scmn, stm
from vostool.nn import part_choice
from vostool.nn.part_choice import KINDS, MIXER, REFINEMENT, PartChoice
from vostool.recipe import load_recipe


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_every_part_has_a_config_and_a_build(kind) -> None:
    assert kind.names()
    for name in kind.names():
        if name != part_choice.NONE:
            module = kind.module(name)
            assert module.Config() == module.Config.model_validate({})
            assert callable(module.build)
            assert module.__doc__.startswith(f"`{name}`:"), "the docstring names it"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("aspp", {"name": "aspp", "rates": [2, 4, 8], "dropout": 0.0}),
        ({"dropout": 0.1}, {"name": "aspp", "rates": [2, 4, 8], "dropout": 0.1}),
        ({"name": "aspp", "rates": [1]}, {"name": "aspp", "rates": [1], "dropout": 0.0}),
        ("convolution", {"name": "convolution"}),
    ],
)
def test_what_is_not_given_is_the_presets_if_it_is_the_same_part(given, expected) -> None:
    assert scmn.Config(mixer=given).mixer.model_dump() == expected


def test_another_part_begins_with_its_own_defaults() -> None:
    assert stm.Config(mixer="aspp").mixer.options["rates"] == [1, 2, 4, 8]


def test_names_with_underscores_and_what_is_left_out() -> None:
    assert stm.Config(prior="spatial_constraint").prior.name == "spatial-constraint"
    left_out = scmn.Config(refinement={"name": "none", "channels": 16}).refinement
    assert left_out == PartChoice(name="none")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mixer": "asp"}, r"unknown mixer 'asp'.*did you mean aspp"),
        ({"mixer": "none"}, r"unknown mixer 'none'"),
        ({"mixer": {"rate": [1]}}, r"unknown key rate"),
        ({"mixer": {"name": "aspp", "rates": [0], "dropout": 2}}, r"rates\.0: .*; dropout: "),
        ({"mixer": 3}, "give a name, or a table"),
        ({"mixer": {"name": 3}}, "name must be text"),
        ({"refinement": {"name": "residual", "channels": 0}}, r"channels: .*greater"),
    ],
)
def test_mistakes_are_named(values, words) -> None:
    with pytest.raises(ValidationError, match=words):
        famnet.Config(**values)


def test_a_mistake_in_a_recipe_is_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"model\.mixer: unknown mixer 'asp'"):
        load_recipe("famnet-r50", ["model.mixer=asp"])


def test_a_part_of_another_package(monkeypatch) -> None:
    """By an entry point of group vostool.mixers; here without installing a package."""
    own = types.SimpleNamespace(Config=MIXER.module("convolution").Config, build=lambda *_: "own")
    point = types.SimpleNamespace(name="theirs", load=lambda: own)

    def points(group: str):
        return [point] if group == "vostool.mixers" else []

    monkeypatch.setattr("vostool.core.registry.entry_points", points)
    choice = stm.Config(mixer="theirs").mixer
    assert MIXER.build(choice, None) == "own"
    assert "theirs" not in REFINEMENT.names()
