"""Names and places that an operating system refuses are sentences; those it takes are all right."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from vostool.core.errors import DataError
from vostool.datasets.catalogue import load_videos
from vostool.datasets.layout import natural_key
from vostool.media.masks import encode_mask, write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.foreign.layouts import foreign_videos
from vostool.reporting.chart import Chart
from vostool.reporting.page import Page, Section, render
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data

RUN = "from vostool.cli.main import main; main()"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    options = DemoDataOptions(train_videos=1, valid_videos=1, frames=3, height=64, width=96)
    root = make_demo_data(tmp_path_factory.mktemp("data"), options=options)
    return ["--dataset", "youtubevos2019", "--root", str(root), "--split", "valid"]


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prediction folder, which is a set of masks, too, with one video of that name."""
    root = tmp_path_factory.mktemp("strange")
    for frame in ("00000", "00001", "00002"):
        write_mask(root / "Annotations" / NAME / f"{frame}.png", np.eye(20, 30, dtype=np.uint8))
    return root


ASCII_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NAME = "Tür $x^2_$ 北京 𝔘 [red]%d\n\t'q\" <b>&amp; \u202e $HOME"
"""Of a video: any script, markup of three kinds, what a shell or a plot would read."""


def run(
    *arguments: object, env: Mapping[str, str] = MappingProxyType({}), **more: object
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    path = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": path, **env}
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, **more)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_names_that_are_too_long(data: list[str], tmp_path: Path) -> None:
    said = sentence(run("baseline", *data, "--out", tmp_path / ("x" * 300)))
    assert said.startswith("error: File name too long") and said.endswith("choose a shorter name")


def test_links_that_lead_to_themselves(data: list[str], tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    said = sentence(run("baseline", *data, "--out", tmp_path / "loop"))
    assert "loop" in said and "remove it" in said


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["download", "--list"], ["--help"], ["--version"]])
def test_a_full_device_as_standard_output(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = run(*arguments, stdout=full)
    assert done.returncode == 1
    assert sentence(done).startswith("error: No space left on device")
    assert "Exception ignored" not in done.stderr


def test_names_with_dollars_and_of_any_script_are_plotted_as_they_are() -> None:
    names = ["cost $5 and $x^2_$", "$\\frac{$", "_hidden", "北京", "Tür"]
    chart = Chart.of({name: [0.1, 0.5] for name in names}, ylabel="J", title="$\\bad{$")
    page = render("x", Page("x", "", [Section("x", charts=[chart])]))
    for name in [*names, "$\\bad{$"]:
        assert name in page


def test_any_script_in_the_c_locale(strange: Path, tmp_path: Path) -> None:
    done = run("import", strange, "--out", tmp_path / "out", env={"LC_ALL": "C"})
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert PredictionFolder(tmp_path / "out").videos() == (NAME,)


def test_a_locale_of_ascii_alone_is_named(strange: Path, tmp_path: Path) -> None:
    said = sentence(run("import", strange, "--out", tmp_path / "out", env=ASCII_LOCALE))
    assert said.endswith("this shell's locale has ASCII names only, set PYTHONUTF8=1")
    assert not (tmp_path / "out").exists()


PRINTS = r"""
from vostool.cli import main as module
module.build_app = lambda only: lambda *_, **__: print("d\u00e9j\u00e0 \u2026")
module.main()
"""


def test_results_in_a_locale_of_ascii_alone() -> None:
    path = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": path, **ASCII_LOCALE}
    command = [sys.executable, "-c", PRINTS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "d\\xe9j\\xe0 \\u2026\n"


def test_bytes_that_are_no_text_as_a_name(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "masks") + b"/v\xff"
    try:
        os.makedirs(folder)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for frame in range(2):
        (Path(os.fsdecode(folder)) / f"{frame}.png").write_bytes(
            encode_mask(np.eye(8, dtype=np.uint8))
        )
    with pytest.raises(DataError, match=r"the name v\\udcff is no text .*masks\): rename it"):
        PredictionFolder(tmp_path / "masks")
    with pytest.raises(DataError, match=r"the name v\\udcff is no text"):
        load_videos("masks", tmp_path / "masks", "all")
    with pytest.raises(DataError, match=r"the name v\\udcff is no text"):
        foreign_videos(tmp_path / "masks")


def test_frames_named_by_digits_of_any_script() -> None:
    assert sorted(["a\u00b2", "\u00b2", "10", "9", "5\u00b2"], key=natural_key)[:1] == ["5\u00b2"]
