"""`vostool convert`: forms of predictions, and result files of other tools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from layouts import BURST_NAMES, BURST_VIDEO, burst_codes, write_burst, write_json, write_masks
from toy import rectangle, toy_predictions

from vostool.cli.main import main
from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.stages.predict.convert import Form, convert
from vostool.stages.score.evaluate import evaluate


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([*map(str, arguments)])
    return int(stop.value.code or 0)


@pytest.fixture
def flat(tmp_path) -> Path:
    masks = dict(zip(BURST_NAMES, toy_predictions(), strict=True))
    write_masks(tmp_path / "flat/Annotations/toy", masks)
    return tmp_path / "flat"


def test_there_and_back(flat, tmp_path):
    assert call("convert", flat, "--to", "layered", "--out", tmp_path / "layered") == 0
    layered = PredictionFolder(tmp_path / "layered")
    assert layered.is_layered("toy")
    assert layered.layer_ids("toy", BURST_NAMES[4]) == (1, 2)
    assert not layered.layers("toy", BURST_NAMES[4])[1].any()
    assert call("convert", layered.root, "--to", "flat", "--out", tmp_path / "again") == 0
    again = PredictionFolder(tmp_path / "again")
    for name, mask in zip(BURST_NAMES, toy_predictions(), strict=True):
        np.testing.assert_array_equal(again.mask("toy", name), mask)
    assert json.loads((tmp_path / "again/run.json").read_text())["command"] == "convert"


def test_of_overlapping_objects_the_smaller_lies_on_top(tmp_path):
    large = rectangle(np.zeros((20, 20), np.uint8), 1, 2, 2, 18, 18)
    small = rectangle(np.zeros((20, 20), np.uint8), 1, 5, 5, 9, 9)
    writer = PredictionWriter(tmp_path / "layered")
    writer.write_layers("v", "0", {1: small == 1, 2: large == 1})
    convert(tmp_path / "layered", Form.FLAT, Output(tmp_path / "flat"))
    expected = np.where(small == 1, 1, 2 * large)
    found = PredictionFolder(tmp_path / "flat").mask("v", "0")
    np.testing.assert_array_equal(found, expected)


def test_nothing_is_converted_into_what_it_is(flat, tmp_path):
    with pytest.raises(UsageError, match="are flat already"):
        convert(flat, Form.FLAT, Output(tmp_path / "out"))


def test_a_result_file_of_another_tool_becomes_predictions(tmp_path):
    value = write_burst(tmp_path / "BURST")
    value["sequences"][0]["segmentations"] = burst_codes(toy_predictions(), {"1": 1, "2": 2})
    write_json(tmp_path / "theirs.json", value)
    data = ["--dataset", "burst", "--root", tmp_path / "BURST", "--split", "val"]
    assert call("convert", tmp_path / "theirs.json", *data, "--out", tmp_path / "preds") == 0
    assert PredictionFolder(tmp_path / "preds").is_layered(BURST_VIDEO)
    report = evaluate(tmp_path / "preds", Selection("burst", tmp_path / "BURST", "val"))
    assert 100 * report.score == pytest.approx(59.402517, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--to", "wide"], 2, "no form is called 'wide'"),
        ([], 2, "give --to, or --dataset"),
        (["--to", "flat", "--dataset", "burst"], 2, "give --to, or --dataset"),
    ],
)
def test_wrong_usage(flat, tmp_path, capsys, arguments, code, words):
    assert call("convert", flat, *arguments, "--out", tmp_path / "out") == code
    assert words in capsys.readouterr().err


def test_a_damaged_result_file_is_one_sentence(tmp_path, capsys):
    write_burst(tmp_path / "BURST")
    (tmp_path / "bad.json").write_text('{"sequences": [{"id": 3}]}')
    data = ["--dataset", "burst", "--root", tmp_path / "BURST", "--split", "val"]
    assert call("convert", tmp_path / "bad.json", *data, "--out", tmp_path / "preds") == 1
    assert "has an id that this split does not have" in capsys.readouterr().err
    assert not (tmp_path / "preds").exists()
