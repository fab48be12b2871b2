"""The prediction folder: the contract between commands, and with other tools.

Masks are palette PNGs, probabilities files of `probability_file`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vostool.core.errors import DataError, UsageError
from vostool.core.listing import require_text, some
from vostool.core.types import VOID, Layer, MaskEncoding, ObjectIds
from vostool.media.images import image_size
from vostool.media.layers import flatten, read_layer
from vostool.media.masks import read_predicted_mask, write_mask
from vostool.predictions.layers import layer_folder, layered_videos
from vostool.predictions.manifest import lacks_parts, read_manifest, unfinished_videos
from vostool.predictions.probability_file import read_probabilities, write_probabilities

MASKS, PROBABILITIES = "Annotations", "Probabilities"
NESTED = "480p"


class PredictionWriter:
    """Writes masks and probabilities below `root`, each file atomically."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def mask_path(self, video: str, frame: str) -> Path:
        """Where the mask of a frame goes."""
        return self.root / MASKS / video / f"{frame}.png"

    def probabilities_path(self, video: str, frame: str) -> Path:
        """Where the probabilities of a frame go."""
        return self.root / PROBABILITIES / video / f"{frame}.npz"

    def write_mask(self, video: str, frame: str, ids: np.ndarray) -> None:
        """Write uint8 `[H, W]` object ids."""
        write_mask(self.mask_path(video, frame), ids)

    def write_layers(self, video: str, frame: str, layers: Mapping[int, np.ndarray]) -> None:
        """Write the masks of objects that may overlap, bool `[H, W]` per id."""
        for number, mask in layers.items():
            path = self.root / MASKS / video / layer_folder(number) / f"{frame}.png"
            write_mask(path, mask.astype(np.uint8))

    def write_probabilities(
        self, video: str, frame: str, planes: np.ndarray, ids: ObjectIds
    ) -> None:
        """Write uint8 `[K+1, H, W]` planes, background first, then in the order of `ids`."""
        write_probabilities(self.probabilities_path(video, frame), planes, ids)

    def is_finished(self, video: str, frames: tuple[str, ...], probabilities: bool) -> bool:
        """Whether every frame of a video is there."""
        return all(
            self.mask_path(video, frame).is_file()
            and (not probabilities or self.probabilities_path(video, frame).is_file())
            for frame in frames
        )

    def discard(self, video: str, frames: Iterable[str]) -> None:
        """Remove what was written of these frames of a video."""
        for frame in frames:
            self.mask_path(video, frame).unlink(missing_ok=True)
            self.probabilities_path(video, frame).unlink(missing_ok=True)
        for folder in (MASKS, PROBABILITIES):
            place = self.root / folder / video
            if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
                place.rmdir()


class PredictionFolder:
    """Reads a prediction folder; `Annotations` alone, from any tool, is enough for masks.

    Accepts `root/Annotations/VIDEO/FRAME.png`, `root/Annotations/480p/VIDEO/FRAME.png` and
    `root/VIDEO/FRAME.png`; and, where objects may overlap, `VIDEO/OBJECT/FRAME.png` in these
    places, OBJECT being the object's id less one with three digits, as in SA-V. A folder that holds
    masks itself is a video of its name.

    Args:
        only: names of the videos to look at, whatever else is there; by default all.

    Raises:
        DataError: no folder, or no masks in it.
        UsageError: it has no video of such a name.
    """

    def __init__(self, root: Path, only: Collection[str] = ()):
        self.root = Path(root)
        if not self.root.is_dir():
            raise DataError("no such prediction folder", where=self.root, remedy="check the path")
        self._masks = _mask_root(self.root)
        folders = sorted(_video_folders(self._masks))
        self._layers = layered_videos(self._masks, {folder.name for folder in folders})
        if not folders and not self._layers and _holds_masks(self.root):
            folders = [self.root.resolve()]
            self._masks = folders[0].parent
        self._videos = {
            folder.name: tuple(sorted(path.stem for path in folder.glob("*.png")))
            for folder in folders
        }
        for name, objects in self._layers.items():
            self._videos[name] = tuple(sorted(frozenset().union(*objects.values())))
        self._videos = dict(sorted(self._videos.items()))
        for name, frames in self._videos.items():
            require_text((name, *frames), self._masks)
        if not self._videos:
            raise DataError(
                "no predicted masks here",
                where=self.root,
                remedy="expected Annotations/VIDEO/FRAME.png or VIDEO/FRAME.png in it",
            )
        self._only = frozenset(only)
        if unknown := sorted(self._only - self._videos.keys()):
            raise UsageError(
                f"no such video: {', '.join(unknown)}",
                where=self.root,
                remedy=f"it has {some(self.videos(), 10)}",
            )
        if only:
            self._videos = {name: self._videos[name] for name in self._videos if name in only}

    @cached_property
    def manifest(self) -> dict[str, Any] | None:
        """What `run.json` holds, or None."""
        return read_manifest(self.root)

    def require_finished(self, videos: Collection[str] | None = None) -> None:
        """Refuse what a run has begun and not finished, by its manifest, where there is one.

        Args:
            videos: names of those that are about to be read; by default all that are looked at.

        Raises:
            DataError: some of them are pending or failed.
        """
        waiting = unfinished_videos(self.manifest)
        videos = self._only if videos is None and self._only else videos
        if videos is not None:
            waiting = tuple(name for name in waiting if name in videos)
        if not waiting and not lacks_parts(self.root):
            return
        which = f"{len(waiting)} videos ({some(waiting, 3)})" if waiting else "the videos of others"
        raise DataError(
            f"these predictions are not finished: {which} of its run are pending or failed",
            where=self.root,
            remedy="go on with that run by --resume, or make the folder anew",
        )

    @property
    def has_probabilities(self) -> bool:
        """Whether every frame of every video has probabilities."""
        return (self.root / PROBABILITIES).is_dir() and all(
            self.probabilities_path(video, frame).is_file()
            for video, frames in self._videos.items()
            for frame in frames
        )

    def videos(self) -> tuple[str, ...]:
        """Names of the videos, sorted."""
        return tuple(self._videos)

    def frames(self, video: str) -> tuple[str, ...]:
        """Names of a video's frames, sorted. Raises KeyError if the video is not here."""
        return self._videos[video]

    def is_layered(self, video: str) -> bool:
        """Whether the objects of a video have masks of their own, which may overlap."""
        return video in self._layers

    def layer_ids(self, video: str, frame: str) -> tuple[int, ...]:
        """Ids of the objects that have a mask of their own in this frame."""
        return tuple(i for i, frames in self._layers[video].items() if frame in frames)

    def layers(self, video: str, frame: str) -> dict[int, np.ndarray]:
        """Masks of the objects of a layered video, bool `[H, W]` per id."""
        paths = {i: self.layer_path(video, i, frame) for i in self.layer_ids(video, frame)}
        return {i: read_layer(Layer(i, path, str(path))) for i, path in paths.items()}

    def layer_path(self, video: str, number: int, frame: str) -> Path:
        """File of the mask of one object."""
        return self._masks / video / layer_folder(number) / f"{frame}.png"

    def mask_path(self, video: str, frame: str) -> Path:
        """File of a mask; of the first object's where objects have masks of their own."""
        if video in self._layers:
            first = next(iter(self.layer_ids(video, frame)), min(self._layers[video]))
            return self.layer_path(video, first, frame)
        return self._masks / video / f"{frame}.png"

    def probabilities_path(self, video: str, frame: str) -> Path:
        """File of a frame's probabilities; it need not exist."""
        return self.root / PROBABILITIES / video / f"{frame}.npz"

    def size(self, video: str, frame: str) -> tuple[int, int]:
        """Height and width of a mask, from its header."""
        return image_size(self.mask_path(video, frame))

    def mask(
        self, video: str, frame: str, encoding: MaskEncoding = MaskEncoding.INDEXED
    ) -> np.ndarray:
        """uint8 `[H, W]` object ids; of overlapping objects the smaller one.

        Args:
            encoding: what the data set's masks mean; with BINARY one object may be 0 and 255.

        Raises:
            DataError: unreadable; 255, which is no id; not of one object where there is one; masks
                of one frame that differ in size.
        """
        if video in self._layers:
            return self._flat(video, frame)
        path = self.mask_path(video, frame)
        ids = read_predicted_mask(path, encoding)
        if ids.max(initial=0) == VOID:
            raise DataError(
                "the mask holds 255, which is no object id",
                where=path,
                remedy="save one object as 0 and 1; 0 and 255 are understood for data sets of one "
                "object (--dataset)",
            )
        return ids

    def _flat(self, video: str, frame: str) -> np.ndarray:
        layers, size = self.layers(video, frame), self.size(video, frame)
        for number, mask in layers.items():
            if mask.shape != size:
                raise DataError(
                    f"object {number} has a mask of another size than the others of its frame",
                    where=self.layer_path(video, number, frame),
                    remedy="make all masks of a frame of one size",
                )
        return flatten(layers, size)

    def probabilities(self, video: str, frame: str) -> tuple[np.ndarray, ObjectIds]:
        """uint8 planes `[K+1, H, W]`, and the ids that planes 1..K stand for.

        Raises:
            DataError: missing, damaged, not what this tool writes, or not of the mask's size.
        """
        size = self.size(video, frame)
        return read_probabilities(self.probabilities_path(video, frame), size)

    def probability_ids(self, video: str, frame: str) -> ObjectIds:
        """The ids alone, without decompressing the planes."""
        return read_probabilities(self.probabilities_path(video, frame), None)[1]


def _mask_root(root: Path) -> Path:
    base = root / MASKS if (root / MASKS).is_dir() else root
    nested = base / NESTED
    return nested if nested.is_dir() and _holds_videos(nested) else base


def _holds_videos(base: Path) -> bool:
    return bool(_video_folders(base) or layered_videos(base, ()))


def _video_folders(base: Path) -> list[Path]:
    return [
        folder
        for folder in base.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and _holds_masks(folder)
    ]


def _holds_masks(folder: Path) -> bool:
    return any(path.suffix == ".png" for path in folder.iterdir())
