"""What one project's commands need not be told: `vostool.toml`, and environment variables.

```toml
dataset = "davis2017"       # taken where no --dataset is given
split = "val"               # of that data set

[roots]                     # folders, seen from this file
davis2017 = "data/DAVIS"
```

The variables VOSTOOL_DATASET, VOSTOOL_SPLIT and VOSTOOL_ROOT_DAVIS2017 say the same and win.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from vostool.core.options import Options
from vostool.core.toml import read_toml
from vostool.core.typed import parse_as

FILE = "vostool.toml"
DATASET, SPLIT, ROOT = "VOSTOOL_DATASET", "VOSTOOL_SPLIT", "VOSTOOL_ROOT_"


class _File(Options):
    """The file's values."""

    dataset: str | None = Field(None, description="data set of commands that are given none")
    split: str | None = Field(None, description="its split")
    roots: dict[str, str] = Field(default_factory=dict, description="folder of each data set")


@dataclass(frozen=True)
class Defaults:
    """What one place says.

    Attributes:
        place: its name, for messages.
        dataset: the default data set.
        split: its split.
        roots: folders by data set.
    """

    place: str
    dataset: str | None = None
    split: str | None = None
    roots: Mapping[str, Path] | None = None

    def root(self, dataset: str) -> Path | None:
        """Where a data set is, if this place says so."""
        return (self.roots or {}).get(dataset)


def project_defaults(folder: Path | None = None) -> list[Defaults]:
    """What the environment says, and the nearest `vostool.toml` from a folder upwards.

    Args:
        folder: by default the current one.

    Raises:
        DataError: the file is no TOML, or holds something else.
    """
    found = [_of_environment(os.environ)]
    here = Path.cwd() if folder is None else Path(folder).resolve()
    file = next((p / FILE for p in (here, *here.parents) if (p / FILE).is_file()), None)
    if file is not None:
        values = parse_as(_File, read_toml(file), file)
        roots = {name: seen_from_here(file.parent / place) for name, place in values.roots.items()}
        found.append(Defaults(str(seen_from_here(file)), values.dataset, values.split, roots))
    return found


def _of_environment(variables: Mapping[str, str]) -> Defaults:
    roots = {
        name.removeprefix(ROOT).lower().replace("_", "-"): Path(value)
        for name, value in variables.items()
        if name.startswith(ROOT) and value
    }
    dataset, split = variables.get(DATASET) or None, variables.get(SPLIT) or None
    return Defaults("the environment", dataset, split, roots)


def seen_from_here(path: Path) -> Path:
    """A path as it is seen from the current folder, where it lies below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
