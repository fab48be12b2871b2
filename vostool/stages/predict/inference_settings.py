"""What `infer` is told about how to run the networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vostool.inference.crop_zoom import CropZoomOptions
from vostool.training.finetuning.options import FinetuneOptions


@dataclass(frozen=True)
class InferenceSettings:
    """How to run; names as on the command line.

    Attributes:
        tta: views, such as "flip,0.75,1.0", or "none".
        memory: strategies, such as "every:5"; each is one more track per network and view.
        max_memory: permanent frames per object, None for what the strategy says.
        feedback: "own" or "merged".
        short_side: pixels of the shorter side at scale 1, None for the frame's own.
        precision: auto, fp32, bf16 or fp16.
        device: auto, cpu, cuda or cuda:N.
        compile: compile the networks' parts.
        save_probabilities: write uint8 probabilities beside the masks.
        all_frames: write every frame, not only those that the data set's server wants.
        seed: of torch, for networks that draw random numbers.
        crop_zoom: thresholds of crop-then-zoom, None for going without it.
        tracker: its tracker; None is the one that needs no model file.
        tracker_model: the tracker's model files, in its order.
        online_finetune: how a second copy of each network is tuned to each video, its probabilities
            averaged with the others'; None for going without it.
    """

    tta: str = "none"
    memory: tuple[str, ...] = ("every:5",)
    max_memory: int | None = None
    feedback: Literal["own", "merged"] = "own"
    short_side: int | None = None
    precision: str = "auto"
    device: str = "auto"
    compile: bool = False
    save_probabilities: bool = False
    all_frames: bool = False
    seed: int = 0
    crop_zoom: CropZoomOptions | None = None
    tracker: str | None = None
    tracker_model: tuple[Path, ...] = ()
    online_finetune: FinetuneOptions | None = None
