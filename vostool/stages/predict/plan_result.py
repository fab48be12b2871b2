"""What a run needs, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from vostool.core.figures import amount, duration
from vostool.core.types import Video


@dataclass(frozen=True)
class Shape:
    """What a video's costs depend on.

    Attributes:
        size: height and width of its frames.
        seen: the same at scale 1 of the networks.
        present: number of objects in each frame that is run, 0 before the first one.
        written: frames whose masks are written.
    """

    name: str
    size: tuple[int, int]
    seen: tuple[int, int]
    present: tuple[int, ...]
    written: int

    @classmethod
    def of(
        cls, video: Video, size: tuple[int, int], seen: tuple[int, int], wanted: Sequence[str]
    ) -> Shape:
        """Of a video; frames after the last wanted one are not run."""
        length = 1 + max((video.index(name) for name in wanted), default=-1)
        starts = [video.index(item.first_frame) for item in video.objects]
        present = tuple(sum(start <= time for start in starts) for time in range(length))
        return cls(video.name, size, seen, present, len(wanted))

    @property
    def objects(self) -> int:
        """Most at once."""
        return max(self.present, default=0)

    @property
    def load(self) -> int:
        """By which the largest video is found."""
        return self.objects * self.seen[0] * self.seen[1]


@dataclass(frozen=True)
class Plan:
    """What a run needs.

    Attributes:
        shapes: of the videos that have objects.
        seconds: of each of them.
        largest: the video that was measured.
        measured_frames: how many of its frames were run.
        memory: largest resident set that is expected, bytes.
        available: what this process may take at most, bytes; None where the system does not tell.
        gpu_memory: largest memory of a GPU's tensors, bytes; 0 without one.
        masks, probabilities: bytes to be written.
        free: bytes left on the disk.
        unmeasured: wrappers that are on, whose passes come on top.
    """

    shapes: tuple[Shape, ...]
    seconds: tuple[float, ...]
    largest: Shape
    measured_frames: int
    memory: int
    available: int | None
    gpu_memory: int
    masks: int
    probabilities: int
    free: int
    unmeasured: tuple[str, ...]

    @property
    def frames(self) -> int:
        """Of all videos, as far as they are run."""
        return sum(len(shape.present) for shape in self.shapes)

    @property
    def fits(self) -> bool:
        """Whether there is enough memory, as far as the system tells."""
        return self.available is None or self.memory <= self.available

    def table(self) -> Table:
        """All figures, a line each."""
        table = Table(
            title=f"plan, from {self.measured_frames} frames of {self.largest.name}",
            show_header=False,
        )
        most = max(self.shapes, key=lambda shape: shape.objects)
        rows = {
            "videos": str(len(self.shapes)),
            "frames": str(self.frames),
            "objects": f"at most {most.objects} at once ({most.name})",
            "size": f"{_text(self.largest.size)} ({self.largest.name}), run at "
            f"{_text(self.largest.seen)}",
            "memory": f"about {amount(self.memory)}"
            + ("" if self.available is None else f", {amount(self.available)} available"),
            "GPU memory": f"about {amount(self.gpu_memory)}" if self.gpu_memory else "",
            "disk": f"{amount(self.masks + self.probabilities)}, {amount(self.free)} free",
            "time": f"about {duration(sum(self.seconds))}",
            "on top of it": f"passes of {', '.join(self.unmeasured)}" if self.unmeasured else "",
        }
        for name, text in rows.items():
            if text:
                table.add_row(name, text)
        return table

    def as_json(self) -> dict[str, Any]:
        """All figures: bytes, seconds, pixels."""
        videos = [
            {
                "name": shape.name,
                "frames": len(shape.present),
                "objects": shape.objects,
                "size": list(shape.size),
                "run_at": list(shape.seen),
                "seconds": round(seconds, 1),
            }
            for shape, seconds in zip(self.shapes, self.seconds, strict=True)
        ]
        return {
            "videos": videos,
            "frames": self.frames,
            "measured": self.largest.name,
            "seconds": round(sum(self.seconds), 1),
            "memory": self.memory,
            "available_memory": self.available,
            "gpu_memory": self.gpu_memory,
            "masks": self.masks,
            "probabilities": self.probabilities,
            "free_disk": self.free,
            "unmeasured": list(self.unmeasured),
        }


def _text(size: tuple[int, int]) -> str:
    """Width x height, as people write it."""
    return f"{size[1]}x{size[0]}"
