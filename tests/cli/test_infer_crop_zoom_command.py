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
        (["--no-crop-zoom", "--set", "crop_zoom.margin=2"], 2, "no effect with --no-crop-zoom"),
        (["--model-file", "vit=x.onnx"], 2, "names vit, which nothing uses"),
        (["--model-file", "x.onnx"], 2, "write NAME=VALUE"),
        (["--set", "crop_zoom.margn=2"], 2, "crop_zoom.margn (did you mean margin?)"),
        (["--set", "crop_zoom.margin=0"], 2, "crop_zoom.margin: "),
        (["--set", "crop_zom.margin=2"], 2, "unknown key crop_zom (did you mean crop_zoom?)"),
        (["--tta", "flip", "--set", "views=none"], 2, "say the same"),
        (["--set", "views"], 2, "write --set crop_zoom.margin=2"),
        (["--set", "views.x=2"], 2, "views: "),
        (["--set", "crop_zoom.tracker=vitt"], 2, "did you mean vit?"),
        (["--set", "crop_zoom.tracker=vit"], 2, "vostool download vittrack"),
        (
            ["--set", "crop_zoom.tracker=vit", "--model-file", "vit=no.onnx"],
            1,
            "is missing",
        ),
        (
            ["--crop-zoom", "--online-finetune", "--set", "nesting=[crop_zoom, online_finetune]"],
            2,
            "nesting",
        ),
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
