"""The command: arguments, output and messages; numbers are tested with the stage."""

from __future__ import annotations

import numpy as np
import pytest

from vostool.cli.main import main
from vostool.ensembling.method import describe_methods
from vostool.ensembling.options import method_names
from vostool.predictions.folder import PredictionFolder, PredictionWriter


@pytest.fixture
def members(tmp_path, rng):
    paths = []
    for name in ("x", "y", "z"):
        writer = PredictionWriter(tmp_path / name)
        for frame in ("0", "1"):
            writer.write_mask("v", frame, rng.integers(0, 3, (4, 5)).astype(np.uint8))
        paths.append(str(tmp_path / name))
    return paths


def _call(arguments):
    with pytest.raises(SystemExit) as caught:
        main(["ensemble", *arguments])
    return caught.value.code or 0


def test_vote(tmp_path, members, capsys):
    out = tmp_path / "out"
    assert _call([*members, "--weights", "1,2,2", "--out", str(out)]) == 0
    assert "(vote, 2 frames)" in capsys.readouterr().out
    for frame in ("0", "1"):
        masks = [PredictionFolder(member).mask("v", frame) for member in members]
        votes = [sum(w * (m == value) for w, m in zip((1, 2, 2), masks)) for value in range(3)]
        expected = np.argmax(votes, 0)
        assert np.array_equal(PredictionFolder(out).mask("v", frame), expected)


def test_methods_are_listed_with_their_options(capsys):
    assert _call(["--list"]) == 0
    shown = capsys.readouterr().out
    for name, about, fields in describe_methods():
        assert f"{name}: {about}" in shown
        assert all(f"  --set {option}=...  {meaning}" in shown for option, meaning in fields)
    assert _call(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in method_names())


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (["--weights", "a,b,c"], 2, "are not numbers"),
        (["--set", "weights=a,b,c"], 2, "are not numbers"),
        (["--set", "weights"], 2, "write --set weights=2,1,1"),
        (["--method", "vote", "--set", "weigths=1,1,1"], 2, "did you mean weights"),
        (["--weights", "1,2"], 2, "2 weights (1,2) for 3 members"),
        (["--weights", "5,1,1"], 2, "alone outvotes all others"),
        (["--method", "mean"], 2, "--save-probabilities"),
        (["--method", "median"], 2, "unknown merging method"),
        (["--out", "{x}"], 2, "is what is read"),
    ],
)
def test_wrong_usage(tmp_path, members, capsys, more, code, sentence):
    filled = [text.replace("{x}", members[0]) for text in more]
    out = [] if "--out" in filled else ["--out", str(tmp_path / "out")]
    assert _call([*members, *filled, *out]) == code
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_disagreement(tmp_path, members, capsys):
    PredictionWriter(tmp_path / "z").write_mask("w", "0", np.zeros((4, 5), np.uint8))
    assert _call([*members, "--out", str(tmp_path / "out")]) == 1
    assert "has the additional video w" in capsys.readouterr().err
