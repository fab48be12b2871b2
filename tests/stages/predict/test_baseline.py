"""The copied masks, checked on generated videos with a late object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.datasets.catalogue import load_videos
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data
from vostool.stages.predict.baseline import baseline


def test_masks_stay_where_they_were_given(tmp_path: Path) -> None:
    options = DemoDataOptions(
        train_videos=1, valid_videos=1, frames=12, height=64, width=96, late_every=1
    )
    make_demo_data(tmp_path / "data", options=options)
    folder = baseline(
        Selection("youtubevos2019", tmp_path / "data", "valid"), Output(tmp_path / "out")
    )
    (video,) = load_videos("youtubevos2019", tmp_path / "data", "valid")
    masks = [
        read_mask(folder / "Annotations" / video.name / f"{f}.png") for f in video.output_frames
    ]
    assert len(masks) > 2
    late = max(video.objects, key=lambda item: item.first_frame)
    assert late.first_frame > video.output_frames[0]
    for name, mask in zip(video.output_frames, masks, strict=True):
        assert (late.id in mask) == (name >= late.first_frame)
        if name < late.first_frame:
            assert np.array_equal(mask, masks[0])
    assert np.array_equal(masks[-1][masks[-1] != late.id], masks[0][masks[-1] != late.id])


@pytest.mark.parametrize("place", ["valid/Annotations", "valid", ".", "link"])
def test_overwriting_never_touches_the_annotations(tmp_path: Path, place: str) -> None:
    root = tmp_path / "data"
    options = DemoDataOptions(train_videos=1, valid_videos=1, frames=3, height=48, width=64)
    make_demo_data(root, options=options)
    (root / "link").symlink_to(root / "valid" / "Annotations")
    before = {path: path.read_bytes() for path in root.rglob("*.png")}
    with pytest.raises(UsageError, match="what is read"):
        baseline(Selection("youtubevos2019", root, "valid"), Output(root / place, overwrite=True))
    assert {path: path.read_bytes() for path in root.rglob("*.png")} == before


def test_again_into_the_same_folder(tmp_path: Path) -> None:
    options = DemoDataOptions(train_videos=1, valid_videos=1, frames=3, height=48, width=64)
    videos = Selection("youtubevos2019", make_demo_data(tmp_path / "d", options=options), "valid")
    first = baseline(videos, Output(tmp_path / "out"))
    assert baseline(videos, Output(tmp_path / "out", overwrite=True)) == first
