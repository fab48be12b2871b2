"""What changed between predictions, against sets of pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vostool.core.errors import DataError
from vostool.core.types import Frame, Video
from vostool.media.masks import write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.reporting.differences import (
    ALL,
    VideoChanges,
    compare_entries,
    differing_shares,
    largest_changes,
)
from vostool.reporting.entry import Entry


def test_shares_against_sets_of_pixels(rng):
    first, second = rng.integers(0, 4, (2, 9, 11), dtype=np.uint8) * 80
    found = differing_shares(first, second)
    assert sorted(found) == [ALL, 80, 160, 240]
    pixels = list(np.ndindex(9, 11))
    for number in (80, 160, 240):
        one = {p for p in pixels if first[p] == number}
        two = {p for p in pixels if second[p] == number}
        assert found[number] == pytest.approx(len(one ^ two) / len(one | two))
    labelled = [p for p in pixels if first[p] or second[p]]
    differing = [p for p in labelled if first[p] != second[p]]
    assert found[ALL] == pytest.approx(len(differing) / len(labelled))


def test_equal_and_empty_masks():
    mask = np.zeros((3, 4), np.uint8)
    assert differing_shares(mask, mask) == {}
    mask[1] = 254
    assert differing_shares(mask, mask) == {ALL: 0.0, 254: 0.0}
    assert differing_shares(mask, 0 * mask) == {ALL: 1.0, 254: 1.0}


def entry(root: Path, label: str, masks: list[np.ndarray]) -> Entry:
    for number, mask in enumerate(masks):
        write_mask(root / label / "v" / f"{number}.png", mask)
    return Entry(label, PredictionFolder(root / label), None)


def test_all_pairs_are_compared_in_common_frames(tmp_path):
    empty, full = np.zeros((2, 2), np.uint8), np.full((2, 2), 7, np.uint8)
    half = full.copy()
    half[0] = 0
    entries = [
        entry(tmp_path, "a", [empty, full, half]),
        entry(tmp_path, "b", [empty, half, full]),
        entry(tmp_path, "c", [empty, full]),
    ]
    video = Video("v", tuple(Frame(str(n), tmp_path / f"{n}.jpg") for n in range(4)), (), ())
    ((found, changes),) = compare_entries(entries, [video])
    assert (found, changes.frames) == (video, ("0", "1"))
    assert sorted(changes.shares) == [(0, 1), (0, 2), (1, 2)]
    np.testing.assert_array_equal(changes.shares[0, 1][7], [np.nan, 0.5])
    np.testing.assert_array_equal(changes.shares[0, 2][ALL], [np.nan, 0])
    ((_, alone),) = compare_entries(entries[:1], [video])
    assert (alone.frames, alone.shares) == (("0", "1", "2"), {})


def test_masks_of_other_sizes_are_refused(tmp_path):
    entries = [entry(tmp_path, "a", [np.ones((2, 2), np.uint8)])]
    entries += [entry(tmp_path, "b", [np.ones((3, 2), np.uint8)])]
    video = Video("v", (Frame("0", tmp_path / "0.jpg"),), (), ())
    with pytest.raises(DataError, match="wrong size, 3x2 instead of 2x2"):
        list(compare_entries(entries, [video]))


def test_the_largest_changes_are_spread():
    frames = tuple(map(str, range(20)))
    shares = {
        ALL: np.ones(20),
        1: np.linspace(0.9, 1.0, 20),
        2: np.array([np.nan] * 10 + [0.5] + [0.0] * 9),
    }
    changes = {"v": VideoChanges(frames, {(0, 1): shares})}
    found = [(item.id, item.frame) for item in largest_changes(changes, (0, 1), 5)]
    assert found == [(1, "19"), (1, "16"), (1, "13"), (1, "10"), (2, "10")]
    assert len(largest_changes(changes, (0, 1), 2)) == 2
