"""What a shell completes: names from the registries, and files where they are taken, too.

A shell asks at every press of a key: nothing here may import what takes long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from glob import escape, glob
from pathlib import Path

import typer

from vostool.core import registry
from vostool.core.errors import VostoolError
from vostool.core.project import project_defaults
from vostool.core.recipe_files import INFERENCE, SUFFIX, recipe_names

SPLIT_FILE = ".json"
PARTS = ("train", "val")
"""Of an offline split."""
NO_VIEWS = "none"
VIEWS = ("flip", "0.5", "0.75", "1.0", "1.25", "1.5")

Complete = Callable[..., list[str]]


def data_sets(incomplete: str) -> list[str]:
    """Names of the data sets."""
    return _begin(registry.names("vostool.datasets.sets"), incomplete)


def splits(ctx: typer.Context, incomplete: str) -> list[str]:
    """Splits of the data set that is written, or that the project says; parts of split files."""
    found = []
    for file in _files(incomplete.partition(":")[0], SPLIT_FILE):
        found += [file] if file.endswith("/") else [f"{file}:{part}" for part in PARTS]
    return _begin([*_splits_of(ctx.params.get("dataset")), *found], incomplete)


def _splits_of(dataset: str | None) -> Sequence[str]:
    from vostool.datasets.catalogue import load_spec

    try:
        known = (place.dataset for place in project_defaults() if place.dataset)
        name = dataset or next(known, None)
        return () if name is None else load_spec(name).splits
    except VostoolError:
        return ()


def recipes(incomplete: str) -> list[str]:
    """Recipes of trainings, and TOML files."""
    return _begin([*recipe_names(), *_files(incomplete, SUFFIX)], incomplete)


def all_recipes(incomplete: str) -> list[str]:
    """Recipes of inference, too, as `vostool recipes` names them."""
    shipped = [f"{INFERENCE}/{name}" for name in recipe_names(INFERENCE)]
    return _begin([*recipes(""), INFERENCE, *shipped, *_files(incomplete, SUFFIX)], incomplete)


def inference_recipes(incomplete: str) -> list[str]:
    """Recipes of inference, and TOML files."""
    return _begin([*recipe_names(INFERENCE), *_files(incomplete, SUFFIX)], incomplete)


def networks(incomplete: str) -> list[str]:
    """Names of the networks, those of other packages included."""
    return _begin(registry.names("vostool.models.systems", "vostool.segmenters"), incomplete)


def steps(incomplete: str) -> list[str]:
    """Steps of post-processing, also behind a comma, none of them twice."""
    return _listed(registry.names("vostool.postprocess.steps"), incomplete, ",")


def strategies(incomplete: str) -> list[str]:
    """Memory strategies, also behind a plus sign, as `tune` takes several."""
    return _listed(registry.names("vostool.inference.memory"), incomplete, "+")


def views(incomplete: str) -> list[str]:
    """Flip and usual scales, also behind a comma."""
    words = VIEWS if "," in incomplete else (NO_VIEWS, *VIEWS)
    return _listed(words, incomplete, ",")


BY_FLAG: dict[str, Complete] = {"views": views, "memory": strategies}
"""Of flags that are made of options, by the field's name."""


def _begin(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]


def _listed(words: Iterable[str], incomplete: str, between: str) -> list[str]:
    before, separator, last = incomplete.rpartition(between)
    taken = before.split(between)
    return [f"{before}{separator}{word}" for word in _begin(words, last) if word not in taken]


def _files(incomplete: str, suffix: str) -> list[str]:
    """Files of a kind, and folders on the way to them."""
    found = [Path(text) for text in sorted(glob(f"{escape(incomplete)}*"))]
    return [
        f"{path}/" if path.is_dir() else str(path)
        for path in found
        if path.is_dir() or path.suffix == suffix
    ]
