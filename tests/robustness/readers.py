"""Readers of every kind of file, each with a small sound file: what mutation tests damage.

A reader is made by a function of an empty folder.
"""

from __future__ import annotations

import inspect
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from layouts import write_burst, write_sav, write_visor
from long_commands import PLAN
from small_davis import RECIPE, write_davis
from strangers import METADATA, write_checkpoint
from test_bounds import coco_folder

from vostool.core.output import Output
from vostool.core.project import project_defaults
from vostool.core.toml import read_toml
from vostool.core.types import ObjectIds
from vostool.datasets import youtube_vos
from vostool.datasets.annotations import read_layers
from vostool.datasets.catalogue import load_videos
from vostool.datasets.davis import names_in_list
from vostool.datasets.selection import Selection
from vostool.datasets.split import SplitFile, read_split, write_split
from vostool.datasets.stills import coco
from vostool.downloads.extraction import extract
from vostool.ensembling.fitted import Fitted, FittedAbout, read_fitted
from vostool.ensembling.fusion import FusionNetwork
from vostool.media.images import read_image
from vostool.media.masks import read_mask, write_mask
from vostool.media.reader import FrameReader
from vostool.media.rle import encode_runs
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.predictions.foreign.layouts import foreign_videos
from vostool.predictions.foreign.rle_json import rle_videos
from vostool.predictions.foreign.values import look, meaning, to_ids
from vostool.predictions.manifest import read_manifest
from vostool.proposals.coco import open_source
from vostool.recipe import load_recipe
from vostool.stages.choose.ablation_plan import read_plan
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data
from vostool.stages.predict.baseline import baseline
from vostool.stages.predict.inference_recipe import read_inference_recipe
from vostool.stages.submit.package_submission import package_submission
from vostool.submission.check import check_archive
from vostool.submission.expected import expected_archive
from vostool.training.checkpoints.checkpoint import read_checkpoint
from vostool.training.checkpoints.resuming import Progress, ResumeState, read_resume, save_resume
from vostool.training.checkpoints.run_folder import RunFolder
from vostool.training.loop.metrics_log import read_metrics

Reader = tuple[Path, Callable[[], Any]]
"""A sound file, and what reads it."""


def mask(root: Path) -> Reader:
    write_mask(root / "0.png", np.eye(20, dtype=np.uint8))
    return root / "0.png", lambda: read_mask(root / "0.png")


def frame(root: Path) -> Reader:
    write_davis(root)
    path = next((root / "JPEGImages").rglob("*.jpg"))
    return path, lambda: read_image(path)


def image_set(root: Path) -> Reader:
    write_davis(root)
    path = root / "ImageSets" / "2016" / "val.txt"
    names_in_list(path)
    return path, lambda: Selection("davis2016", root, "val").load()


def manifest(root: Path) -> Reader:
    text = {"command": "infer", "settings": {"a": [1]}, "videos": {"a": {"status": "finished"}}}
    (root / "run.json").write_text(json.dumps(text))
    return root / "run.json", lambda: read_manifest(root)


def probabilities(root: Path) -> Reader:
    writer = PredictionWriter(root)
    writer.write_mask("v", "0", np.zeros((8, 9), np.uint8))
    writer.write_probabilities("v", "0", np.ones((2, 8, 9), np.uint8), ObjectIds((1,)))
    path = writer.probabilities_path("v", "0")
    return path, lambda: PredictionFolder(root).probabilities("v", "0")


def checkpoint(root: Path) -> Reader:
    path = write_checkpoint(root / "a.ckpt", METADATA)
    return path, lambda: read_checkpoint(path)


def listing(root: Path) -> Reader:
    entry = {"file": "iteration-00000001.ckpt", "iteration": 1, "metrics": {"j": 0.5}}
    (root / "checkpoints.json").write_text(json.dumps([entry]))
    return root / "checkpoints.json", lambda: RunFolder(root).entries()


def instances(root: Path) -> Reader:
    coco_folder(root, [[1, 1, 6, 1, 6, 6, 1, 6]])
    path = root / "annotations" / "instances_train.json"
    return path, lambda: [still.mask() for still in coco.SPEC.load(root)]


def meta(root: Path) -> Reader:
    for kind in ("JPEGImages", "Annotations"):
        (root / "train" / kind / "v").mkdir(parents=True)
    write_mask(root / "train" / "JPEGImages" / "v" / "0.png", np.ones((8, 8), np.uint8))
    write_mask(root / "train" / "Annotations" / "v" / "0.png", np.ones((8, 8), np.uint8))
    path = root / "train" / "meta.json"
    objects = {"1": {"category": "x", "frames": ["0"]}}
    path.write_text(json.dumps({"videos": {"v": {"objects": objects}}}))
    return path, lambda: youtube_vos.load(root, "train")


def table(root: Path) -> Reader:
    (root / "a.toml").write_text('a = 1\n[b]\nc = "text"\nd = [1, 2.5, true]\n')
    return root / "a.toml", lambda: read_toml(root / "a.toml")


def resume_state(root: Path) -> Reader:
    model = torch.nn.Linear(2, 1)
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    progress = Progress(recipe={"a": 1}, iteration=3, best_score=None, processes=1, scaler={})
    save_resume(
        root / "resume.state",
        ResumeState(dict(model.state_dict()), optimiser.state_dict(), progress),
    )
    return root / "resume.state", lambda: read_resume(root / "resume.state")


def fitted(root: Path) -> Reader:
    network = FusionNetwork(2, 8)
    Fitted(FittedAbout(marks=("a", "b"), width=8), network.state_dict()).save(root / "a.st")
    return root / "a.st", lambda: read_fitted(root / "a.st")


def fitted_weights(root: Path) -> Reader:
    Fitted(FittedAbout(marks=("a", "b"), weights=(0.25, 0.75))).save(root / "a.st")
    return root / "a.st", lambda: read_fitted(root / "a.st")


def metrics(root: Path) -> Reader:
    lines = [json.dumps({"iteration": n, "kind": "train", "loss": 0.5}) for n in range(4)]
    (root / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return root / "metrics.jsonl", lambda: read_metrics(root / "metrics.jsonl")


def recipe(root: Path) -> Reader:
    (root / "a.toml").write_text(RECIPE)
    return root / "a.toml", lambda: load_recipe(str(root / "a.toml"))


def inference_recipe(root: Path) -> Reader:
    lines = ["[inference]", 'views = "flip"', 'memory = ["every:5"]', "crop_zoom.margin = 1.5"]
    (root / "a.toml").write_text("\n".join(['description = "a test"', *lines]))
    return root / "a.toml", lambda: read_inference_recipe(str(root / "a.toml"))


def ablation(root: Path) -> Reader:
    (root / "tiny.toml").write_text(RECIPE)
    (root / "plan.toml").write_text(PLAN)
    return root / "plan.toml", lambda: read_plan(str(root / "plan.toml"))


def project(root: Path) -> Reader:
    (root / "vostool.toml").write_text('dataset = "mose"\n[roots]\nmose = "data"\n')
    return root / "vostool.toml", lambda: project_defaults(root)


def split_file(root: Path) -> Reader:
    write_split(root / "a.json", SplitFile("davis2016", "train", 0, ("a",), ("b",)))
    return root / "a.json", lambda: read_split(root / "a.json")


def detections(root: Path) -> Reader:
    code = encode_runs(np.eye(20, dtype=bool))
    segmentation = {"size": [20, 20], "counts": code.counts.decode()}
    result = {"image_id": "v/0", "score": 0.5, "segmentation": segmentation, "bbox": [0, 0, 20, 20]}
    (root / "a.json").write_text(json.dumps([result, result]))

    def read() -> None:
        source = open_source([root / "a.json"], torch.device("cpu"))
        source.proposals(np.zeros((20, 20, 3), np.uint8), "v", "0")

    return root / "a.json", read


def movie(root: Path) -> Reader:
    path = root / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 16))
    for level in range(4):
        writer.write(np.full((16, 32, 3), 40 * level, np.uint8))
    writer.release()
    write_mask(root / "a.png", np.eye(16, 32, dtype=np.uint8))

    def read() -> None:
        for video in load_videos("movie", path, "all"):
            for _ in FrameReader(video):
                pass

    return path, read


def imported(root: Path) -> Callable[[], Any]:
    """Import what lies there."""

    def read() -> None:
        found = rle_videos(root) if root.suffix == ".json" else foreign_videos(root)
        for frames in found.values():
            looks = [look(frame) for frame in frames.values()]
            what = meaning(looks)
            for each in looks:
                to_ids(each, what)

    return read


def stack(root: Path) -> Reader:
    np.save(root / "v.npy", np.stack([np.eye(12, dtype=np.uint8)] * 3))
    return root / "v.npy", imported(root)


def stack_of_objects(root: Path) -> Reader:
    np.savez_compressed(root / "v.npz", masks=np.ones((3, 2, 12, 14), bool))
    return root / "v.npz", imported(root)


def stacks_by_frame(root: Path) -> Reader:
    np.savez(root / "v.npz", **{str(n): np.eye(12, dtype=np.uint8) for n in range(3)})
    return root / "v.npz", imported(root)


def run_lengths(root: Path) -> Reader:
    code = encode_runs(np.eye(20, dtype=bool))
    segmentation = {"size": [20, 20], "counts": code.counts.decode()}
    value = {
        "videos": [{"id": 1, "file_names": ["v/0.jpg", "v/1.jpg"]}],
        "annotations": [{"video_id": 1, "object_id": 2, "segmentations": [segmentation, None]}],
    }
    (root / "a.json").write_text(json.dumps(value))
    return root / "a.json", imported(root / "a.json")


def zip_archive(root: Path) -> Reader:
    with zipfile.ZipFile(root / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "abc":
            archive.writestr(f"set/{name}.txt", name * 100)
    return root / "a.zip", extracted(root / "a.zip")


def tar_archive(root: Path) -> Reader:
    (root / "a.txt").write_text("a" * 1000)
    with tarfile.open(root / "a.tar.gz", "w:gz") as archive:
        for name in "abc":
            archive.add(root / "a.txt", f"set/{name}.txt")
    return root / "a.tar.gz", extracted(root / "a.tar.gz")


def extracted(archive: Path) -> Callable[[], Any]:
    """Extract an archive into a new folder."""

    def read() -> None:
        out = archive.parent / "out"
        shutil.rmtree(out, ignore_errors=True)
        extract(archive, out)

    return read


def submission(root: Path, write: Callable[[Path], Any], dataset: str, split: str) -> Reader:
    """The archive of first masks that do not move, and its check."""
    write(root / "data")
    selection = Selection(dataset, root / "data", split)
    archive = root / f"s{'.json' if dataset == 'burst' else '.zip'}"
    package_submission(baseline(selection, Output(root / "preds")), selection, Output(archive))
    expected = expected_archive(selection)
    return archive, lambda: check_archive(archive, expected)


def submitted_masks(root: Path) -> Reader:
    options = DemoDataOptions(train_videos=1, valid_videos=2, frames=3, height=64, width=96)
    write = partial(make_demo_data, options=options)
    return submission(root, write, "youtubevos2019", "valid")


def submitted_visor(root: Path) -> Reader:
    return submission(root, write_visor, "visor", "val")


def submitted_burst(root: Path) -> Reader:
    return submission(root, write_burst, "burst", "val")


def submitted_layers(root: Path) -> Reader:
    return submission(root, write_sav, "sav", "val")


def visor_names(root: Path) -> Reader:
    write_visor(root)
    path = root / "VISOR_2022" / "val_data_mapping.json"
    return path, lambda: load_videos("visor", root, "val")


def burst_annotations(root: Path) -> Reader:
    write_burst(root)
    path = root / "val" / "all_classes.json"

    def read() -> None:
        for video in load_videos("burst", root, "val"):
            for found in video.frames:
                if found.annotated:
                    read_layers(found)

    return path, read


READERS = [
    found
    for found in list(globals().values())
    if inspect.isfunction(found)
    and found.__module__ == __name__
    and list(inspect.signature(found).parameters) == ["root"]
    and found.__annotations__["return"] == "Reader"
]
"""All of the functions above."""
