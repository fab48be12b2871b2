"""The command that follows a finished training."""

from __future__ import annotations

from pathlib import Path

from vostool.core import registry
from vostool.core.project import project_defaults
from vostool.core.recipe_files import recipe_names
from vostool.datasets.selection import Selection
from vostool.recipe import DETECTORS, Recipe, load_recipe
from vostool.stages.next_commands import FIRST_STAGE, command, to_infer
from vostool.stages.train.train import TrainingRun
from vostool.stages.train.training_data import DataFolders
from vostool.training.checkpoints.run_folder import RunFolder

FOLDER = "FOLDER"
"""Stands for a folder that nothing here knows."""


def after_training(recipe: Recipe, run: TrainingRun) -> str | None:
    """The recipe's second stage, else the choice of a checkpoint, else the use of the only one.

    None where nothing follows from what is known here.
    """
    folder = run.output.path
    files = RunFolder(folder)
    second = recipe.name.removesuffix(FIRST_STAGE)
    if second != recipe.name and second in recipe_names():
        return _second_stage(load_recipe(second), files.best, run.data)
    if run.data.proposals:
        return None  # which proposals the next command needs is not known here
    if len(files.entries()) > 1 and _can_select(recipe, run.data):
        split = [] if run.data.split_file is None else ["--split-file", str(run.data.split_file)]
        entry = str(recipe.validation.data)
        return command("select", folder, "--data", f"{entry}={run.data.folders[entry]}", *split)
    videos = _videos(recipe, run.data)
    if videos is None or recipe.model.name.replace("_", "-") in registry.names(DETECTORS):
        return None
    return to_infer(["--checkpoint", str(files.best)], videos, folder.resolve().name)


def _second_stage(recipe: Recipe, checkpoint: Path, data: DataFolders) -> str:
    """Folders are those of this stage's data of the same kind, else what the project says."""
    known = {name: str(folder) for name, folder in data.folders.items()}
    words = ["train", recipe.name, "--init", str(checkpoint)]
    for name, entry in recipe.data.items():
        place = known.get(name) or _project_root(entry.video or "")
        if entry.weight > 0 and (place is not None or not entry.optional):
            words += ["--data", f"{name}={place or FOLDER}"]
    if any(entry.section for entry in recipe.data.values()):
        words += ["--split-file", str(data.split_file or "SPLIT.json")]
    return command(*words)


def _project_root(dataset: str) -> str | None:
    roots = (place.root(dataset) for place in project_defaults())
    return next((str(root) for root in roots if root is not None and root.exists()), None)


def _can_select(recipe: Recipe, data: DataFolders) -> bool:
    """Whether the videos that are held out are known."""
    options = recipe.validation
    known = bool(options.videos) or data.split_file is not None
    return options.data is not None and options.data in data.folders and known


def _videos(recipe: Recipe, data: DataFolders) -> Selection | None:
    """The data set that was trained on; the validation's before others."""
    first = recipe.validation.data
    for name in sorted(recipe.data, key=lambda name: name != first):
        entry = recipe.data[name]
        if name in data.folders and entry.video is not None:
            return Selection(entry.video, data.folders[name], entry.split)
    return None
