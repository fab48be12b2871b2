"""DMN-AOA from the command line: training from proposals, and inference with everything on."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pycocotools import mask as official
from small_davis import write_davis

from vostool.cli.main import main
from vostool.core.types import MaskEncoding
from vostool.media.masks import read_mask, write_mask
from vostool.models import FrameViews, Prediction
from vostool.stages.predict.propose import _seen
from vostool.stages.predict.watched import SegmentedFrame

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
GIVEN = {0: 1, 2: 2}
"""Frame -> the object whose mask is given in it."""
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


def write_late_object(root: Path) -> Path:
    """A YouTube-VOS folder: two squares in five frames, the second one given in the third."""
    rng = np.random.default_rng(0)
    split = root / "valid"
    for folder in ("JPEGImages", "Annotations"):
        (split / folder / "v").mkdir(parents=True)
    ground = rng.integers(90, 130, (48, 64, 3), np.uint8)
    for frame in range(5):
        image, labels = ground.copy(), np.zeros((48, 64), np.uint8)
        labels[6:22, 4 + 3 * frame : 20 + 3 * frame] = 1
        labels[28:44, 40 - 3 * frame : 56 - 3 * frame] = 2
        image[labels == 1], image[labels == 2] = (220, 40, 40), (40, 40, 220)
        cv2.imwrite(str(split / "JPEGImages" / "v" / f"{frame:05d}.jpg"), image[..., ::-1])
        if frame in GIVEN:
            own = np.where(labels == GIVEN[frame], labels, 0).astype(np.uint8)
            write_mask(split / "Annotations" / "v" / f"{frame:05d}.png", own)
    names = [f"{frame:05d}" for frame in range(5)]
    objects = {"1": {"category": "a", "frames": names}, "2": {"category": "b", "frames": names[2:]}}
    (split / "meta.json").write_text(json.dumps({"videos": {"v": {"objects": objects}}}))
    return root


def coco(boxes: dict[str, list[tuple[int, int, int, int]]], size=(48, 64)) -> str:
    """Result JSON of boxes (top, left, height, width) by image."""
    results = []
    for image, of_image in boxes.items():
        for top, left, height, width in of_image:
            mask = np.zeros(size, np.uint8, order="F")
            mask[top : top + height, left : left + width] = 1
            code = official.encode(mask)
            segmentation = {"size": list(size), "counts": code["counts"].decode()}
            results.append({"image_id": image, "score": 0.9, "segmentation": segmentation})
    return json.dumps(results)


def infer_late(checkpoint: Path, root: Path, proposals: Path, out: Path, *more) -> int:
    return call("infer", "--checkpoint", checkpoint, "--dataset", "youtubevos2019", "--root", root,
                "--split", "valid", "--device", "cpu", "--out", out, "--precision", "fp32",
                "--set", "proposals.source=coco", "--model-file", f"coco={proposals}",
                *more)  # fmt: skip


@pytest.fixture(scope="module")
def given_proposals(root, tmp_path_factory) -> Path:
    """The checkpoint of a network that needs proposals."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "dmn.toml").write_text(RECIPE.format(source=DETECTOR))
    file = write_true_masks(root, folder / "proposals.json")
    assert call("train", folder / "dmn.toml", "--data", f"davis2016={root}", "--out",
                folder / "run", "--workers", 0, "--device", "cpu",
                "--proposals", f"davis2016={file}") == 0  # fmt: skip
    return folder / "run" / "best.ckpt"


def test_a_late_object_and_frames_with_too_few_proposals(given_proposals, tmp_path) -> None:
    root, file = write_late_object(tmp_path / "data"), tmp_path / "found.json"
    # None in frame 1, one for two objects in frame 3, three in frame 4.
    one, two = (6, 13, 16, 16), (28, 31, 16, 16)
    found = {"v/00000": [one], "v/00002": [one, two], "v/00003": [one]}
    file.write_text(coco({**found, "v/00004": [one, two, (0, 0, 5, 5)]}))
    out = tmp_path / "preds"
    assert infer_late(given_proposals, root, file, out, "--tta", "flip") == 0
    masks = [read_mask(path) for path in sorted((out / "Annotations" / "v").glob("*.png"))]
    assert len(masks) == 5
    assert all(not (mask == 2).any() for mask in masks[:2]), "not there yet"
    given = read_mask(root / "valid" / "Annotations" / "v" / "00002.png")
    np.testing.assert_array_equal(masks[2] == 2, given == 2)
    (entry,) = json.loads((out / "run.json").read_text())["videos"].values()
    assert sorted(entry["ids"]) == [1, 2]


@pytest.mark.parametrize(
    ("image", "size", "words"),
    [("other/00000", (48, 64), "no proposals of this video"), ("v/00001", (40, 64), "40x64")],
)
def test_proposals_of_another_video_or_size(
    given_proposals, tmp_path, capsys, image, size, words
) -> None:
    root, file = write_late_object(tmp_path / "data"), tmp_path / "found.json"
    file.write_text(coco({image: [(6, 4, 16, 16)]}, size))
    assert infer_late(given_proposals, root, file, tmp_path / "preds") == 1
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error


class Lost(torch.nn.Module):
    """Makes proposals, and has none."""

    def proposed(self, prediction):
        return torch.zeros(0, 8, 12)


def test_a_frame_without_proposals_has_none() -> None:
    frame = FrameViews.whole(torch.zeros(1, 3, 32, 48), 1)
    moment = SegmentedFrame(frame, None, None, Prediction(torch.ones(1, 1, 32, 48)))
    for seen in (moment, None):
        found = _seen(Lost(), seen, (64, 96))
        assert found.masks.shape == (0, 64, 96)
        assert found.boxes.shape == (0, 4)
