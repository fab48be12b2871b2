"""Training options as a recipe states them; every field's description is its documentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vostool.core.options import Options
from vostool.training.clips.curriculum import MASK_PROPAGATION, LengthSchedule, SkipCurriculum

Precision = Literal["auto", "fp32", "bf16", "fp16"]


class CurriculumOptions(Options):
    """How far apart the frames of a clip are, as the training goes on."""

    max_skip: tuple[tuple[float, int], ...] = Field(
        MASK_PROPAGATION,
        min_length=1,
        description="pairs (part of the training from which it holds, largest gap in raw frames)",
    )
    frames: tuple[tuple[float, Annotated[int, Field(ge=2)]], ...] = Field(
        (),
        description="pairs (part of the training from which it holds, frames of a clip), such as "
        "[[0.8, 6]] for longer clips late; before, and without, as clip or synthesis say",
    )
    previous_until: float = Field(
        1.0,
        ge=0,
        le=1,
        description="part of the training after which clip.previous is not given any more, so that "
        "a network with a prior goes on from its own prediction, as it does on videos",
    )

    @model_validator(mode="after")
    def _usable(self) -> CurriculumOptions:
        SkipCurriculum(self.max_skip)
        LengthSchedule(self.frames)
        return self


class OptimiserOptions(Options):
    """Which optimiser and how large its steps are."""

    name: Literal["adam", "adamw", "sgd"] = Field("adam", description="adam, adamw or sgd")
    learning_rate: float = Field(1e-5, gt=0, description="before the schedule's factor")
    weight_decay: float = Field(0.0, ge=0, description="pull of all weights towards 0")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD only")
    nesterov: bool = Field(False, description="SGD only: Nesterov's momentum")
    betas: tuple[float, float] = Field((0.9, 0.999), description="Adam and AdamW only")
    head_multiplier: float = Field(
        1.0, gt=0, description="learning rate of everything outside the backbone, as a factor"
    )
    frozen_stride: Literal[4, 8, 16] | None = Field(
        None,
        description="stages of backbones up to this stride keep the weights they start with, which "
        "makes steps quicker; what sees masks there still learns",
    )

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> OptimiserOptions:
        if self.nesterov and (self.name != "sgd" or not self.momentum):
            raise ValueError("nesterov is for sgd with momentum")
        return self


class ScheduleOptions(Options):
    """The factor on the learning rate over the iterations."""

    name: Literal["constant", "step", "poly", "cosine"] = Field(
        "constant", description="constant, step, poly or cosine"
    )
    warmup: int = Field(0, ge=0, description="iterations of linear growth from 0")
    step_every: float = Field(
        0.25, gt=0, lt=1, description="step: part of the training between two decays"
    )
    step_factor: float = Field(0.5, gt=0, le=1, description="step: factor at each decay")
    power: float = Field(0.9, gt=0, description="poly: exponent")
    final: float = Field(0.0, ge=0, le=1, description="poly and cosine: factor at the end")


class ValidationOptions(Options):
    """Scoring during training, on videos that the training does not see."""

    every: int = Field(0, ge=0, description="iterations between two validations; 0: never")
    data: str | None = Field(None, description="name of the data entry whose videos are scored")
    videos: tuple[str, ...] = Field(
        (), description="held-out videos of that entry, left out of training under every entry"
    )
    max_videos: int | None = Field(None, ge=1, description="score the first of them only")
    max_frames: int | None = Field(None, ge=2, description="score the first frames only")
    memory: str = Field("every:5", description="memory strategy, as in `vostool infer --memory`")
    short_side: int | None = Field(
        None,
        ge=1,
        description="pixels of the shorter side, as in `infer --short-side`; by default auto",
    )

    @model_validator(mode="after")
    def _names_its_data(self) -> ValidationOptions:
        if self.every and self.data is None:
            raise ValueError("data must name a data entry when every is not 0")
        return self


class CheckpointOptions(Options):
    """When weights are written, and how many files stay."""

    every: int = Field(1000, ge=1, description="iterations between two checkpoints")
    keep: int = Field(10, ge=1, description="the last so many stay, beside the best")


class LoopOptions(Options):
    """How much is trained, and in which arithmetic."""

    iterations: int = Field(gt=0, description="optimiser steps")
    batch: int = Field(4, ge=1, description="clips per process and forward pass")
    accumulation: int = Field(1, ge=1, description="forward passes per optimiser step")
    clip_norm: float | None = Field(None, gt=0, description="largest gradient norm")
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay of a running mean of the weights, which is then validated and saved in "
        "their place; 0: none",
    )
    precision: Precision = Field("auto", description="auto, fp32, bf16 or fp16")
    seed: int = Field(0, ge=0, description="of clips, initial weights and everything else drawn")
    log_every: int = Field(20, ge=1, description="iterations between two lines of metrics")
