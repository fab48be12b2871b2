"""The catalogue as data: every entry can be acted on."""

from __future__ import annotations

import re

import pytest

from vostool.cli.main import main
from vostool.core.errors import UsageError
from vostool.downloads.catalogue import SOURCES, Archive, Source, find
from vostool.downloads.fetching import require_http

ARCHIVES = [archive for source in SOURCES for archive in source.archives]


def test_names_are_unique():
    names = [source.name for source in SOURCES]
    assert len(set(names)) == len(names)
    files = [archive.file for archive in ARCHIVES]
    assert len(set(files)) == len(files), "they share one work folder"


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.file)
def test_archives(archive: Archive):
    assert archive.urls
    for url in archive.urls:
        require_http(url)
    suffix = r"(zip|tar|tgz|tar\.gz)" if archive.extracted else "(onnx|json)"
    assert re.fullmatch(rf"[\w.-]+\.{suffix}", archive.file)
    assert archive.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", archive.sha256)
    assert archive.md5 is None or re.fullmatch(r"[0-9a-f]{32}", archive.md5)
    assert not archive.folder.startswith("/")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_sources(source: Source):
    assert source.title
    assert source.licence
    assert source.layout
    assert source.page.startswith("http")
    assert source.needs_login == bool(source.steps)
    if source.needs_login:
        assert source.check


def test_unknown_name_suggests_the_closest():
    with pytest.raises(UsageError, match="did you mean davis2017-trainval"):
        find("davis2017-train-val")


CHECKED = [source for source in SOURCES if source.check]


@pytest.mark.parametrize("source", CHECKED, ids=lambda source: source.name)
def test_check_lines_are_commands_that_exist(source: Source, tmp_path, capsys):
    """They get as far as finding that the folder is not there."""
    command = source.check.replace("ROOT", str(tmp_path)).split()
    assert command[0] == "vostool"
    with pytest.raises(SystemExit) as caught:
        main(command[1:])
    assert caught.value.code == 1
    assert str(tmp_path) in capsys.readouterr().err
