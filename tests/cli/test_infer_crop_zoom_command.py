"""Options of crop-then-zoom on the command line: mistakes are one sentence."""

from __future__ import annotations

import pytest

from vostool.cli.main import main

COMMON = [
    "infer",
    "--checkpoint",
    "c.ckpt",
    "--dataset",
    "davis2017",
    "--root",
    "d",
    "--split",
    "val",
]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--set-zoom", "margin=2"], 2, "no effect without crop-then-zoom"),
        (["--tracker", "mil"], 2, "only used by crop-then-zoom"),
        (["--crop-zoom", "--set-zoom", "margn=2"], 2, "did you mean margin?"),
        (["--crop-zoom", "--set-zoom", "margin=0"], 2, "margin: "),
        (["--crop-zoom", "--tracker", "vitt"], 2, "did you mean vit?"),
        (["--crop-zoom", "--tracker", "vit"], 2, "vostool download vittrack"),
        (["--crop-zoom", "--tracker", "vit", "--tracker-model", "no.onnx"], 1, "is missing"),
    ],
)
def test_mistakes_are_one_sentence(options, code, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*COMMON, "--out", str(tmp_path / "out"), *options])
    assert caught.value.code == code
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
