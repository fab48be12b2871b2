"""Names and places that an operating system refuses are sentences; those it takes are all right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vostool.reporting.plot import plot_over_time
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data

RUN = "from vostool.cli.main import main; main()"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    options = DemoDataOptions(train_videos=1, valid_videos=1, frames=3, height=64, width=96)
    root = make_demo_data(tmp_path_factory.mktemp("data"), options=options)
    return ["--dataset", "youtubevos2019", "--root", str(root), "--split", "valid"]


def run(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
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


def test_names_with_dollars_and_of_any_script_are_plotted_as_they_are(recwarn) -> None:
    names = ["cost $5 and $x^2_$", "$\\frac{$", "_hidden", "北京", "Tür"]
    svg = plot_over_time({name: [0.1, 0.5] for name in names}, ylabel="J", title="$\\bad{$")
    for name in [*names, "$\\bad{$"]:
        assert name in svg
    assert len(recwarn) == 0
