"""Imports point down only (the layers of the package), also inside functions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import vostool

PACKAGE = Path(vostool.__file__).parent
LAYERS = (
    {"core"},
    {"nn", "media"},
    {"models", "datasets", "predictions", "proposals", "downloads"},
    {"training", "ensembling", "postprocess", "scoring", "submission", "reporting", "painting"},
    {"inference"},
    {"recipe"},
    {"stages"},
    {"cli"},
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported_modules(path: Path) -> set[str]:
    """Dotted names below `vostool` that the file imports, imported names included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("vostool.")}


def imported_parts(path: Path) -> set[str]:
    """First components below `vostool` of everything the file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
            if node.module == "vostool":
                names = [f"vostool.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("vostool.")}
    return found


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = part_of(path)
    if own in ("__init__", "__main__"):
        return
    assert own in LEVEL, f"{own} belongs to no layer: add it to LAYERS"
    for part in imported_parts(path) - {own, "__version__"}:
        assert LEVEL[part] < LEVEL[own], f"{own} must not import {part}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_an_underscore_means_private_to_its_folder(path: Path) -> None:
    for name in imported_modules(path):
        folder, _, module = name.rpartition(".")
        if module.startswith("_") and not module.startswith("__"):
            own = ".".join(("vostool", *path.relative_to(PACKAGE).parent.parts))
            assert folder == own, f"{name} is private to {folder}"


def test_the_check_sees_imports_inside_functions(tmp_path: Path) -> None:
    source = tmp_path / "x.py"
    source.write_text("def f():\n    from vostool.cli import main\n    import vostool.nn.memory\n")
    assert imported_parts(source) == {"cli", "nn"}
