"""The edge: errors become one line, interrupts keep work, every command explains itself."""

from __future__ import annotations

import importlib
import subprocess
import sys

import cv2
import pytest
import torch
import typer

from vostool import __version__
from vostool.cli import main as module
from vostool.core import registry
from vostool.core.errors import DataError, UsageError, VostoolError
from vostool.core.interrupts import Interrupted

NO_MEMORY = (
    "error: not enough memory: use fewer objects at once (--objects-at-once 1), smaller frames "
    "(--short-side), a bounded memory (--max-memory), fewer views (--tta) or a smaller batch, or "
    "close other programs\n"
)
COMMANDS = [name for name in registry.names("vostool.cli") if name not in module.HELPERS]


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        module.main(arguments)
    return int(caught.value.code or 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--help"]) == 0
    assert f"vostool {command}" in " ".join(capsys.readouterr().out.split())


def test_commands_are_grouped_by_the_stages_of_the_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    titles = [shown.index(module.stage_title(stage)) for stage in module.STAGES]
    assert titles == sorted(titles)
    for command in COMMANDS:
        stage = importlib.import_module(f"vostool.cli.{command.replace('-', '_')}").STAGE
        begin = titles[module.STAGES.index(stage)]
        end = min((place for place in titles if place > begin), default=len(shown))
        assert f"│ {command} " in shown[begin:end]


def test_the_commands_of_the_design_are_there() -> None:
    wanted = {"download", "split", "synthesize", "train", "infer", "ensemble", "postprocess"}
    wanted |= {"evaluate", "package-submission", "check-submission", "select", "demo", "report"}
    assert wanted <= set(COMMANDS)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            DataError("it is broken", where="a.png", remedy="mend it"),
            1,
            "error: it is broken (a.png): mend it\n",
        ),
        (UsageError("not like this"), 2, "error: not like this\n"),
        (KeyboardInterrupt(), 130, "interrupted; nothing half-done is left\n"),
        (Interrupted(15), 143, "interrupted by SIGTERM; nothing half-done is left\n"),
        (Interrupted(1), 129, "interrupted by SIGHUP; nothing half-done is left\n"),
        (
            VostoolError("a\nb", where="\x1b[2Jc", remedy="\u202ed"),
            1,
            "error: a\\nb (\\x1b[2Jc): \\u202ed\n",
        ),
        (MemoryError(), 1, NO_MEMORY),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate "
                "memory: you tried to allocate 8 bytes. Error code 12"
            ),
            1,
            NO_MEMORY,
        ),
        (cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory)"), 1, NO_MEMORY),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
            1,
            "error: a process that loads clips was killed, most likely for want of memory: use "
            "fewer --workers (0 needs none), and give containers more shared memory (--shm-size)\n",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"), 1, NO_MEMORY),
        (
            ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
            1,
            "error: the system library libGL.so.1 is missing: install it with the system's package "
            "manager; if it is one of OpenCV's (libGL, libgthread, libSM), `pip install "
            "opencv-python-headless` instead of opencv-python needs none\n",
        ),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    app = typer.Typer()
    app.command()(module._explained(fail))
    with pytest.raises(SystemExit) as caught:
        app([])
    assert caught.value.code == code
    assert capsys.readouterr().err == line


def test_a_command_that_resumes_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    def stop(resume: bool = False) -> None:
        raise KeyboardInterrupt

    app = typer.Typer()
    app.command()(module._explained(stop))
    with pytest.raises(SystemExit):
        app([])
    sentence = "interrupted; what is finished is kept, --resume goes on\n"
    assert capsys.readouterr().err == sentence


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    def fail() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        module._explained(fail)()


def test_version_and_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"vostool {__version__}\n"
    assert run(["no-such-command"]) == 2
    assert run(["evaluate"]) == 2


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys\nfrom vostool.cli.main import build_app\nimport typer\n"
        "typer.main.get_command(build_app())\nprint('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
