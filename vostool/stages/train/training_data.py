"""Clips to train on and videos to validate on, from a recipe's data entries and their folders."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.utils.data import Dataset

from vostool.core.errors import DataError, UsageError
from vostool.core.typed import parse_as
from vostool.core.types import Clip, ProposalSource, Video
from vostool.datasets.catalogue import load_videos
from vostool.datasets.folds import find_fold
from vostool.datasets.selection import Selection
from vostool.datasets.split import read_split
from vostool.datasets.still_catalogue import load_stills
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.validation import Validation
from vostool.proposals import coco
from vostool.recipe import DataEntry, Recipe
from vostool.training.clips.curriculum import LengthSchedule, SkipCurriculum
from vostool.training.clips.feeding import samples_per_iteration
from vostool.training.clips.merging import STREAM as OTHERS
from vostool.training.clips.merging import MergedClips
from vostool.training.clips.mixture import Mixture
from vostool.training.clips.video_clips import VideoClips
from vostool.training.synthesis.still_clips import StillClips

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataFolders:
    """Where the entries of a recipe are.

    Attributes:
        folders: entry name -> folder.
        split_file: offline split written by `vostool split`, for entries with a section.
        proposals: entry name -> file of its frames' proposals, for networks that choose among them.
    """

    folders: Mapping[str, Path]
    split_file: Path | None = None
    proposals: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def parse(
        cls,
        texts: Sequence[str],
        split_file: Path | None = None,
        proposals: Sequence[str] = (),
        fold: int | None = None,
    ) -> DataFolders:
        """Read `ENTRY=FOLDER` and `ENTRY=FILE` texts.

        Args:
            fold: `split_file` is a folder of folds, of which this one is wanted.

        Raises:
            UsageError: anything else, or a missing folder or file.
        """
        split_file = _chosen_fold(split_file, fold)
        folders, files = (
            _by_entry("--data", "FOLDER", texts),
            _by_entry("--proposals", "FILE", proposals),
        )
        for name, folder in folders.items():
            if not folder.is_dir():
                raise UsageError(f"there is no folder for --data {name}", where=folder)
        for name, file in files.items():
            if name not in folders:
                raise UsageError(
                    f"--proposals names {name}, for which there is no data",
                    remedy=f"--data {name}=FOLDER, too",
                )
            if not file.is_file():
                raise UsageError(f"there is no file for --proposals {name}", where=file)
        return cls(folders, split_file, files)

    def source(self, entry: str) -> ProposalSource | None:
        """Proposals of an entry's frames. Raises what the file's reader raises."""
        if entry not in self.proposals:
            return None
        return coco.open_source([self.proposals[entry]], torch.device("cpu"))


def _chosen_fold(split_file: Path | None, fold: int | None) -> Path | None:
    if fold is not None:
        if split_file is None:
            raise UsageError("--fold chooses a file of a folder", remedy="--split-file FOLDER, too")
        return find_fold(split_file, fold)
    if split_file is not None and split_file.is_dir():
        raise UsageError(
            "the split file is a folder", where=split_file, remedy="choose a fold in it: --fold 1"
        )
    return split_file


def _by_entry(flag: str, what: str, texts: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or not name or not path or name in found:
            raise UsageError(
                f"cannot use {flag} {text!r}", remedy=f"write {flag} ENTRY={what}, once each"
            )
        found[name] = Path(path)
    return found


def check_folders(recipe: Recipe, places: DataFolders) -> list[str]:
    """Names of the entries to train on.

    Raises:
        UsageError: a folder for an unknown entry, or none for one that is needed.
    """
    unknown = sorted(places.folders.keys() - recipe.data.keys())
    if unknown:
        raise UsageError(
            f"recipe {recipe.name} has no data entry {', '.join(unknown)}",
            remedy=f"it has {', '.join(recipe.data)}",
        )
    used = [name for name, entry in recipe.data.items() if entry.weight > 0]
    missing = [n for n in used if n not in places.folders and not recipe.data[n].optional]
    if missing:
        raise UsageError(
            f"recipe {recipe.name} needs data that was not given: {', '.join(missing)}",
            remedy=" ".join(f"--data {name}=FOLDER" for name in missing),
        )
    for name in used:
        if name not in places.folders:
            log.warning(f"training without {name}: no --data {name}=FOLDER was given")
    chosen = [name for name in used if name in places.folders]
    if not chosen:
        raise UsageError(
            f"recipe {recipe.name} was given no data", remedy=f"--data {used[0]}=FOLDER"
        )
    return chosen


def training_clips(
    recipe: Recipe, places: DataFolders, *, samples: int, processes: int = 1
) -> Dataset[Clip]:
    """Sample number -> clip, over all entries by weight.

    Args:
        samples: of the whole run.
        processes: that train together.
    """
    names = check_folders(recipe, places)
    together = samples_per_iteration(recipe.loop, processes)
    lengths = LengthSchedule(recipe.curriculum.frames, samples, together)
    sources = [_clips(recipe, name, places, samples, lengths) for name in names]
    weights = [recipe.data[name].weight for name in names]
    if len(names) > 1:
        shares = [f"{name} {weight / sum(weights):.0%}" for name, weight in zip(names, weights)]
        log.info(f"clips by source: {', '.join(shares)}")
    seed = recipe.loop.seed
    clips = Mixture(sources, weights, samples=samples, seed=seed)
    if not recipe.merge.probability:
        return clips
    seed = seed ^ OTHERS
    others = [source.with_seed(seed) for source in sources]
    mixed = Mixture(others, weights, samples=samples, seed=seed)
    return MergedClips(clips, mixed, recipe.merge, seed=recipe.loop.seed)


def held_out_selection(recipe: Recipe, places: DataFolders) -> Selection:
    """The videos that the recipe's validation names, or those that the offline split holds out.

    Raises:
        UsageError: no folder for the entry, or no word on which videos are held out.
    """
    options = recipe.validation
    if options.data is None or options.data not in places.folders:
        raise UsageError(
            f"validation needs the videos of {options.data or 'a data entry (validation.data)'}",
            remedy=f"--data {options.data or 'ENTRY'}=FOLDER, or --set validation.every=0",
        )
    entry, root = recipe.data[options.data], places.folders[options.data]
    assert entry.video is not None
    split = entry.split if options.videos else f"{_split_of(places, entry.video)}:val"
    return Selection(entry.video, root, split, options.videos)


def held_out_videos(recipe: Recipe, places: DataFolders) -> Validation:
    """What the recipe's validation scores: held-out videos with annotations.

    Raises:
        UsageError: no folder for the entry, or no word on which videos are held out.
        DataError: videos are missing.
    """
    options = recipe.validation
    held_out = held_out_selection(recipe, places)
    videos = held_out.whole().load()
    if options.videos:
        videos = _named(videos, options.videos, held_out.root)
    chosen = {"memory": options.memory, "short_side": options.short_side or "auto"}
    propagation = parse_as(
        PropagationOptions, chosen, "validation", remedy="correct the recipe", error=UsageError
    )
    return Validation(
        videos[: options.max_videos],
        held_out.scoring_rule(),
        propagation,
        options.max_frames,
        places.source(str(options.data)),
    )


def _named(videos: list[Video], names: Sequence[str], root: Path) -> list[Video]:
    missing = set(names) - {video.name for video in videos}
    if missing:
        raise DataError(
            f"held-out videos are missing: {', '.join(sorted(missing))}",
            where=root,
            remedy="name others with --set validation.videos=[...]",
        )
    return [video for video in videos if video.name in set(names)]


def _clips(
    recipe: Recipe, name: str, places: DataFolders, samples: int, lengths: LengthSchedule
) -> VideoClips | StillClips:
    entry, root = recipe.data[name], places.folders[name]
    held_out = set(recipe.validation.videos) | _held_out_by_split(places)
    if entry.stills is not None:
        if name in places.proposals:
            raise UsageError(f"--proposals names {name}, whose still images take none")
        if entry.section is not None:
            _split_of(places, entry.stills)
        stills = load_stills(entry.stills, root, held_out)
        log.info(f"{name}: {len(stills)} still images")
        seed = recipe.loop.seed
        return StillClips(stills, recipe.synthesis, samples=samples, seed=seed, lengths=lengths)
    if entry.section is None:
        videos = _load(entry, root)
    else:
        videos = _section(entry, root, places, entry.section)
    videos = [video for video in videos if video.name not in held_out]
    log.info(f"{name}: {len(videos)} videos")
    curriculum = SkipCurriculum(
        recipe.curriculum.max_skip, samples, recipe.curriculum.previous_until
    )
    return VideoClips(
        videos,
        recipe.clip,
        curriculum=curriculum,
        samples=samples,
        seed=recipe.loop.seed,
        proposals=places.source(name),
        lengths=lengths,
    )


def _held_out_by_split(places: DataFolders) -> set[str]:
    """Videos outside the training part of the offline split: no stills to train on either."""
    if places.split_file is None:
        return set()
    split = read_split(places.split_file)
    return {*split.val, *split.left_out}


def _load(entry: DataEntry, root: Path) -> list[Video]:
    assert entry.video is not None
    return load_videos(entry.video, root, entry.split)


def _section(entry: DataEntry, root: Path, places: DataFolders, section: str) -> list[Video]:
    """Videos of one part of the offline split."""
    assert entry.video is not None
    return load_videos(entry.video, root, f"{_split_of(places, entry.video)}:{section}")


def _split_of(places: DataFolders, source: str) -> Path:
    if places.split_file is None:
        raise UsageError(
            f"the recipe leaves out the held-out videos of an offline split ({source})",
            remedy="write one with `vostool split` and pass --split-file FILE",
        )
    return places.split_file
