"""Statistics of training clips: by hand on squares, and what recipes' values give on real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vostool.datasets.split import SplitFile, write_split
from vostool.recipe import load_recipe
from vostool.stages.train.training_data import DataFolders, training_clips

NEAR = "synthesis.window=1.0 synthesis.continued=0.3 synthesis.motion.shift=0.2"
"""With these centroids move as far per frame as in STCN's and AOT's recipes (0.086 to 0.107)."""


def test_motion_is_a_part_of_the_crop(script) -> None:
    labels = np.zeros((4, 40, 80), np.uint8)
    labels[0, 4:8, 10:14] = 1
    labels[1, 4:8, 18:22] = 1  # a tenth of the width
    labels[2, 12:16, 18:22] = 1  # a fifth of the height
    labels[0, 20:30, 40:50] = 2
    labels[3, 23:33, 48:58] = 2  # not seen in between
    labels[:, 0, 0] = 255
    assert script("clip_statistics").centroid_motion(labels) == pytest.approx([0.1, 0.2])


def clips_of(
    shared_data: Path, tmp_path: Path, name: str, entry: str, folder: str, count: int, *sets: str
):
    split = None
    if folder == "DAVIS":
        split = tmp_path / "split.json"
        lists = (shared_data / "DAVIS/ImageSets/480p/train.txt").read_text()
        names = sorted({line.split("/")[3] for line in lists.splitlines()})
        write_split(split, SplitFile("davis2016", "train", 0, tuple(names[3:]), tuple(names[:3])))
    places = DataFolders.parse([f"{entry}={shared_data / folder}"], split)
    clips = training_clips(load_recipe(name, sets), places, samples=count)
    return [clips[number] for number in range(count)]


def test_davis_clips_have_several_objects_once_merged(
    script, shared_data: Path, tmp_path: Path
) -> None:
    data = ("stm-mnv2-small", "davis2016", "DAVIS", 10)
    size = ["clip.crop=[96,160]", "clip.short_side=[96,128]"]
    found = script("clip_statistics").statistics(clips_of(shared_data, tmp_path, *data, *size))
    assert (found.several, found.objects) == (0, 1)
    merged = ["merge.probability=1", "merge.labelled=1", "merge.min_area=20"]
    found = script("clip_statistics").statistics(
        clips_of(shared_data, tmp_path, *data, *size, *merged)
    )
    assert found.several >= 0.6
    clips = clips_of(shared_data, tmp_path, *data, *size, *merged)
    script("clip_statistics").write_sheet(clips[:2], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").is_file()


def test_motion_of_stills_reaches_that_of_other_recipes(
    script, shared_data: Path, tmp_path: Path
) -> None:
    data = ("stm-mnv2-small-pretrain", "static", "stills", 30)
    plain = ["synthesis.paste.probability=0"]
    before = script("clip_statistics").statistics(clips_of(shared_data, tmp_path, *data, *plain))
    assert before.motion < 0.05
    values = [*plain, *NEAR.split(), "synthesis.motion.scale=[0.8,1.25]"]
    after = script("clip_statistics").statistics(clips_of(shared_data, tmp_path, *data, *values))
    assert 0.07 < after.motion < 0.13
    assert after.growth > before.growth
