"""`vostool propose` reports the recall of proposals, and writes what `infer` reads."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pycocotools import mask as official
from small_davis import write_davis

from vostool.cli.main import main
from vostool.core.types import MaskEncoding
from vostool.media.masks import read_mask
from vostool.proposals.coco import open_source


def truth_of(root, sequence="d"):
    """Frames and their true masks, bool."""
    folder = root / "Annotations" / "480p" / sequence
    return {
        path.stem: read_mask(path, MaskEncoding.BINARY) > 0 for path in sorted(folder.glob("*.png"))
    }


def write_results(path, frames):
    results = []
    for name, masks in frames.items():
        for mask in masks:
            code = official.encode(np.asfortranarray(mask, np.uint8))
            segmentation = {"size": list(mask.shape), "counts": code["counts"].decode()}
            results.append({"image_id": f"d/{name}", "score": 0.5, "segmentation": segmentation})
    path.write_text(json.dumps(results))


def call(root, *options):
    with pytest.raises(SystemExit) as caught:
        main(["propose", "--source", "coco", "--dataset", "davis2016", "--root", str(root),
              "--split", "val", *map(str, options)])  # fmt: skip
    return caught.value.code


def test_recall_is_reported_and_the_file_written_says_the_same(tmp_path, capsys) -> None:
    root = write_davis(tmp_path / "DAVIS")
    truth = truth_of(root)
    half = {name: [mask & (np.arange(mask.shape[1]) % 5 > 0)] for name, mask in truth.items()}
    half["00003"] = [~truth["00003"]]
    write_results(tmp_path / "given.json", half)
    out = tmp_path / "out.json"
    assert call(root, "--file", tmp_path / "given.json", "--out", out) == 0
    # Of three frames that are asked about, two have four fifths of the object, one has none of it.
    assert "coco: recall 66.67 % at IoU 0.5, 66.67 % at IoU 0.75 (3 objects in 3 frames" in (
        printed := capsys.readouterr().out
    )
    assert "true last masks moved about: recall 100.00 % at IoU 0.5" in printed
    before, after = (
        open_source([path], torch.device("cpu")) for path in (tmp_path / "given.json", out)
    )
    for name, mask in truth.items():
        image = np.zeros((*mask.shape, 3), np.uint8)
        one, other = before.proposals(image, "d", name), after.proposals(image, "d", name)
        assert torch.equal(one.masks, other.masks)
        assert torch.equal(one.boxes, other.boxes)
    assert call(root, "--file", tmp_path / "given.json", "--out", out) == 1
    assert "exists" in capsys.readouterr().err


def test_mistakes_are_one_sentence(tmp_path, capsys) -> None:
    root = write_davis(tmp_path / "DAVIS")
    write_results(tmp_path / "given.json", {})
    out = tmp_path / "out.json"
    for options, code, words in (
        ((), 2, "1 file"),
        (("--file", tmp_path / "no.json"), 1, "is missing"),
        (("--file", tmp_path / "given.json"), 1, "no proposals of this video"),
        (("--source", "cocoo"), 2, "did you mean coco?"),
    ):
        assert call(root, "--out", out, *options) == code
        error = capsys.readouterr().err
        assert words in error
        assert len(error.strip().splitlines()) == 1
        assert not out.exists()
