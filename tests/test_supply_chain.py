"""Lower bounds are versions that tests run with; hashed versions are those of constraints.txt."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNTESTED = {"torch", "torchvision"}
"""Their lowest versions have no build for processors alone; .ci/lowest.txt says so."""


def pins(file: str) -> dict[str, list[str]]:
    """Versions by package; a package may have another one per version of Python."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / file).read_text(), re.M):
        found.setdefault(name.lower(), []).append(version)
    return found


def bounds(*extras: str) -> dict[str, str]:
    """Lower bounds that pyproject.toml gives, by package."""
    optional = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in optional[extra])]
    pairs = [line.split(">=") for line in lines if not line.startswith("vostool[")]
    return {name.lower(): bound for name, bound in pairs}


def test_lower_bounds_are_those_that_tests_run_with() -> None:
    lowest = pins(".ci/lowest.txt")
    allowed = bounds("browser", "test")
    assert lowest.keys() == allowed.keys()
    for name in allowed.keys() - UNTESTED:
        assert lowest[name] == [allowed[name]], name


def test_every_dependency_is_pinned() -> None:
    assert bounds("test", "browser", "dev").keys() <= pins("constraints.txt").keys()


def test_hashed_versions_are_the_pinned_ones() -> None:
    hashed, pinned = pins("constraints-hashed.txt"), pins("constraints.txt")
    needed = bounds("test", "browser").keys()
    assert needed <= hashed.keys()
    for name in hashed.keys() & pinned.keys():
        assert hashed[name] == pinned[name], name


def test_every_hashed_version_has_hashes() -> None:
    text = (ROOT / "constraints-hashed.txt").read_text()
    entries = re.split(r"\n(?=\w)", text[text.index("\n", text.rindex("\n#") + 1) + 1 :])
    assert len(entries) == sum(map(len, pins("constraints-hashed.txt").values()))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-hashed.txt", ".ci/lowest.txt"])
def test_no_host_is_named(file: str) -> None:
    text = (ROOT / file).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host|@ ", text)
