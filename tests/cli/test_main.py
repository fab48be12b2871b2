"""The edge: errors become one line, interrupts keep work, every command explains itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from vostool import __version__
from vostool.cli import main as module
from vostool.core import registry
from vostool.core.errors import DataError, UsageError

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
        (KeyboardInterrupt(), 130, "interrupted; what is finished is kept, --resume goes on\n"),
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
