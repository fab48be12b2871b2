"""Clips synthesized from stills, written as a data set in the DAVIS 2017 layout."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import ValidationError

from vostool.core.console import progress
from vostool.core.durable import make_durable
from vostool.core.errors import DataError, OutputError, UsageError
from vostool.core.files import atomic_path, write_json, write_text
from vostool.core.folder_lock import without_locks
from vostool.core.output import Output
from vostool.core.reading import read_json
from vostool.core.threads import ordered_map
from vostool.datasets.layout import list_files
from vostool.datasets.still_catalogue import load_stills
from vostool.datasets.still_masks import AnyMask
from vostool.datasets.still_spec import Still
from vostool.media.images import read_image
from vostool.media.masks import read_mask, write_mask
from vostool.reporting.overlay import draw_overlay
from vostool.training.synthesis.pasting import PasteOptions
from vostool.training.synthesis.still_clips import StillClips
from vostool.training.synthesis.synthesize import SynthesisOptions

IMAGES, ANNOTATIONS = Path("JPEGImages", "480p"), Path("Annotations", "480p")
TRAIN_LIST = Path("ImageSets", "2017", "train.txt")
RECORD, CONTACT_SHEET = "synthesis.json", "contact-sheet.png"
SHEET_CLIPS, SHEET_HEIGHT = 12, 160
JPEG_QUALITY = 95
SMALLEST, LARGEST = 16, 4096


@dataclass(frozen=True)
class SynthesisResult:
    """What was written.

    Attributes:
        folder: the data set, which `--dataset davis2017 --split train` reads.
        clips: clips in it.
        kept: those that were there already.
        contact_sheet: PNG with the first clips, plain and with coloured masks.
    """

    folder: Path
    clips: int
    kept: int
    contact_sheet: Path


def find_stills(kind: str, root: Path, masks: Path | None = None) -> list[Still]:
    """Stills of a source, or of an image folder whose masks lie in another folder.

    Raises:
        UsageError: unknown kind.
        DataError: a folder is missing, or no image has a mask of the same name.
    """
    if masks is None:
        return load_stills(kind, root)
    for folder in (root, masks):
        if not Path(folder).is_dir():
            raise DataError("the folder is missing", where=folder, remedy="check the path")
    images, found = list_files(Path(root)), list_files(Path(masks))
    stills = [Still(s, path, AnyMask(found[s])) for s, path in images.items() if s in found]
    if not stills:
        raise DataError(
            f"none of {len(images)} images has a mask of the same name among {len(found)}",
            where=masks,
            remedy="name a mask like its image, such as 0001.jpg and 0001.png",
        )
    return stills


def clip_options(
    size: str, *, frames: int = 3, max_objects: int = 3, paste: float = 0.5
) -> SynthesisOptions:
    """Options with a size such as "384x640" (height x width).

    Raises:
        UsageError: not a size, or one below 16 pixels.
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size.strip().lower())
    crop = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(SMALLEST <= side <= LARGEST for side in crop):
        raise UsageError(
            f"cannot use the size {size!r}",
            remedy=f"write HEIGHTxWIDTH from {SMALLEST} to {LARGEST}, such as 384x640",
        )
    pasting = PasteOptions(probability=paste)
    return SynthesisOptions(crop=crop, frames=frames, max_objects=max_objects, paste=pasting)


def synthesize(
    stills: Sequence[Still],
    output: Output,
    *,
    clips: int,
    options: SynthesisOptions,
    seed: int = 0,
) -> SynthesisResult:
    """Write clips made from stills as a data set; clip k depends on (seed, k) alone.

    The list of clips comes last, so an interrupted run leaves no data set that looks complete.

    Args:
        clips: how many; resuming with more goes on from those that are there.
        output: overwriting replaces a set of an earlier run; other folders are not touched.

    Raises:
        OutputError: the folder holds something else, or clips made in another way.
        DataError: unreadable stills, or none with a large enough object.
    """
    source = StillClips(stills, options, samples=clips, seed=seed)
    inputs = {still.image.parent for still in stills}
    with output.owned(inputs):
        out = output.claim_folder(inputs)
        _prepare(out, _record(stills, options, seed), resume=bool(output.resume))
        (out / TRAIN_LIST).unlink(missing_ok=True)
        todo = [k for k in range(clips) if not _finished(out, k, options.frames)]
        _write_all(source, out, todo)
        write_text(out / TRAIN_LIST, "".join(f"{clip_name(k)}\n" for k in range(clips)))
        sheet = write_contact_sheet(out, [clip_name(k) for k in range(min(clips, SHEET_CLIPS))])
        return SynthesisResult(out, clips, clips - len(todo), sheet)


def clip_name(number: int) -> str:
    """Folder name of a clip."""
    return f"clip-{number:06d}"


def write_contact_sheet(root: Path, names: Sequence[str]) -> Path:
    """Draw clips one below the other, frames on the left and with coloured masks on the right."""
    rows = []
    for name in names:
        images = [read_image(p) for p in list_files(root / IMAGES / name).values()]
        masks = [read_mask(p) for p in list_files(root / ANNOTATIONS / name).values()]
        drawn = [draw_overlay(image, mask) for image, mask in zip(images, masks)]
        height, width = images[0].shape[:2]
        small = round(width * SHEET_HEIGHT / height), SHEET_HEIGHT
        tiles = [cv2.resize(x, small, interpolation=cv2.INTER_AREA) for x in images + drawn]
        rows.append(np.concatenate(tiles, axis=1))
    target = root / CONTACT_SHEET
    _write_image(target, np.concatenate(rows), ())
    return target


def _write_all(source: StillClips, out: Path, todo: Sequence[int]) -> None:
    """Write clips in threads, which share the work well because decoders and warps release GIL."""
    with progress("synthesize", len(todo), "clips") as bar:
        for _ in ordered_map(lambda number: _write_clip(source, out, number), todo):
            bar.advance()


def _write_clip(source: StillClips, out: Path, number: int) -> None:
    """Write one clip; its last mask comes last."""
    images, labels = source.arrays(number)
    name = clip_name(number)
    quality = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    for index, image in enumerate(images):
        _write_image(out / IMAGES / name / f"{index:05d}.jpg", image, quality)
    *masks, last = [out / ANNOTATIONS / name / f"{index:05d}.png" for index in range(len(labels))]
    for path, mask in zip(masks, labels):
        write_mask(path, mask)
    # The last mask says that the clip is finished: no power cut may leave it without the others.
    make_durable([*masks, *list_files(out / IMAGES / name).values()])
    write_mask(last, labels[-1])
    make_durable([last])


def _write_image(path: Path, image: np.ndarray, parameters: Sequence[int]) -> None:
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters)
    if not done:
        raise OutputError("the image could not be encoded", where=path)
    with atomic_path(path, durable=False) as temporary:
        temporary.write_bytes(data.tobytes())


def _finished(out: Path, number: int, frames: int) -> bool:
    return (out / ANNOTATIONS / clip_name(number) / f"{frames - 1:05d}.png").is_file()


def _record(stills: Sequence[Still], options: SynthesisOptions, seed: int) -> dict[str, Any]:
    """What decides the clips, to refuse to mix differently made ones."""
    return {
        "made_by": "vostool synthesize",
        "seed": seed,
        "stills": {"count": len(stills), "first": stills[0].name, "last": stills[-1].name},
        "options": options.model_dump(mode="json"),
    }


def _prepare(out: Path, record: dict[str, Any], *, resume: bool) -> None:
    """Check what an earlier run left, and clear it away unless it is to be continued."""
    path = out / RECORD
    if path.is_file():
        try:
            earlier = read_json(path)
        except DataError:
            earlier = None
        if resume and _completed(earlier) == record:
            return
        if resume:
            raise OutputError(
                "the clips there were made from other stills or with other options",
                where=out,
                remedy="use the same ones, another folder, or --overwrite",
            )
        _clear(out)
    elif without_locks(out.iterdir()):
        raise OutputError(
            f"the folder holds files that are not a synthesized data set (no {RECORD})",
            where=out,
            remedy="choose another folder",
        )
    write_json(path, record)


def _completed(record: Any) -> Any:
    """A record with the options that were not there yet when it was written, at their defaults."""
    if not isinstance(record, dict) or not isinstance(record.get("options"), dict):
        return record
    try:
        options = SynthesisOptions.model_validate(record["options"])
    except ValidationError:
        return record
    return {**record, "options": options.model_dump(mode="json")}


def _clear(out: Path) -> None:
    """Remove an earlier run's clips, and nothing else."""
    for folder in (out / IMAGES, out / ANNOTATIONS):
        for clip in folder.glob("clip-" + "[0-9]" * 6):
            shutil.rmtree(clip)
