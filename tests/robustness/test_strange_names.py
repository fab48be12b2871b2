"""Names from elsewhere: a terminal obeys none of them, and each message stays one line."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.table import Table

from vostool.cli import main as module
from vostool.core.console import ResultConsole, show_messages
from vostool.core.errors import VostoolError, printable
from vostool.media.masks import write_mask
from vostool.submission.problems import SubmissionError

NASTY = "a\x1b[2J\x1b]0;owned\x07\nb\r\u202ec\udcff[red]d[/e]:smile:"
SHOWN = r"a\x1b[2J\x1b]0;owned\x07\nb\r\u202ec\udcff[red]d[/e]:smile:"


def test_text_is_shown_with_escapes() -> None:
    assert printable(NASTY) == SHOWN
    assert printable("Tür 3 (北京).png") == "Tür 3 (北京).png"


def test_errors_log_lines_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    error = VostoolError(f"video {NASTY} is missing", where=NASTY, remedy=NASTY)
    assert str(error) == f"video {SHOWN} is missing ({SHOWN}): {SHOWN}"
    show_messages()
    logging.getLogger("vostool.test").warning(f"video {NASTY}")
    assert capsys.readouterr().err == f"warning: video {SHOWN}\n"
    table = Table(title=NASTY)
    table.add_column("name", no_wrap=True)
    table.add_row(NASTY)
    console = ResultConsole(width=120)
    console.print(table)
    console.print(f"problem: {NASTY}")
    out = capsys.readouterr().out
    assert out.count(SHOWN) == 3
    assert all(character.isprintable() for character in out.replace("\n", ""))


def test_a_list_of_problems_keeps_its_lines_and_survives_another_process() -> None:
    error = SubmissionError("it does not fit", "preds", [f"x{NASTY}", "y"], "correct these:")
    assert str(error) == f"it does not fit (preds): correct these:\n  x{SHOWN}\n  y"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), error.problems)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        module.main(list(arguments))
    return int(caught.value.code or 0)


def test_a_video_of_such_a_name_in_check_data(tmp_path: Path, capsys) -> None:
    name = "v\x1b[2J\n[/x]"
    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / "valid" / kind / name).mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "valid" / "JPEGImages" / name / "0.jpg")
    write_mask(tmp_path / "valid" / "Annotations" / name / "0.png", np.ones((8, 9), np.uint8))
    meta = {"videos": {name: {"objects": {"1": {"frames": ["0"]}}}}}
    (tmp_path / "valid" / "meta.json").write_text(json.dumps(meta))
    where = ["--dataset", "youtubevos2019", "--root", str(tmp_path), "--split", "valid"]
    assert run("check-data", *where) == 1
    shown = "".join(capsys.readouterr())
    assert r"v\x1b[2J\n[/x]" in shown
    assert "\x1b" not in shown


def test_scores_on_standard_output_are_alone_there(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "valid"
    for kind in ("JPEGImages", "Annotations"):
        (folder / kind / "v").mkdir(parents=True)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 2:6] = 1
    for frame in "012":
        Image.new("RGB", (8, 8)).save(folder / "JPEGImages" / "v" / f"{frame}.jpg")
        write_mask(folder / "Annotations" / "v" / f"{frame}.png", mask)
    meta = {"videos": {"v": {"objects": {"1": {"category": "x", "frames": list("012")}}}}}
    (folder / "meta.json").write_text(json.dumps(meta))
    where = ["--dataset", "youtubevos2019", "--root", str(tmp_path), "--split", "valid"]
    arguments = ["evaluate", str(folder / "Annotations"), *where, "--quiet", "--json", "-"]
    assert run(*arguments) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["dataset"] == "youtubevos2019"
    assert "1 videos, 1 objects" in said.err
    assert not Path("-").exists()
