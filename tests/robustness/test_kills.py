"""kill -9 at any change of the disk: called again, a command ends as if nothing had happened."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from killing import contents, in_process
from long_commands import calls, download_all, write_world

NAMES = list(calls(Path()))
SLOW = {"ablate", "cross-validate", "tune"}
MANY = "VOSTOOL_KILLS"
if MANY not in os.environ:
    NAMES.remove("demo")  # minutes
MOMENTS = int(os.environ.get(MANY, "4"))
"""Kills per command in the slow test, spread over its changes; all where there are fewer."""


class World:
    """What the commands read, and what each gives when it is left alone."""

    def __init__(self, root: Path):
        self.root, self.calls = write_world(root / "world"), calls(root / "world")
        self.folder = root / "work"
        self.undisturbed = functools.cache(self._undisturbed)

    def _undisturbed(self, name: str) -> tuple[dict[str, Any], int]:
        ended = self.calls[name].run(self.calls[name].prepared(self.folder))
        assert ended.code == 0, ended.said
        return contents(self.folder), ended.changes

    def check(self, name: str, kill_at: int) -> None:
        """Kill, call again, compare."""
        call, (whole, _) = self.calls[name], self.undisturbed(name)
        killed = call.run(call.prepared(self.folder), kill_at=kill_at)
        assert killed.code == -signal.SIGKILL, killed.said
        ended = call.run(self.folder, again=True)
        assert ended.code == 0, f"killed before change {kill_at}: {ended.said}"
        found = contents(self.folder)
        differ = sorted(n for n in found.keys() | whole.keys() if found.get(n) != whole.get(n))
        assert differ == [], f"killed before change {kill_at}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in NAMES]
)
def test_killed_in_the_middle_and_called_again(world: World, name: str) -> None:
    _, changes = world.undisturbed(name)
    assert changes > 3
    world.check(name, kill_at=changes * 3 // 5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_killed_anywhere_and_called_again(world: World, name: str) -> None:
    _, changes = world.undisturbed(name)
    for kill_at in sorted({1 + changes * part // MOMENTS for part in range(MOMENTS)}):
        world.check(name, kill_at)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a web server with an archive."""
    (tmp_path / "site").mkdir()
    with ZipFile(tmp_path / "site" / "videos.zip", "w") as archive:
        for number in range(6):
            archive.writestr(f"videos/{number}.txt", str(number) * 1000)
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("moments", [2, pytest.param(5 * MOMENTS, marks=pytest.mark.slow)])
def test_a_killed_download(port: int, tmp_path: Path, moments: int) -> None:
    root = tmp_path / "data"
    undisturbed = in_process(download_all, port, root, watched=root)
    assert undisturbed.code == 0, undisturbed.said
    whole = contents(root)
    assert sorted(whole)[1:] == [f"videos/{number}.txt" for number in range(6)]
    for part in range(moments):
        for path in sorted(root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        kill_at = 2 + undisturbed.changes * part // moments
        in_process(download_all, port, root, watched=root, kill_at=kill_at)
        ended = in_process(download_all, port, root, watched=root)
        assert ended.code == 0, ended.said
        found = contents(root)
        found.pop(".vostool-downloads/videos.zip", None)  # as --keep-archives leaves it
        assert found == whole
        assert not list(root.glob(".extracting*"))
