"""Documents say what the code does: links lead somewhere, commands run, generated pages are new."""

from __future__ import annotations

import re
import runpy
import shlex
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vostool.cli.main import main
from vostool.core import registry
from vostool.inference.engine import Member, run_video
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategy
from vostool.models import Segmenter
from vostool.predictions.folder import PredictionFolder
from vostool.stages.choose.cross_validate import plan_of

TOP = Path(__file__).parents[1]
PAGES = sorted([TOP / "README.md", *(TOP / "docs").glob("*.md"), *TOP.glob("benchmarks/*.md")])
FENCE = re.compile(r"^```(\w*) ?([\w./]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def blocks(page: Path, kind: str) -> list[tuple[str, str]]:
    """(file name, text) of the fenced blocks of a kind."""
    return [(name, text) for found, name, text in FENCE.findall(page.read_text()) if found == kind]


def commands(page: Path, kind: str = "sh") -> list[str]:
    """One command per line of a page's blocks of a kind, continued lines joined."""
    lines = "\n".join(text for _, text in blocks(page, kind)).replace("\\\n", " ").splitlines()
    return [line.partition(" #")[0].strip() for line in lines if line.strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    for link in LINK.findall(text):
        assert (page.parent / link).exists(), link


def test_generated_pages_say_what_the_code_says() -> None:
    pages = runpy.run_path(str(TOP / "docs" / "generate.py"))["pages"]()
    for name, text in pages.items():
        written = (TOP / "docs" / "reference" / name).read_text()
        assert written == text, f"{name}: run python docs/generate.py"


def test_every_group_of_entry_points_is_on_the_page_of_plug_ins() -> None:
    page = (TOP / "docs" / "reference" / "plug-ins.md").read_text()
    found = re.compile(r'^ENTRY_POINT_GROUP = "([\w.]+)"', re.MULTILINE)
    groups = {
        group for path in TOP.glob("vostool/**/*.py") for group in found.findall(path.read_text())
    }
    assert len(groups) > 5
    for group in groups:
        assert f"`{group}`" in page


@pytest.fixture(scope="module")
def after_demo(quick_demo: tuple[Path, str, str]) -> Path:
    """A folder in which `vostool demo --quick` was run."""
    return quick_demo[0].parent


@pytest.mark.slow
@pytest.mark.xdist_group("demo")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "sh")], ids=lambda page: page.name
)
def test_commands_run_after_the_demo(page: Path, after_demo: Path, monkeypatch) -> None:
    monkeypatch.chdir(after_demo)
    monkeypatch.syspath_prepend(after_demo)
    for kind in ("python", "toml"):
        for name, text in blocks(page, kind):
            if name:
                Path(name).parent.mkdir(exist_ok=True)
                Path(name).write_text(text)
    asked = commands(page)
    assert asked
    for line in asked:
        program, *arguments = shlex.split(line)
        assert program == "vostool", line
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0, line


@pytest.mark.slow
@pytest.mark.xdist_group("demo")
@pytest.mark.parametrize(
    "script", sorted((TOP / "examples").glob("*.py")), ids=lambda script: script.stem
)
def test_examples_run_after_the_demo(script: Path, after_demo: Path, capsys) -> None:
    runpy.run_path(str(script))["main"](after_demo / "demo")
    assert capsys.readouterr().out.count("\n") >= 3


def test_variants_in_documents_differ_from_their_recipe() -> None:
    lines = [line for page in PAGES for line in commands(page, "console") if "--variant" in line]
    assert lines
    for words in map(shlex.split, lines):
        variants = [value for option, value in pairwise(words) if option == "--variant"]
        assert words[:2] == ["vostool", "cross-validate"]
        plan_of(words[2], variants=variants)  # refuses what differs in nothing


def test_python_in_documents_is_python() -> None:
    for page in PAGES:
        for _, text in blocks(page, "python"):
            compile(text, str(page), "exec")


def test_the_example_network_takes_up_late_objects() -> None:
    (text,) = (text for name, text in blocks(TOP / "docs/new-network.md", "python") if name)
    module: dict = {}
    exec(text, module)
    network = module["build"](module["Config"]()).eval()
    assert isinstance(network, Segmenter)
    first, late = np.zeros((32, 48), np.uint8), np.zeros((32, 48), np.uint8)
    first[4:12, 4:12], late[20:28, 20:40] = 3, 5
    source = ArraySource("v", [np.zeros((32, 48, 3), np.uint8)] * 4, {0: first, 2: late})
    strategy = parse_strategy("every:5")
    masks = [result.mask for result in run_video(source, [Member(network, (strategy,))])]
    assert np.array_equal(masks[1], first)
    assert np.array_equal(masks[3], np.maximum(first, late))


def test_readme_has_one_row_for_every_command_and_documents_name_no_other() -> None:
    names = set(registry.names("vostool.cli")) - {"main", "options"}
    readme = (TOP / "README.md").read_text()
    rows = re.findall(r"^\| (`[^|]*) \|", readme, re.MULTILINE)
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(rows))) == sorted(names)
    for page in PAGES:
        shells = "".join(
            text for kind, _, text in FENCE.findall(page.read_text()) if kind != "python"
        )
        assert set(re.findall(r"^vostool ([a-z-]+)", shells, re.MULTILINE)) <= names, page


def test_the_python_in_readme_names_real_functions() -> None:
    (block,) = (text for name, text in blocks(TOP / "README.md", "python") if not name)
    imports = "\n".join(line for line in block.splitlines() if line.startswith("from "))
    exec(imports, {})


def test_the_lines_that_write_probabilities_write_them() -> None:
    (text,) = (text for name, text in blocks(TOP / "README.md", "python") if name)
    module: dict = {}
    exec(text, module)
    with tempfile.TemporaryDirectory() as folder:
        soft = np.random.default_rng(0).dirichlet(np.ones(3), (6, 8)).transpose(2, 0, 1)
        module["write_probabilities"](Path(folder), "v", "00000", soft, [2, 7])
        found = PredictionFolder(Path(folder))
        planes, ids = found.probabilities("v", "00000")
        np.testing.assert_allclose(planes / 255, soft, atol=0.5 / 255 + 1e-9)
        assert tuple(ids) == (2, 7)
        np.testing.assert_array_equal(found.mask("v", "00000"), np.array([0, 2, 7])[soft.argmax(0)])
