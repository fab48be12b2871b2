"""A full disk: one sentence and exit code 1; with room again, as if nothing had happened."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from killing import contents
from long_commands import calls, write_world

LITTLE = {"select", "propose", "split", "export-rle"}
"""They write next to nothing."""
LONG = {"demo", "cross-validate"}
"""They are made of others."""
NAMES = [name for name in calls(Path()) if name not in LITTLE | LONG]
QUICK = {"baseline", "postprocess", "export-overlay", "package-submission", "fit-ensemble"}
SHARES = (0.25, 0.6, 0.9)
ROOM = "64m"
PAGE = 4
"""Kilobytes in which such a file system counts."""


class Disk:
    """A small file system in memory.

    Attributes:
        place: where it is mounted.
    """

    def __init__(self, place: Path):
        self.place = place

    def resize(self, size: str) -> None:
        """Give it so much room, such as 300k."""
        self._mount("-o", f"remount,size={size}", str(self.place))

    def used_kilobytes(self) -> int:
        """What lies on it."""
        usage = shutil.disk_usage(self.place)
        return usage.used // 1024

    def mount(self) -> None:
        """Make it."""
        self._mount("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(self.place))

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory() as folder:
        found = Disk(Path(folder))
        try:
            found.mount()
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root may mount a small file system")
        try:
            yield found
        finally:
            subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def sentence(code: int, said: str) -> None:
    """What is said of a full disk."""
    assert code == 1, said
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith("error: "), said
    assert "no space left" in last.lower() or "free some space" in last, said


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
)
def test_a_command_on_a_full_disk(world: Path, disk: Disk, name: str) -> None:
    call, folder = calls(world)[name], disk.place / "work"
    disk.resize(ROOM)
    undisturbed = call.run(call.prepared(folder))
    assert undisturbed.code == 0, undisturbed.said
    whole, used = contents(folder), disk.used_kilobytes()
    for share in SHARES:
        call.prepared(folder)
        disk.resize(f"{max(PAGE, int(used * share) // PAGE * PAGE)}k")
        ended = call.run(folder)
        sentence(*ended[:2])
        disk.resize(ROOM)
        again = call.run(folder, again=True)
        assert again.code == 0, again.said
        assert contents(folder) == whole
