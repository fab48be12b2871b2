"""Choices of networks that match proposals with the templates of objects."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vostool.nn.proposal_matching import TemplateMode
from vostool.nn.trunk_options import TrunkOptions


class ProposalConfig(BaseModel):
    """Choices of DMN-AOA."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = Field("resnet50", description="timm network with features at 4, 8 and 16")
    backbone_options: TrunkOptions = Field(TrunkOptions(), description="changes to it")
    weights: str = Field("none", description='"none", "imagenet", or a file in timm\'s names')
    mean: tuple[float, float, float] = Field(
        (0.485, 0.456, 0.406), description="of the normalisation the backbone was trained with"
    )
    std: tuple[float, float, float] = Field(
        (0.229, 0.224, 0.225), description="of the normalisation the backbone was trained with"
    )
    channels: int = Field(256, ge=8, description="of the features at stride 16")
    key_channels: int = Field(128, ge=1, description="of keys in memory")
    value_channels: int = Field(256, ge=1, description="of values in memory, and of templates")
    decoder_channels: int = Field(256, ge=1, description="width of RefineNet")
    region_cells: int = Field(14, ge=1, le=28, description="cells of a region per side")
    proposals: Literal["deterministic", "detector"] = Field(
        "deterministic",
        description="made of the last masks and what memory reads, or given with each frame",
    )
    training_proposals: Literal["deterministic", "oracle-jitter", "both", "detector"] = Field(
        "both",
        description="in training; the oracle moves true masks about, and is never used else; "
        "detector: those that come with a clip, and both for clips without (still images)",
    )
    template_mode: TemplateMode = Field(
        TemplateMode.BOTH, description="first: without dynamic memory; dynamic; both"
    )
    alignment: bool = Field(True, description="align proposals with templates location by location")
    mask_prior: bool = Field(True, description="alignment attends less outside a proposal's mask")
    object_memory: bool = Field(
        True, description="memory pixels count by their share of object; False is the paper's words"
    )
    matching: Literal["layer", "nearest"] = Field(
        "layer", description="matching layer, or each object's most similar proposal"
    )
    hard: Literal["lsa", "argmax"] = Field(
        "lsa", description="at inference: exact assignment, or each row's largest entry"
    )
    refinement: bool = Field(True, description="RefineNet; False gives the coarse masks")
    true_previous: float = Field(
        0.5, ge=0, le=1, description="how often the last mask in training is the true one"
    )
    pad: bool = Field(True, description="pad frames to multiples of 16 (True) or resize them")

    @model_validator(mode="after")
    def _same_source(self) -> ProposalConfig:
        if self.training_proposals == "detector" and self.proposals != "detector":
            raise ValueError('training_proposals = "detector" needs proposals = "detector"')
        return self
