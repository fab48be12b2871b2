from __future__ import annotations

import pytest

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.models import ENTRY_POINT_GROUP


def test_a_module_in_the_folder_is_registered() -> None:
    assert {"stm", "famnet"} <= set(registry.names("vostool.models.systems"))
    assert all(not name.startswith("_") for name in registry.names("vostool.models.systems"))
    assert registry.load("vostool.models.systems", "stm", kind="model").build


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"unknown model 'stn'.*did you mean stm") as caught:
        registry.load("vostool.models.systems", "stn", kind="model")
    assert caught.value.exit_code == 2


def test_an_outside_package_joins_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    point = EntryPoint("theirs", "vostool.models.systems.famnet", ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert "theirs" in registry.names("vostool.models.systems", ENTRY_POINT_GROUP)
    module = registry.load(
        "vostool.models.systems", "theirs", kind="model", entry_point_group=ENTRY_POINT_GROUP
    )
    assert module.Config
