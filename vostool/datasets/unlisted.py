"""Videos in JPEGImages and Annotations without a list of objects: the masks tell."""

from __future__ import annotations

from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.types import Frame, MaskEncoding, Video, VideoObject
from vostool.datasets.layout import CHECK, MASK_SUFFIXES, list_files
from vostool.datasets.objects import empty_first_mask, holds_void, is_binary, objects_of_masks


def build_unlisted(
    name: str, images: Path, annotations: Path, *, first_mask_only: bool = False
) -> Video:
    """One video whose objects are those of its masks; all frames are output frames.

    Args:
        images: folder of the video's frames.
        annotations: folder of the video's masks.
        first_mask_only: decode only the first mask for the list of objects; for training splits,
            where every frame has a mask and objects are drawn from the masks of each clip.

    Raises:
        DataError: no frames, no mask, a mask without a frame, an empty or unreadable first mask.
    """
    frames = list_files(images)
    if not frames:
        raise DataError(f"video {name} has no frames", where=images, remedy=CHECK)
    masks = list_files(annotations, MASK_SUFFIXES)
    if not masks:
        raise DataError(
            f"video {name} has no mask",
            where=annotations,
            remedy="put the mask of its first frame there, under the frame's name with .png",
        )
    return video_of_files(name, frames, masks, first_mask_only=first_mask_only)


def video_of_files(
    name: str, frames: dict[str, Path], masks: dict[str, Path], *, first_mask_only: bool = False
) -> Video:
    """As `build_unlisted`, from frame and mask files by stem, in time order."""
    lost = [path for stem, path in masks.items() if stem not in frames]
    if lost:
        raise DataError(
            f"a mask of video {name} has no frame of the same name",
            where=lost[0],
            remedy="name the mask like its frame",
        )
    in_order = [(stem, masks[stem]) for stem in frames if stem in masks]
    objects, encoding = read_objects(in_order[:1] if first_mask_only else in_order)
    video_frames = tuple(Frame(stem, path, masks.get(stem)) for stem, path in frames.items())
    return Video(name, video_frames, objects, tuple(frames), encoding)


def refuse_void(video: Video) -> Video:
    """The video, unless its first mask has 255 beside object ids: in own data that is an object.

    Raises:
        DataError: it has.
    """
    first = next(frame for frame in video.frames if frame.annotation is not None)
    assert first.annotation is not None
    if video.encoding is MaskEncoding.INDEXED and holds_void(first.annotation):
        raise DataError(
            f"the first mask, frame {first.name} of video {video.name}, has 255 beside other ids, "
            "and 255 is no object's id",
            where=first.annotation,
            remedy="give this object an id of 1 to 254, or make it 0 if it is none",
        )
    return video


def read_objects(
    masks: list[tuple[str, Path]],
) -> tuple[tuple[VideoObject, ...], MaskEncoding]:
    """Objects and encoding of masks given as (frame name, file) in time order, at least one.

    Raises:
        DataError: a mask is unreadable, or none holds an object.
    """
    objects = objects_of_masks(masks)
    if objects:
        return objects, MaskEncoding.INDEXED
    white = next((name for name, path in masks if is_binary(path)), None)
    if white is not None:
        return (VideoObject(1, white),), MaskEncoding.BINARY
    name, path = masks[0]
    raise empty_first_mask(path, name)
