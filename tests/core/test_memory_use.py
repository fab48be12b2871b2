"""What a process uses and may use, against memory that is really taken."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from vostool.core import memory_use
from vostool.core.memory_use import available_memory, held_memory, peak_memory, restart_peak

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells")


@LINUX
def test_peak_remembers_what_was_given_back_until_it_begins_anew() -> None:
    restart_peak()
    before = peak_memory()
    # Pages of its own: what a test before gave back may be used again by an allocation.
    block = mmap.mmap(-1, 2**26)
    block.write(b"x" * 2**26)
    assert held_memory() >= before + 0.9 * 2**26 - 2**23
    block.close()
    high = peak_memory()
    assert high >= before + 0.9 * 2**26 - 2**23
    restart_peak()
    assert peak_memory() <= high - 0.8 * 2**26


@LINUX
def test_the_smaller_of_machine_and_container_counts(tmp_path, monkeypatch) -> None:
    alone = available_memory()
    assert alone is not None and alone > 0
    limit, used = tmp_path / "max", tmp_path / "current"
    used.write_text("1000\n")
    monkeypatch.setattr(memory_use, "_GROUPS", ((limit, used),))
    machine = available_memory()
    assert machine is not None
    limit.write_text("max\n")
    assert abs(available_memory() - machine) < machine / 2
    limit.write_text("5000\n")
    assert available_memory() == 4000
    limit.write_text("500\n")
    assert available_memory() == 0
