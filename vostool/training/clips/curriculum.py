"""How far apart the frames of a training clip may be, and how many, as training goes on."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

MASK_PROPAGATION = ((0.0, 5), (0.1, 10), (0.2, 15), (0.3, 20), (0.4, 25), (0.9, 5))
"""Skip of the public Mask-Propagation schedule, annealed at the end."""


@dataclass(frozen=True)
class SkipCurriculum:
    """Largest gap between neighbouring clip frames, and whether a prior is given, by progress.

    It depends on the sample's number alone, so that resumed runs and loading processes agree.

    Attributes:
        breakpoints: (progress in [0, 1) from which it holds, maximum gap in raw video frames).
        samples: samples of the whole phase, for which progress is 1.
        previous_until: progress until which `Clip.previous` is given, where a clip has it.
    """

    breakpoints: tuple[tuple[float, int], ...] = MASK_PROPAGATION
    samples: int = 1
    previous_until: float = 1.0

    def __post_init__(self) -> None:
        starts = [start for start, _ in self.breakpoints]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("curriculum breakpoints must begin at 0 and increase")
        if starts[-1] >= 1 or any(skip < 1 for _, skip in self.breakpoints) or self.samples < 1:
            raise ValueError("curriculum needs breakpoints below 1, gaps and samples of at least 1")

    def gives_previous(self, sample: int) -> bool:
        """Whether sample number `sample` comes with `Clip.previous`."""
        return self.previous_until >= 1 or sample < self.previous_until * self.samples

    def max_skip(self, sample: int) -> int:
        """Limit in raw video frames for sample number `sample`; after the end, the last one."""
        progress = sample / self.samples
        position = bisect_right([start for start, _ in self.breakpoints], progress)
        return self.breakpoints[max(position, 1) - 1][1]


@dataclass(frozen=True)
class LengthSchedule:
    """How many frames a clip has, by progress; the clips of an iteration have equally many.

    Attributes:
        breakpoints: (progress in [0, 1) from which it holds, frames); before the first one, and
            without any, clips are as long as their options say.
        samples: samples of the whole phase, for which progress is 1.
        together: samples of an iteration.
    """

    breakpoints: tuple[tuple[float, int], ...] = ()
    samples: int = 1
    together: int = 1

    def __post_init__(self) -> None:
        starts = [start for start, _ in self.breakpoints]
        if starts != sorted(set(starts)) or any(not 0 <= start < 1 for start in starts):
            raise ValueError("parts of the training must increase, from 0 to below 1")
        if any(frames < 2 for _, frames in self.breakpoints):
            raise ValueError("clips need at least 2 frames")

    def frames(self, sample: int, otherwise: int) -> int:
        """Frames of sample number `sample`."""
        progress = (sample - sample % self.together) / self.samples
        position = bisect_right([start for start, _ in self.breakpoints], progress)
        return self.breakpoints[position - 1][1] if position else otherwise
