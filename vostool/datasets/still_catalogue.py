"""Finding still-image sources by name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from vostool.core import registry
from vostool.core.errors import DataError
from vostool.datasets.still_spec import Still, StillSpec

PACKAGE = "vostool.datasets.stills"


def load_still_spec(name: str) -> StillSpec:
    """The description of a kind of source.

    Raises:
        UsageError: there is none of this name.
    """
    return registry.load(PACKAGE, name, kind="still-image source").SPEC


def load_stills(name: str, root: Path, leave_out: Collection[str] = ()) -> list[Still]:
    """Load the stills of a source, sorted by name, without decoding them.

    Args:
        leave_out: videos whose frames must not be used, such as those of the offline validation.

    Raises:
        UsageError: unknown kind of source.
        DataError: the folder is missing, empty or not laid out as it should be.
    """
    spec = load_still_spec(name)
    if not Path(root).exists():
        raise DataError("the folder of stills is missing", where=root, remedy="check the path")
    hidden = frozenset(leave_out)
    stills = [still for still in spec.load(Path(root)) if still.group not in hidden]
    if not stills:
        raise DataError("no still image is left to use", where=root, remedy="check the lists")
    return stills
