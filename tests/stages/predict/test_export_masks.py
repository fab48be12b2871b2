"""What is exported, read back by `import` and by others' readers, is what was there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from vostool.core.errors import DataError
from vostool.core.output import Output
from vostool.media.masks import write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict.export_masks import Form, export_masks
from vostool.stages.predict.import_masks import import_masks


@pytest.fixture
def masks(tmp_path) -> dict[tuple[str, str], np.ndarray]:
    """Predictions of two videos; object 3 is not in every frame."""
    made = {}
    for video in ("one", "two"):
        for time in range(3):
            mask = np.zeros((24, 32), np.uint8)
            mask[4:12, 3 + time : 12] = 1
            mask[14:20, 10:30] = 3 if time < 2 else 0
            made[video, f"{time:05d}"] = mask
            write_mask(tmp_path / f"preds/Annotations/{video}/{time:05d}.png", mask)
    return made


@pytest.mark.parametrize("form", list(Form))
def test_import_reads_back_what_export_wrote(masks, tmp_path, form):
    there = tmp_path / ("there.json" if form is Form.RLE else "there")
    assert export_masks(tmp_path / "preds", form, Output(there)).videos == 2
    result = import_masks(there, Output(tmp_path / "back"))
    assert result.masks == 6 and not result.faults
    back = PredictionFolder(tmp_path / "back")
    for (video, frame), mask in masks.items():
        assert np.array_equal(back.mask(video, frame), mask)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_s_own_code_reads_the_codes(masks, tmp_path):
    export_masks(tmp_path / "preds", Form.RLE, Output(tmp_path / "m.json"))
    document = json.loads((tmp_path / "m.json").read_text())
    assert document["videos"][1]["file_names"][2] == "two/00002.jpg"
    third = next(a for a in document["annotations"] if a["object_id"] == 3)
    assert third["segmentations"][2] is None
    assert np.array_equal(coco_mask.decode(third["segmentations"][1]), masks["one", "00001"] == 3)


def test_a_result_file_without_videos(masks, tmp_path):
    export_masks(tmp_path / "preds", Form.RLE, Output(tmp_path / "m.json"))
    items = json.loads((tmp_path / "m.json").read_text())["annotations"]
    results = [
        {"video_id": "clip", "score": 0.9, "segmentations": item["segmentations"]}
        for item in items[:2]
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    import_masks(tmp_path / "results.json", Output(tmp_path / "back"))
    wanted = np.choose(masks["one", "00001"], [0, 1, 0, 2])
    assert np.array_equal(PredictionFolder(tmp_path / "back").mask("clip", "00001"), wanted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "not valid JSON"),
        ("{}", "annotations is missing"),
        ('[{"video_id": 1, "segmentations": 3}]', "segmentations"),
        (
            '[{"video_id": 1, "segmentations": [null]}, {"video_id": 1, "segmentations": []}]',
            "not 1 segmentations",
        ),
    ],
)
def test_a_faulty_file_is_a_sentence(tmp_path, text, words):
    path = Path(tmp_path / "m.json")
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        import_masks(path, Output(tmp_path / "out"))


def test_a_code_that_does_not_fit_is_a_fault(tmp_path):
    item = {"video_id": "a", "segmentations": [{"size": [4, 4], "counts": [3, 2]}]}
    (tmp_path / "m.json").write_text(json.dumps([item]))
    result = import_masks(tmp_path / "m.json", Output(tmp_path / "out"))
    assert result.faults == {"run-length codes that cannot be read": ["a/00000"]}
