"""DMN-AOA from the command line: training from proposals, and inference with everything on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as official
from small_davis import write_davis

from vostool.cli.main import main
from vostool.core.types import MaskEncoding
from vostool.media.masks import read_mask

RECIPE = """
description = "a test"
[model]
name = "dmn-aoa"
backbone = "mobilenetv2_035"
channels = 16
key_channels = 8
value_channels = 16
decoder_channels = 8
region_cells = 4
{source}
[data.davis2016]
video = "davis2016"
[clip]
frames = 2
crop = [32, 48]
short_side = [40, 48]
min_area = 10
window_jitter = 2
[loop]
iterations = 1
batch = 1
precision = "fp32"
[losses]
cross_entropy = 1.0
similarity = 1.0
[validation]
every = 1
data = "davis2016"
videos = ["c"]
"""
DETECTOR = 'proposals = "detector"\ntraining_proposals = "detector"'


def write_true_masks(root: Path, path: Path) -> Path:
    """A file of proposals: all true masks of all sequences."""
    results = []
    for file in sorted((root / "Annotations" / "480p").glob("*/*.png")):
        mask = read_mask(file, MaskEncoding.BINARY)
        code = official.encode(np.asfortranarray(mask))
        segmentation = {"size": list(mask.shape), "counts": code["counts"].decode()}
        image = f"{file.parent.name}/{file.stem}"
        results.append({"image_id": image, "score": 0.9, "segmentation": segmentation})
    path.write_text(json.dumps(results))
    return path


def call(*arguments) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(item) for item in arguments])
    return caught.value.code


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_davis(tmp_path_factory.mktemp("data") / "DAVIS")


@pytest.fixture(scope="module", params=["deterministic", "detector"])
def trained(request, root, tmp_path_factory) -> tuple[Path, list]:
    """A checkpoint, and what `infer` needs for its proposals."""
    folder = tmp_path_factory.mktemp("run")
    with_detector = request.param == "detector"
    recipe = folder / "dmn.toml"
    recipe.write_text(RECIPE.format(source=DETECTOR if with_detector else ""))
    file = write_true_masks(root, folder / "proposals.json")
    more = ["--proposals", f"davis2016={file}"] if with_detector else []
    assert call("train", recipe, "--data", f"davis2016={root}", "--out", folder / "run",
                "--workers", 0, "--device", "cpu", *more) == 0  # fmt: skip
    flags = ["--set", "proposals.source=coco", "--model-file", f"coco={file}"]
    return folder / "run" / "best.ckpt", flags if with_detector else []


@pytest.mark.parametrize(
    "options",
    [
        ["--tta", "flip,0.75,1.0", "--feedback", "own"],
        ["--tta", "flip", "--feedback", "merged", "--memory", "every:2", "--max-memory", "2"],
        ["--crop-zoom"],
        ["--online-finetune", "--set", "online_finetune.iterations=1"],
    ],
    ids=lambda options: options[0],
)
def test_everything_that_wraps_other_networks_wraps_this_one(trained, root, tmp_path, options):
    checkpoint, flags = trained
    out = tmp_path / "preds"
    assert call("infer", "--checkpoint", checkpoint, "--dataset", "davis2016", "--root", root,
                "--split", "val", "--device", "cpu", "--out", out,
                *options, *flags) == 0  # fmt: skip
    masks = sorted((out / "Annotations" / "d").glob("*.png"))
    assert len(masks) == 4
    given = read_mask(root / "Annotations" / "480p" / "d" / "00000.png", MaskEncoding.BINARY)
    np.testing.assert_array_equal(read_mask(masks[0], MaskEncoding.BINARY) > 0, given > 0)
    (entry,) = json.loads((out / "run.json").read_text())["videos"].values()
    assert ("proposals" in entry.get("wrappers", {})) == bool(flags)


def test_a_network_that_needs_proposals_says_so(root, tmp_path, capsys) -> None:
    recipe = tmp_path / "dmn.toml"
    recipe.write_text(RECIPE.format(source=DETECTOR))
    file = write_true_masks(root, tmp_path / "proposals.json")
    for arguments, words in (
        ([], "learns from proposals, and there are none"),
        (["--proposals", file], "write --proposals ENTRY=FILE"),
        (["--proposals", f"davis2017={file}"], "names davis2017, for which there is no data"),
        (["--proposals", f"davis2016={tmp_path}/no.json"], "there is no file for --proposals"),
    ):
        assert call("train", recipe, "--data", f"davis2016={root}", "--out", tmp_path / "run",
                    "--device", "cpu", *arguments) == 2  # fmt: skip
        error = capsys.readouterr().err
        assert words in error


def test_proposals_that_a_network_makes_are_written_and_their_recall_said(
    trained, root, tmp_path, capsys
) -> None:
    checkpoint, flags = trained
    out = tmp_path / "own.json"
    videos = ["--dataset", "davis2016", "--root", root, "--split", "val"]
    code = call("propose", "--checkpoint", checkpoint, *videos, "--out", out, "--device", "cpu")
    if flags:  # it was given a detector's
        assert code == 2
        assert "makes no proposals of its own" in capsys.readouterr().err
        return
    assert code == 0
    printed = capsys.readouterr().out
    written = json.loads(out.read_text())
    best = []
    for image in written["images"]:
        sequence, frame = image["id"].split("/")
        of_image = [a for a in written["annotations"] if a["image_id"] == image["id"]]
        assert bool(of_image) == (frame != "00000")
        if of_image:
            path = root / "Annotations" / "480p" / sequence / f"{frame}.png"
            truth = official.encode(np.asfortranarray(read_mask(path, MaskEncoding.BINARY) > 0))
            found = [annotation["segmentation"] for annotation in of_image]
            best.append(official.iou(found, [truth], [0]).max())
    for overlap in (0.5, 0.75):
        assert f"{100 * np.mean(np.array(best) >= overlap):.2f} % at IoU {overlap}" in printed
    assert call("propose", *videos) == 2
    assert "pass --source or --checkpoint" in capsys.readouterr().err
