"""Documents say what the code does: links lead somewhere, commands run, generated pages are new."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from vostool.cli.main import main
from vostool.core.output import Output
from vostool.stages.demo.demo import DemoOptions, demo

TOP = Path(__file__).parents[1]
PAGES = sorted([TOP / "README.md", *(TOP / "docs").glob("*.md"), *TOP.glob("benchmarks/*.md")])
FENCE = re.compile(r"^```(\w*) ?([\w./]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def blocks(page: Path, kind: str) -> list[tuple[str, str]]:
    """(file name, text) of the fenced blocks of a kind."""
    return [(name, text) for found, name, text in FENCE.findall(page.read_text()) if found == kind]


def commands(page: Path) -> list[str]:
    """One command per line of a page's `sh` blocks, continued lines joined."""
    lines = "\n".join(text for _, text in blocks(page, "sh")).replace("\\\n", " ").splitlines()
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
def after_demo(tmp_path_factory) -> Path:
    """A folder in which `vostool demo --quick` was run."""
    folder = tmp_path_factory.mktemp("docs")
    demo(Output(folder / "demo"), DemoOptions.quick())
    return folder


@pytest.mark.slow
@pytest.mark.xdist_group("docs")  # one demo for all
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
@pytest.mark.xdist_group("docs")  # one demo for all
@pytest.mark.parametrize(
    "script", sorted((TOP / "examples").glob("*.py")), ids=lambda script: script.stem
)
def test_examples_run_after_the_demo(script: Path, after_demo: Path, capsys) -> None:
    runpy.run_path(str(script))["main"](after_demo / "demo")
    assert capsys.readouterr().out.count("\n") >= 3


def test_python_in_documents_is_python() -> None:
    for page in PAGES:
        for _, text in blocks(page, "python"):
            compile(text, str(page), "exec")
