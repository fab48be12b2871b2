"""Archives that nobody published a checksum of are not fetched without being asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from vostool.core.errors import UsageError
from vostool.downloads.catalogue import SOURCES, Archive, Source
from vostool.stages.data import download as stage

OPEN = Archive("open.zip", ("https://example.org/open.zip", "http://example.org/open.zip"))
CLOSED = Archive("closed.zip", ("https://example.org/closed.zip",))
KNOWN = Archive("known.zip", ("http://example.org/known.zip",), sha256="0" * 64)


def source(*archives: Archive) -> Source:
    return Source("one", "title", "https://example.org", "licence", archives)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(stage, "install", lambda archive, *_, **__: names.append(archive.file))
    return names


def test_they_are_named_before_anything_is_fetched(tmp_path: Path, fetched: list[str]) -> None:
    said = r"checksum .* of open\.zip \(over plain http\), closed\.zip, so .*--yes"
    with pytest.raises(UsageError, match=said):
        stage.download(["one"], tmp_path, sources=[source(KNOWN, OPEN, CLOSED)])
    assert fetched == []


def test_they_are_taken_when_asked_for(tmp_path: Path, fetched: list[str]) -> None:
    stage.download(["one"], tmp_path, sources=[source(OPEN)], unverified=True)
    stage.download(["one"], tmp_path, sources=[source(KNOWN)])
    assert fetched == ["open.zip", "known.zip"]


def test_every_such_name_of_the_catalogue_asks(tmp_path: Path, fetched: list[str]) -> None:
    for item in SOURCES:
        unknown = [a for a in item.archives if a.sha256 is None and a.md5 is None]
        if unknown:
            with pytest.raises(UsageError, match="--yes"):
                stage.download([item.name], tmp_path)
        else:
            stage.download([item.name], tmp_path)
