"""What a run needs, worked out from a few frames of its largest video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median

from vostool.core.types import Fate
from vostool.inference.strategy import Sighting, Strategy
from vostool.inference.trial import ENCODE, MEMORIZE, SEGMENT, Trial
from vostool.stages.predict.plan_result import Plan, Shape

SLACK = 1.25
"""Buffers of memory grow ahead of what they hold."""
SURE = 1e9
"""Area of an object for strategies that ask: it is seen in every frame, the most costly case."""


def held_frames(strategy: Strategy, frames: int, limit: int | None) -> list[int]:
    """How many frames an object's memory holds when each frame after its own is segmented."""
    limit = strategy.max_memory if limit is None else limit
    kept, last, found = 1, 0, []
    previous = 0
    for time in range(1, frames):
        found.append(kept + previous)
        fate = strategy.decide(Sighting(time, time, time - last, SURE, 1.0))
        previous = int(fate is Fate.REPLACE)
        if fate is Fate.KEEP:
            kept, last = min(kept + 1, limit or kept + 1), time
    return found


@dataclass(frozen=True)
class Costs:
    """Costs of the frames measured, and what follows for others.

    Attributes:
        shape: of the video that was measured.
        objects: in it, all of which were there from the beginning.
    """

    trial: Trial
    shape: Shape
    objects: int
    strategies: tuple[Strategy, ...]
    max_memory: int | None
    mask_bytes: float
    probability_bytes: float

    def seconds(self, shape: Shape) -> float:
        """Of a whole video."""
        held = self._mean_held(shape)
        first, slope = self._segment()
        inner = self.trial.frames[1:-1]
        # Medians, because other programs' work makes single frames slow.
        encode = median(cost.parts[ENCODE] for cost in inner)
        memorize = median(cost.parts[MEMORIZE] for cost in inner)
        others = median(cost.others for cost in inner)
        seen, whole = self._seen(shape), self._whole(shape)
        total = 0.0
        present = [count for count in shape.present if count]
        for objects, count in zip(present, held, strict=True):
            part = objects / self.objects
            # Nothing is known of the first frame with an object, so that it is not segmented.
            read = first + seen * slope * count if count else 0.0
            total += seen * (encode + part * (memorize + read))
            total += whole * (objects + 1) / (self.objects + 1) * others
        return total

    def kept(self, shape: Shape) -> float:
        """Bytes that memory holds at the end of a video, beyond those that were measured."""
        ends = [
            (held_frames(item, len(shape.present), self.max_memory) or [0])[-1]
            for item in self.strategies
        ]
        measured = len(self.trial.frames) - 1
        more = fmean(ends) - measured
        share = self._seen(shape) * shape.objects / self.objects
        return self.trial.kept * share * more * (SLACK if more > 0 else 1)

    def disk(self, shape: Shape) -> tuple[float, float]:
        """Bytes of a video's masks and of its probabilities."""
        part = self._whole(shape) * shape.written
        planes = (shape.objects + 1) / (self.objects + 1)
        return part * self.mask_bytes, part * planes * self.probability_bytes

    def plan(
        self,
        shapes: Sequence[Shape],
        *,
        available: int | None,
        free: int,
        unmeasured: tuple[str, ...],
    ) -> Plan:
        """What a run of these videos needs; the rest is as in `Plan`."""
        kept = round(max(map(self.kept, shapes)))
        on_gpu = self.trial.gpu_peak > 0
        disk = [self.disk(shape) for shape in shapes]
        return Plan(
            shapes=tuple(shapes),
            seconds=tuple(map(self.seconds, shapes)),
            largest=self.shape,
            measured_frames=len(self.trial.frames),
            memory=self.trial.peak + (0 if on_gpu else kept),
            available=available,
            gpu_memory=self.trial.gpu_peak + kept if on_gpu else 0,
            masks=round(sum(masks for masks, _ in disk)),
            probabilities=round(sum(planes for _, planes in disk)),
            free=free,
            unmeasured=unmeasured,
        )

    def _segment(self) -> tuple[float, float]:
        """Seconds of a frame without any memory, and of each frame that memory holds."""
        times = {
            held: cost.parts[SEGMENT] for held, cost in enumerate(self.trial.frames) if held > 0
        }
        slopes = [(times[b] - times[a]) / (b - a) for a, b in combinations(times, 2)]
        slope = max(0.0, median(slopes))
        return max(0.0, median(spent - slope * held for held, spent in times.items())), slope

    def _mean_held(self, shape: Shape) -> list[float]:
        """Frames that are held when each frame with objects begins, over the strategies."""
        length = sum(count > 0 for count in shape.present)
        per = [held_frames(item, length, self.max_memory) for item in self.strategies]
        return [0.0, *(fmean(counts) for counts in zip(*per, strict=True))]

    def _seen(self, shape: Shape) -> float:
        return _area(shape.seen) / _area(self.shape.seen)

    def _whole(self, shape: Shape) -> float:
        return _area(shape.size) / _area(self.shape.size)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
