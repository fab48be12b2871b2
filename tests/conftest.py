"""Shared fixtures."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import settings

# Machines differ in speed: examples are fixed and have no deadline.
settings.register_profile("vostool", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("vostool")

REPOSITORY = Path(__file__).parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What tests of strange names log is no text, which could not be sent between processes."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # networks in tests are too small to share
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # in programs that tests start, too
    cv2.setNumThreads(1)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """What shells start in the background ignores SIGINT, and so does all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real videos, beside the repository; tests that need it skip without it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real videos (../shared/data) are not here")
    return folder


DEMO_SECONDS = 900


@pytest.fixture(scope="session")
def quick_demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Folder, standard output and standard error of `vostool demo --quick`, in its own process.

    In this process OpenCV runs one thread, which would hide what its threads do to loaders. Tests
    that read it, or add to it beside what is there, have `xdist_group("demo")`: it is made once
    where pytest-xdist groups tests (3.8.0 does not with pytest 9.2).
    """
    out = tmp_path_factory.mktemp("quick") / "demo"
    run = subprocess.run(
        [sys.executable, "-m", "vostool", "demo", "--quick", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return out, run.stdout, run.stderr


BROWSER_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --window-size=1100,800 "
    "--disable-background-networking --disable-component-update --disable-sync"
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium without a window, driven by selenium; tests that need it skip without it."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no browser is here (chromium and chromedriver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*BROWSER_FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(autouse=True)
def _messages_as_in_a_library() -> Iterator[None]:
    """Commands, also in a module's fixtures, set up how messages are shown; tests start without."""
    log = logging.getLogger("vostool")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)
    yield
    log.handlers.clear()
    log.setLevel(logging.NOTSET)


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(0)
