"""What is in videos and stills, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np

from vostool.core.errors import DataError
from vostool.core.types import Frame, Video
from vostool.datasets.annotations import annotation_place, annotation_size
from vostool.datasets.catalogue import annotation, given_mask, void_warning
from vostool.datasets.still_spec import Still
from vostool.media.images import frame_size, image_size, open_image, read_frame
from vostool.media.reader import FrameReader

Result = TypeVar("Result")


@dataclass
class Inventory:
    """Findings for one video or still.

    Attributes:
        name: the video or still.
        frames: images.
        annotated: images with a mask.
        objects: objects to follow; for stills, objects in the mask.
        late: objects whose mask is given after the first frame.
        sizes: "height x width" -> images.
        encodings: such as "PNG P" -> masks.
        problems: sentences; anything here makes the check fail.
        warnings: sentences about what is allowed but odd.
    """

    name: str
    frames: int = 0
    annotated: int = 0
    objects: int = 0
    late: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DataReport:
    """All findings; `videos` counts the videos, or the stills, that could be looked at."""

    title: str
    items: tuple[Inventory, ...]
    loading_problems: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong, one sentence each."""
        found = list(self.loading_problems)
        return found + [sentence for item in self.items for sentence in item.problems]

    @property
    def warnings(self) -> list[str]:
        """Everything that is odd, one sentence each."""
        return [sentence for item in self.items for sentence in item.warnings]

    def total(self, attribute: str) -> int:
        """Sum of a count over all videos."""
        return sum(getattr(item, attribute) for item in self.items)

    def counts(self, attribute: str) -> Counter[str]:
        """Sum of `sizes` or `encodings` over all videos."""
        return sum((getattr(item, attribute) for item in self.items), Counter())


def check_video(video: Video, quick: bool) -> Inventory:
    """Look at one video; `quick` reads headers of images and the masks in which objects start."""
    first = video.frames[0].name
    item = Inventory(
        video.name,
        frames=len(video.frames),
        annotated=sum(frame.annotated for frame in video.frames),
        objects=len(video.objects),
        late=sum(found.first_frame != first for found in video.objects),
    )
    if not video.objects:
        item.warnings.append(f"video {video.name} has no object")
    sizes = _sizes(video, quick, item)
    item.sizes.update(sizes)
    if len(set(sizes)) > 1:
        item.warnings.append(
            f"video {video.name} has frames of {len(set(sizes))} sizes: "
            + ", ".join(sorted(set(sizes)))
        )
    for frame in video.frames:
        if frame.annotated:
            _check_masks(video, frame, quick, item)
    return item


def _sizes(video: Video, quick: bool, item: Inventory) -> list[str]:
    """Sizes of all frames that can be read; the others become problems."""
    if quick:
        frames: Iterable[Frame] = video.frames
        if video.frames[0].movie_index is not None:
            frames = islice(video.frames, 1)
        return [_text(size) for frame in frames if (size := _try(partial(frame_size, frame), item))]
    if video.frames[0].movie_index is not None:
        images = _try(lambda: [image.shape[:2] for _, image in FrameReader(video)], item)
        return [_text(size) for size in images or []]
    return [_text(size) for size in _decoded_sizes(video, item)]


def _decoded_sizes(video: Video, item: Inventory) -> Iterator[tuple[int, int]]:
    for frame in video.frames:
        image = _try(partial(read_frame, frame), item)
        if image is not None:
            yield image.shape[0], image.shape[1]


def _check_masks(video: Video, frame: Frame, quick: bool, item: Inventory) -> None:
    """Check one annotation; in quick mode only the header, unless objects start there."""
    encoding = _try(lambda: _encoding(frame), item)
    if encoding is None:
        return
    item.encodings[encoding] += 1
    starting = [found.id for found in video.new_objects(frame.name)]
    if starting:
        given = _try(lambda: given_mask(video, frame), item)
        if given is not None:
            missing = sorted(set(starting) - set(np.unique(given).tolist()))
            item.warnings += [
                f"object {value} of video {video.name} has no pixel in frame {frame.name}, where "
                "it should start: it will never be segmented"
                for value in missing
            ]
            void = void_warning(video, frame)
            item.warnings += [void] if void else []
        else:
            return
    if quick:
        return
    mask = _try(lambda: annotation(video, frame), item)
    unlisted = set(np.unique(mask).tolist()) - {0, *video.ids} if mask is not None else set()
    if unlisted:
        item.warnings.append(
            f"the mask of frame {frame.name} of video {video.name} has ids that are not listed "
            f"as objects: {', '.join(map(str, sorted(unlisted)))}"
        )


def _encoding(frame: Frame) -> str:
    """File format and mode of a mask; its size must be the frame's.

    Raises:
        DataError: unreadable, or of another size.
    """
    text, size = "one mask per object", annotation_size(frame)
    if frame.annotation is not None:
        with open_image(frame.annotation) as image:
            text, size = f"{image.format} {image.mode}", (image.height, image.width)
    if size is None:
        return text
    if frame.movie_index is None and size != image_size(frame.image):
        raise DataError(
            f"the mask is {_text(size)}, but its frame is {_text(image_size(frame.image))}",
            where=annotation_place(frame),
            remedy="give the mask at the size of the frame",
        )
    return text


def check_still(still: Still, quick: bool) -> Inventory:
    """Look at one still image; `quick` reads the image's header only."""
    item = Inventory(still.name, frames=1, annotated=1)
    if quick:
        size = _try(lambda: image_size(still.image), item)
        item.sizes.update([_text(size)] if size else [])
        return item
    pair = _try(still.read, item)
    if pair is not None:
        image, mask = pair
        item.sizes[_text(image.shape[:2])] += 1
        item.objects = int(np.count_nonzero(np.bincount(mask.ravel(), minlength=256)[1:]))
        if not item.objects:
            item.warnings.append(f"the mask of {still.name} is empty")
    return item


def _try(action: Callable[[], Result], item: Inventory) -> Result | None:
    """The result, or None after noting the problem."""
    try:
        return action()
    except DataError as error:
        sentence = str(error)
        if sentence not in item.problems:
            item.problems.append(sentence)
        return None


def _text(size: tuple[int, ...]) -> str:
    return f"{size[0]} x {size[1]}"
