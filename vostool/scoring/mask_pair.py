"""Two id masks of a frame looked at once: where either changes is all that J and F depend on.

Objects are few and compact, so that a mask is told by its runs (for areas and overlaps) and by the
pixels at which a 2 x 2 block is not uniform (for boundaries). Both come from comparing the joint
mask with itself, shifted; everything after that works on a few thousand numbers per frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BANDS = 16
"""Parts of a mask that are tried for whether anything is in them."""


class Workspace:
    """Arrays that are used again for every frame; one per thread.

    Fresh arrays of a frame's size cost more, in page faults, than what is done with them.
    """

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, np.dtype], np.ndarray] = {}

    def array(self, name: str, dtype: type, size: int) -> np.ndarray:
        """A flat array with undefined content, valid until the same name is asked for again."""
        key = (name, np.dtype(dtype))
        held = self._arrays.get(key)
        if held is None or held.size < size:
            held = self._arrays[key] = np.empty(size, dtype)
        return held[:size]


@dataclass(frozen=True)
class MaskPair:
    """What is needed of a predicted and a true id mask `[H, W]`.

    Attributes:
        size: (H, W).
        overlap: float64 `[P, Q]`; pixels with predicted id p and true id q, whole numbers. P and Q
            exceed the highest id there is.
        position: int32 or int64 `[M]`, ascending flat indices (y * W + x) of all pixels whose 2 x 2
            block (itself, right, below, below right; clamped at the border) is not uniform in both
            masks, and possibly some others.
        predicted: uint8 `[4, M]`, predicted ids in that block.
        truth: uint8 `[4, M]`, true ids in that block.
    """

    size: tuple[int, int]
    overlap: np.ndarray
    position: np.ndarray
    predicted: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(
        cls, predicted: np.ndarray, truth: np.ndarray, workspace: Workspace | None = None
    ) -> MaskPair:
        """Build from two uint8 id masks of equal size.

        Raises:
            ValueError: the masks differ in size, are empty, or are not uint8 `[H, W]`.
        """
        _check(predicted, truth)
        height, width = truth.shape
        workspace = workspace or Workspace()
        joint, bits = _joint(predicted.reshape(-1), truth.reshape(-1), workspace)
        position = _changes(joint, width, workspace)
        block = np.take(joint, _block(position, height, width))
        return cls(
            size=(height, width),
            overlap=_overlap(joint, position, bits),
            position=position,
            predicted=(block >> bits[1]).astype(np.uint8, copy=False),
            truth=(block & ((1 << bits[1]) - 1)).astype(np.uint8, copy=False),
        )

    def areas(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels of each object in the prediction, in the truth, and in both; float64 `[N]`."""
        sides = self.overlap.shape
        predicted, truth = (np.where(ids < side, ids, 0) for side in sides)
        in_predicted = np.where(ids < sides[0], self.overlap.sum(1)[predicted], 0.0)
        in_truth = np.where(ids < sides[1], self.overlap.sum(0)[truth], 0.0)
        both = np.where(ids < min(sides), self.overlap[predicted, truth], 0.0)
        return in_predicted, in_truth, both

    def overlaps(self, ids: np.ndarray) -> np.ndarray:
        """Pixels that each true object (rows) shares with each predicted one, float64 `[N, N]`."""
        side = max(*self.overlap.shape, int(ids.max(initial=0)) + 1)
        whole = np.zeros((side, side))
        whole[: self.overlap.shape[0], : self.overlap.shape[1]] = self.overlap
        return whole[np.ix_(ids, ids)].T

    def predicted_ids(self) -> np.ndarray:
        """Ids in the prediction, background left out, ascending."""
        return np.flatnonzero(self.overlap[1:].sum(1)) + 1


def _check(predicted: np.ndarray, truth: np.ndarray) -> None:
    for name, mask in (("predicted", predicted), ("true", truth)):
        if mask.ndim != 2 or mask.dtype != np.uint8 or not mask.size:
            raise ValueError(f"the {name} mask must be uint8 [H, W], got {mask.dtype} {mask.shape}")
    if predicted.shape != truth.shape:
        raise ValueError(f"masks differ in size: predicted {predicted.shape}, true {truth.shape}")


def _joint(
    predicted: np.ndarray, truth: np.ndarray, workspace: Workspace
) -> tuple[np.ndarray, tuple[int, int]]:
    """One flat array that holds both ids of a pixel, and the bits that either takes.

    One byte holds both where the ids are small, and halves the memory to walk through.
    """
    bits = (int(predicted.max()).bit_length(), int(truth.max()).bit_length())
    kind = np.uint8 if sum(bits) <= 8 and bits[1] < 8 else np.uint16
    joint = workspace.array("joint", kind, truth.size)
    # Times, not shift: numpy vectorises the product of bytes, and it is eight times as fast.
    np.multiply(predicted, kind(1 << bits[1]), out=joint, dtype=kind)
    np.bitwise_or(joint, truth, out=joint)
    return joint, bits


def _overlap(joint: np.ndarray, position: np.ndarray, bits: tuple[int, int]) -> np.ndarray:
    """Joint histogram, from the last pixels of the runs of equal values in reading order.

    `position` has all of those but the last pixel of all.
    """
    following = np.minimum(position + 1, joint.size - 1)
    changes = np.flatnonzero(np.take(joint, position) != np.take(joint, following))
    ends = np.append(np.take(position, changes), joint.size - 1)
    lengths = np.diff(ends, prepend=-1)
    shape = (1 << bits[0], 1 << bits[1])
    return np.bincount(np.take(joint, ends), lengths, shape[0] * shape[1]).reshape(shape)


def _changes(joint: np.ndarray, width: int, workspace: Workspace) -> np.ndarray:
    """Flat indices at which a 2 x 2 block may be not uniform.

    Flat shifts take a row's last pixel for the neighbour of the next row's first, so that a few
    uniform blocks are listed too: they are clamped later and then drop out.
    """
    changed = workspace.array("changed", np.bool_, joint.size)
    np.not_equal(joint[1:], joint[:-1], out=changed[:-1])
    changed[-1] = False
    start, stop = _extent(changed, width)
    rows, changed = joint[start:stop], changed[start:stop]
    other = workspace.array("other", np.bool_, rows.size)
    for shift in (width, width + 1):
        if shift < rows.size:
            np.not_equal(rows[shift:], rows[:-shift], out=other[:-shift])
            np.logical_or(changed[:-shift], other[:-shift], out=changed[:-shift])
    return np.flatnonzero(changed) + start


def _extent(changed: np.ndarray, width: int) -> tuple[int, int]:
    """A range that holds all rows with changes along the row, and the row before the first.

    All pixels outside are equal to their neighbours on the right and below: where neighbouring rows
    are uniform but differ, the step from one to the next is a change in reading order too.
    """
    band = -(-changed.size // BANDS)
    filled = [
        start for start in range(0, changed.size, band) if changed[start : start + band].any()
    ]
    if not filled:
        return 0, 0
    return max(filled[0] - width - 1, 0), min(filled[-1] + band + width + 1, changed.size)


def _block(position: np.ndarray, height: int, width: int) -> np.ndarray:
    """Flat indices `[4, M]` of a pixel, its right, lower and lower right neighbour, clamped."""
    block = np.empty((4, len(position)), np.int64)
    y = position // width
    block[0] = position
    np.add(position, position - y * width < width - 1, out=block[1])
    np.add(block[:2], np.where(y < height - 1, width, 0), out=block[2:])
    return block
