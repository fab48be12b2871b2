"""The command that usually follows, ready to paste: quoted, with the paths and videos in hand.

What a command finds out by itself (`run.json`, `vostool.toml`, the environment) is left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from vostool.core.errors import VostoolError
from vostool.core.project import seen_from_here
from vostool.core.recipe_files import find_recipe, recipe_names
from vostool.core.toml import read_toml
from vostool.core.types import Video
from vostool.datasets.catalogue import load_spec
from vostool.datasets.layout import FaultyVideos
from vostool.datasets.selection import Selection
from vostool.predictions.folder import PredictionFolder
from vostool.scoring.ground_truth import has_ground_truth
from vostool.stages.selecting import Asked, resolve

FIRST_STAGE = "-pretrain"
"""Ends the names of recipes that are a stage before another."""
PREDICTIONS = Path("preds")
TRAINING = "train"
TRIED = ("--tta", "none", "--tta", "flip,0.75,1.0", "--memory", "every:5")
TRIED_STEPS = ("--steps", "none", "--steps", "keep-near-last,drop-small")
"""What is worth trying first with any network."""


def command(*words: str | Path) -> str:
    """A command line of vostool for a shell."""
    return shlex.join(["vostool", *map(str, words)])


def flags(selection: Selection, predictions: Iterable[Path] = ()) -> list[str]:
    """The fewest of --dataset, --root and --split that mean these videos, and every --video.

    Args:
        predictions: prediction folders that the command is given.
    """
    folders = list(predictions)
    root = seen_from_here(selection.root)
    parts = {"dataset": selection.dataset, "root": root, "split": selection.split}
    named = [word for video in selection.videos for word in ("--video", video)]
    for count in range(len(parts)):
        for names in combinations(parts, count):
            if _means(selection, {name: parts[name] for name in names}, folders):
                return [*_words(parts, names), *named]
    return [*_words(parts, tuple(parts)), *named]


def _words(parts: Mapping[str, object], names: Sequence[str]) -> list[str]:
    return [word for name in names for word in (f"--{name}", str(parts[name]))]


def _means(selection: Selection, written: Mapping[str, object], folders: Sequence[Path]) -> bool:
    try:
        found, _ = resolve(Asked(**written), folders)  # type: ignore[arg-type]
    except VostoolError:
        return False
    same = (found.dataset, found.split) == (selection.dataset, selection.split)
    return same and found.root.resolve() == selection.root.resolve()


def after_splitting(file: Path, divided: Selection) -> str | None:
    """Train on the rest: the first recipe that does so in one stage; None where there is none."""
    for name in recipe_names():
        table = read_toml(find_recipe(name))
        if f"{name}{FIRST_STAGE}" in recipe_names():
            continue
        for entry, values in table.get("data", {}).items():
            wanted = {"video": divided.dataset, "section": TRAINING}
            split = values.get("split", TRAINING)
            if wanted.items() <= values.items() and split == divided.split:
                data = f"{entry}={seen_from_here(divided.root)}"
                return command("train", name, "--data", data, "--split-file", file)
    return None


def after_selecting(checkpoint: Path, held_out: Selection) -> str:
    """Settings are chosen on the videos that the checkpoint was chosen on."""
    out = checkpoint.with_name("tuned.toml")
    tried = [*TRIED, *TRIED_STEPS]
    return command("tune", "--checkpoint", checkpoint, *flags(held_out), *tried, "--out", out)


def after_tuning(
    recipe: Path, held_out: Selection, model_files: Mapping[str, Sequence[Path]]
) -> str | None:
    """The recipe, which knows its checkpoints, on what is reported; None where that is not there.

    Args:
        model_files: that its settings read, by name.
    """
    files = [f"{name}={path}" for name, paths in model_files.items() for path in paths]
    named = [word for file in files for word in ("--model-file", file)]
    return to_infer(["--recipe", str(recipe), *named], held_out, recipe.stem)


def to_infer(networks: Sequence[str], trained_on: Selection, name: str) -> str | None:
    """Run networks over what is reported of a data set; None where nothing of that is there."""
    reported = _reported(trained_on)
    if reported is None:
        return None
    return command("infer", *networks, *flags(reported), "--out", PREDICTIONS / name)


def _reported(selection: Selection) -> Selection | None:
    """The first split that is there and not for training, one with ground truth before others."""
    spec = load_spec(selection.dataset)
    splits = [split for split in spec.splits if not split.startswith(TRAINING)]
    for split in sorted(splits, key=lambda split: split not in spec.ground_truth_splits):
        found = Selection(selection.dataset, selection.root, split)
        if _load(found):
            return found
    return None


def after_predictions(folder: Path) -> str | None:
    """Score them, or hand them in, or look at them; None where nothing says what they are of.

    Of a run of several processes, the last one knows.
    """
    try:
        predictions = PredictionFolder(folder)
        predictions.require_finished()
        selection, _ = resolve(Asked(), [folder])
    except VostoolError:
        return None
    videos, there = _load(selection), predictions.videos()
    if not set(there) <= {video.name for video in videos}:
        return None
    some = there if len(there) < len(videos) else ()
    chosen = Selection(selection.dataset, selection.root, selection.split, some)
    named = flags(chosen, [folder])
    rule = selection.scoring_rule()
    if has_ground_truth([video for video in videos if video.name in there], rule):
        return command("evaluate", folder, *named)
    if not some and selection.split in selection.spec.submissions:
        return command("package-submission", folder, *named, "--out", beside(folder, ".zip"))
    return command("export-overlay", folder, *named, "--out", beside(folder, ".mp4"))


def after_packaging(archive: Path, selection: Selection, *, rehearse: bool) -> str:
    """The check alone, for when the archive has been changed or sent somewhere."""
    more = ["--rehearse"] if rehearse else []
    return command("check-submission", archive, *flags(selection), *more)


def beside(folder: Path, ending: str) -> Path:
    """A name next to a folder, made of its own."""
    return folder.with_name(folder.resolve().name + ending)


def _load(selection: Selection) -> list[Video]:
    """The videos that can be used; none where the data set is not there."""
    try:
        return selection.load()
    except FaultyVideos as fault:
        return list(fault.videos)
    except VostoolError:
        return []
