"""One video of a user's own with its first masks, as `vostool infer clip.mp4 --mask` notes it.

The root is a file, `video.json` of a prediction folder: `{"video": "../../clip.mp4", "masks":
{"00000": {"1": {"size": [480, 854], "counts": "..."}}}}`, the path seen from that file, the masks
as COCO's run-length codes by frame and object id.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from vostool.core.errors import DataError
from vostool.core.files import write_json
from vostool.core.reading import read_json
from vostool.core.typed import parse_as
from vostool.core.types import EncodedMask, Video
from vostool.datasets.layout import build_videos, safe_name
from vostool.datasets.own_video import Footage, GivenMasks, read_footage, video_of
from vostool.datasets.spec import ScoringRule, VideoDatasetSpec

SPLIT = "all"
FILE = "video.json"
LAYOUT = "vostool infer clip.mp4 --mask first.png writes the file video.json of this data set"
REMEDY = "give the movie and its masks again (vostool infer clip.mp4 --mask first.png)"


class _Code(BaseModel):
    size: tuple[int, int]
    counts: str


class _Description(BaseModel):
    """The file.

    Attributes:
        video: movie file or folder of frames, seen from the file's folder.
        left_out: names of files of that folder that are no frames.
        masks: per frame and object id.
    """

    video: str = Field(min_length=1)
    left_out: list[str] = Field(default_factory=list)
    masks: dict[str, dict[Annotated[int, Field(ge=1, lt=255)], _Code]]


def write_description(
    file: Path, video: str, masks: GivenMasks, left_out: tuple[str, ...] = ()
) -> None:
    """Write a root of this data set, atomically.

    Args:
        video: path of the movie or the folder of frames, seen from the file's folder.
        left_out: names of files of that folder that are no frames.
    """
    codes: dict[str, Any] = {
        frame: {
            str(number): {"size": list(code.size), "counts": code.counts.decode("ascii")}
            for number, code in objects.items()
        }
        for frame, objects in masks.items()
    }
    write_json(file, {"video": video, "left_out": list(left_out), "masks": codes})


def _load(root: Path, split: str) -> list[Video]:
    """The one video.

    Raises:
        DataError: the file or the video is missing or damaged, or they do not fit.
    """
    file = root / FILE if root.is_dir() else root
    told = parse_as(_Description, read_json(file, remedy=REMEDY), file, remedy=REMEDY)
    source = file.parent / told.video
    if not source.exists():
        raise DataError(
            f"the video is no longer in {source}",
            where=file,
            remedy='put it back, or correct "video" in this file',
        )
    masks = {
        frame: {
            number: EncodedMask(code.size, code.counts.encode("ascii", "replace"))
            for number, code in objects.items()
        }
        for frame, objects in told.masks.items()
    }
    footage: Footage = read_footage(source, [source / name for name in told.left_out])
    name = safe_name(footage.name, source)
    return build_videos([name], lambda _: video_of(footage, masks, str(file)))


SPEC = VideoDatasetSpec(
    name="own",
    title="one video of one's own, as infer has noted it",
    splits=(SPLIT,),
    load=_load,
    ground_truth_splits=(),
    scoring=ScoringRule("davis", skip_first=True, skip_last=False),
    where=LAYOUT,
)
