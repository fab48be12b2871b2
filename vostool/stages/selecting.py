"""Which videos are meant, where the user did not write all of it.

Data set, root and split are each taken from the first of these that knows: what the user wrote; the
`run.json` of the predictions; environment variables; `vostool.toml`; a data set's only split.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.core.project import FILE, Defaults, project_defaults
from vostool.datasets.catalogue import load_spec
from vostool.datasets.selection import Selection
from vostool.predictions.origin import Origin, read_origin

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What the user wrote; None where nothing."""

    dataset: str | None = None
    root: Path | None = None
    split: str | None = None
    videos: Sequence[str] = ()

    @property
    def anything(self) -> bool:
        """Whether there is something that needs a data set."""
        return not (self.dataset is None and self.root is None and self.split is None)


def select_videos(asked: Asked, predictions: Iterable[Path] = ()) -> Selection:
    """The videos that a command is about. What was not written is said in one line.

    Args:
        predictions: prediction folders, which may know what they are of.

    Raises:
        UsageError: nobody knows the data set, its root or its split; predictions are of several.
        DataError: a `run.json` or `vostool.toml` cannot be read.
    """
    selection, sources = resolve(asked, predictions)
    _tell(f"{selection} in {selection.root}", sources)
    return selection


def resolve(
    asked: Asked, predictions: Iterable[Path] = ()
) -> tuple[Selection, dict[str, str | None]]:
    """As `select_videos`, in silence: the videos, and where each part that was not written is from.

    Raises:
        UsageError, DataError: as there.
    """
    origins = _origins(predictions)
    _require_one("data set", asked.dataset, {origin.dataset for origin in origins})
    places = [*map(_as_defaults, origins), *project_defaults()]
    dataset, dataset_from = _dataset(asked, places)
    fitting = [origin for origin in origins if origin.dataset == dataset]
    _require_one("split", asked.split, {origin.split for origin in fitting if origin.split})
    split, split_from = _split(asked, dataset, places)
    root, root_from = _root(asked, dataset, places)
    sources = {"data set": dataset_from, "split": split_from, "root": root_from}
    return Selection(dataset, root, split, tuple(asked.videos)), sources


def select_if_known(asked: Asked, predictions: Iterable[Path]) -> Selection | None:
    """As `select_videos`; None where nothing is written and no predictions say all of it.

    Raises:
        UsageError: a part is written, and nobody knows the rest.
    """
    predictions = list(predictions)
    known = any(origin.root and origin.root.exists() for origin in _origins(predictions))
    return select_videos(asked, predictions) if asked.anything or known else None


def _origins(predictions: Iterable[Path]) -> list[Origin]:
    found = [read_origin(folder) for folder in predictions]
    return [origin for origin in found if origin is not None]


def _tell(chosen: str, sources: Mapping[str, str | None]) -> None:
    """Say what was chosen and which place each part is from, the user's own words left out."""
    by_place: dict[str, list[str]] = {}
    for part, place in sources.items():
        if place is not None:
            by_place.setdefault(place, []).append(part)
    if by_place:
        told = "; ".join(f"{', '.join(parts)} from {place}" for place, parts in by_place.items())
        log.info(f"{chosen} ({told})")


def _require_one(what: str, asked: str | None, said: set[str]) -> None:
    if asked is None and len(said) > 1:
        raise UsageError(
            f"the predictions are not of the same {what}: {', '.join(sorted(said))}",
            remedy="give --dataset, --root and --split",
        )


def _as_defaults(origin: Origin) -> Defaults:
    roots = {} if origin.root is None else {origin.dataset: origin.root}
    return Defaults(str(origin.file), origin.dataset, origin.split, roots)


def _dataset(asked: Asked, places: Sequence[Defaults]) -> tuple[str, str | None]:
    """Its name and where that is from."""
    if asked.dataset is not None:
        return asked.dataset, None
    for place in places:
        if place.dataset is not None:
            return place.dataset, place.place
    raise UsageError(
        "no data set is given, and nothing here says which one is meant",
        remedy=f"give --dataset, --root and --split, or write them into {FILE} in this folder",
    )


def _split(asked: Asked, dataset: str, places: Sequence[Defaults]) -> tuple[str, str | None]:
    """Its name and where that is from; a data set's only split needs no saying."""
    if asked.split is not None:
        return asked.split, None
    splits = load_spec(dataset).splits
    if len(splits) == 1:
        return splits[0], None
    for place in places:
        if place.split is not None and place.dataset in (dataset, None):
            return place.split, place.place
    raise UsageError(
        f"no split of {dataset} is given", remedy=f"give --split, one of {', '.join(splits)}"
    )


def _root(asked: Asked, dataset: str, places: Sequence[Defaults]) -> tuple[Path, str | None]:
    """The folder and where that is from; folders that are gone are passed over."""
    if asked.root is not None:
        return Path(asked.root), None
    gone = ""
    for place in places:
        root = place.root(dataset)
        if root is not None and root.exists():
            return root, place.place
        if root is not None:
            gone = gone or f", it is no longer in {root}, as {place.place} has it"
    raise UsageError(
        f"nothing says where the data set {dataset} is{gone}",
        remedy=f'give --root, or write {dataset} = "FOLDER" under [roots] in {FILE}',
    )
