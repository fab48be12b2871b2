"""BURST (Athar et al., arXiv 2209.12118), exemplar-guided: the first mask of every track is given.

Annotations are run-length codes in one JSON file per split, at 1 fps; frames lie in
`SPLIT/DATASET/SEQUENCE/`. A video is called `DATASET-SEQUENCE`. Late tracks are given late. Not
verified: whether images and annotations lie in one folder; those of a split are looked for in
`SPLIT/`, `frames/SPLIT/` and `annotations/SPLIT/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vostool.core.errors import DataError
from vostool.core.types import VOID, EncodedMask, Frame, Layer, Video, VideoObject
from vostool.datasets.layout import (
    CHECK,
    build_videos,
    first_folder,
    list_files,
    read_json,
    safe_name,
)
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec

SPLITS = ("train", "val", "test")
ANNOTATIONS = "all_classes.json"
"""Of val and test; training has its own name, which is tried too."""


def _load(root: Path, split: str) -> list[Video]:
    sequences, names = _read(annotation_file(root, split))
    images = first_folder(
        [Path(root) / split, Path(root) / "frames" / split],
        f"the folder of frames of split {split}",
        f"put DATASET/SEQUENCE/ into {split}/ in the folder that you give as --root",
    )
    found = {sequence.name: sequence for sequence in sequences}
    return build_videos(found, lambda name: _build(found[name], names, images))


def _read(path: Path) -> tuple[list[_Sequence], dict[int, str]]:
    """Sequences and names of categories."""
    value = read_json(path)
    sequences = value.get("sequences") if isinstance(value, dict) else None
    categories = value.get("categories") if isinstance(value, dict) else None
    if not isinstance(sequences, list) or not isinstance(categories, list):
        raise DataError(
            'the file has no lists "sequences" and "categories"', where=path, remedy=CHECK
        )
    found = [_Sequence.of(item, number, path) for number, item in enumerate(sequences)]
    return found, _category_names(categories, path)


def annotation_file(root: Path, split: str) -> Path:
    """The JSON file with a split's tracks.

    Raises:
        DataError: there is none.
    """
    root = Path(root)
    places = [root / split, root / "annotations" / split]
    candidates = [place / name for place in places for name in (ANNOTATIONS, f"{split}.json")]
    for path in candidates:
        if path.is_file():
            return path
    raise DataError(
        f"the annotations of split {split} are missing",
        where=candidates[0],
        remedy="unpack the annotations there",
    )


def _category_names(categories: list[Any], path: Path) -> dict[int, str]:
    try:
        return {int(item["id"]): str(item["name"]) for item in categories}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"a category has no id or name ({error})", where=path, remedy=CHECK
        ) from error


@dataclass(frozen=True)
class _Sequence:
    """One entry of `sequences`.

    Attributes:
        folder: below the frames of the split.
        images: file names of all frames; `annotated` of those that have masks.
        size: (height, width).
        categories: category per track.
        tracks: run-length codes per track, for each annotated frame.
        path: the file that it was read from.
    """

    name: str
    folder: PurePosixPath
    images: tuple[str, ...]
    annotated: tuple[str, ...]
    size: tuple[int, int]
    categories: dict[int, int]
    tracks: tuple[dict[int, EncodedMask], ...]
    path: Path

    @classmethod
    def of(cls, item: Any, number: int, path: Path) -> _Sequence:
        """Raises DataError where something is missing or of the wrong type."""
        try:
            dataset, sequence = str(item["dataset"]), str(item["seq_name"])
            name = safe_name(f"{dataset}-{sequence}".replace("/", "-"), path)
            size = int(item["height"]), int(item["width"])
            found = cls(
                name=name,
                folder=PurePosixPath(safe_name(dataset, path), safe_name(sequence, path)),
                images=tuple(str(image) for image in item["all_image_paths"]),
                annotated=tuple(str(image) for image in item["annotated_image_paths"]),
                size=size,
                categories={_track(t): int(c) for t, c in item["track_category_ids"].items()},
                tracks=tuple(
                    {
                        _track(track): EncodedMask(size, str(mask["rle"]).encode())
                        for track, mask in frame.items()
                    }
                    for frame in item["segmentations"]
                ),
                path=path,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"entry {number} of the sequences is malformed ({type(error).__name__}: {error})",
                where=path,
                remedy=CHECK,
            ) from error
        if len(found.tracks) != len(found.annotated):
            raise DataError(
                f"video {name} has {len(found.tracks)} segmentations for {len(found.annotated)} "
                "annotated frames",
                where=path,
                remedy=CHECK,
            )
        return found


def _track(text: Any) -> int:
    number = int(text)
    if not 0 <= number < VOID - 1:
        raise ValueError(f"track {number} is not in 0..{VOID - 2}")
    return number


def _build(sequence: _Sequence, names: dict[int, str], images: Path) -> Video:
    place = images / sequence.folder
    files = list_files(place)
    if not files:
        raise DataError(f"video {sequence.name} has no frames", where=place, remedy=CHECK)
    stems = [PurePosixPath(image).stem for image in sequence.images]
    annotated = [PurePosixPath(image).stem for image in sequence.annotated]
    absent = [stem for stem in annotated if stem not in files]
    if absent:
        raise DataError(
            f"frame {absent[0]} of video {sequence.name} is annotated but is not there",
            where=place,
            remedy="download the frames again",
        )
    shift = int(any(0 in tracks for tracks in sequence.tracks))
    layers = {
        stem: tuple(
            Layer(track + shift, code, f"{sequence.path}, video {sequence.name}, frame {stem}")
            for track, code in sorted(tracks.items())
        )
        for stem, tracks in zip(annotated, sequence.tracks, strict=True)
    }
    first: dict[int, str] = {}
    for stem, tracks in zip(annotated, sequence.tracks, strict=True):
        for track in tracks:
            first.setdefault(track, stem)
    objects = tuple(
        VideoObject(
            track + shift,
            stem,
            _category(sequence, track, names),
            label=str(track),
        )
        for track, stem in sorted(first.items())
    )
    wanted = [stem for stem in dict.fromkeys([*stems, *annotated]) if stem in files]
    order = {stem: position for position, stem in enumerate(files)}
    frames = tuple(
        Frame(stem, files[stem], layers=layers.get(stem))
        for stem in sorted(wanted, key=order.__getitem__)
    )
    return Video(sequence.name, frames, objects, tuple(annotated), listing=sequence.path)


def _category(sequence: _Sequence, track: int, names: dict[int, str]) -> str:
    number = sequence.categories.get(track)
    if number is None or number not in names:
        raise DataError(
            f"track {track} of video {sequence.name} has "
            + ("no category" if number is None else f"the unknown category {number}"),
            where=sequence.path,
            remedy=CHECK,
        )
    return f"{number}:{names[number]}"


def _index(root: Path, split: str) -> dict[str, frozenset[str]]:
    sequences, names = _read(annotation_file(root, split))
    return {
        sequence.name: frozenset(_category(sequence, track, names) for track in sequence.categories)
        for sequence in sequences
    }


SPEC = VideoDatasetSpec(
    name="burst",
    title="BURST, exemplar-guided, many kinds of objects",
    splits=SPLITS,
    load=_load,
    ground_truth_splits=SPLITS,
    scoring=ScoringRule("hota", skip_first=False, skip_last=False),
    submissions={
        split: SubmissionProfile(
            format="burst-json",
            note="scored locally: one JSON file like the annotations, with run-length codes",
        )
        for split in ("val", "test")
    },
    where="github.com/Ali2500/BURST-benchmark (annotations); frames from TAO",
    index=_index,
)
