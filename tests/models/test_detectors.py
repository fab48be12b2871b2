"""A detector learns on clips, and proposes from its checkpoint; it is no segmenter."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from small_davis import write_davis

from vostool.cli.main import main
from vostool.core import registry
from vostool.core.errors import CheckpointError, UsageError
from vostool.core.types import Clip
from vostool.models.detectors import maskrcnn
from vostool.nn.mask_rcnn import SparingMatcher, build, load_all_but_classes
from vostool.recipe import DETECTORS, SYSTEMS, parse_recipe
from vostool.training.objective import objective_of

RECIPE = """
description = "a test"
[model]
name = "maskrcnn"
short_side = 48
long_side = 64
[data.davis2016]
video = "davis2016"
[clip]
frames = 2
crop = [48, 64]
short_side = [48, 48]
min_area = 10
[loop]
iterations = 1
batch = 1
precision = "fp32"
clip_norm = 1.0
[optimiser]
name = "sgd"
learning_rate = 1e-4
[losses]
cross_entropy = 0.0
detection = 1.0
"""


class _Nearest:
    """Boxes whose best overlap is below 0.5 are background."""

    def __call__(self, quality: torch.Tensor) -> torch.Tensor:
        best, index = quality.max(0)
        return torch.where(best < 0.5, -1, index)


def test_of_boxes_far_from_annotations_a_share_is_background() -> None:
    torch.manual_seed(0)
    quality = torch.zeros(2, 4000)
    quality[1, :1000], quality[0, 1000:2000] = 0.8, 0.3
    found = SparingMatcher(_Nearest(), share=0.25, overlap=0.1)(quality)
    assert (found[:1000] == 1).all()
    assert (found[1000:2000] == -1).all()
    assert set(found[2000:].tolist()) == {-1, -2}
    assert (found[2000:] == -1).float().mean() == pytest.approx(0.25, abs=0.04)
    assert torch.equal(SparingMatcher(_Nearest(), 1.0, 0.1)(quality), _Nearest()(quality))


def test_detectors_have_a_place_of_their_own() -> None:
    assert registry.names(DETECTORS)
    assert not set(registry.names(DETECTORS)) & set(registry.names(SYSTEMS))
    with pytest.raises(UsageError, match=r"model\.far_negative \(did you mean far_negatives\?\)"):
        parse_recipe(
            {
                "name": "x",
                "description": "x",
                "model": {"name": "maskrcnn", "far_negative": 0.5},
                "data": {"a": {"video": "davis2016"}},
                "loop": {"iterations": 1},
            },
            "x",
        )


@pytest.mark.slow
def test_it_learns_from_every_frame_of_a_clip_also_where_there_is_no_object() -> None:
    torch.manual_seed(0)
    detector = maskrcnn.build(maskrcnn.Config(short_side=64, long_side=64)).train()
    labels = torch.zeros(1, 2, 64, 64, dtype=torch.long)
    labels[:, 0, 10:40, 10:50] = 1
    clip = Clip(torch.rand(1, 2, 3, 64, 64), labels, torch.ones(1, 1, dtype=torch.bool))
    prediction = detector(clip)
    terms = prediction.extras["detection"]
    assert {"loss_objectness", "loss_mask", "loss_classifier"} <= set(terms)
    total = objective_of({"cross_entropy": 0.0, "detection": 1.0})(prediction, clip)["loss"]
    assert total.item() == pytest.approx(sum(value.item() for value in terms.values()), rel=1e-5)
    total.backward()
    without = [name for name, value in detector.named_parameters() if value.grad is None]
    assert not without


@pytest.mark.slow
def test_weights_of_other_classes_are_taken_over_but_for_the_classifiers(tmp_path) -> None:
    torch.manual_seed(0)
    of_five, of_two = build(5), build(2)
    before = of_two.roi_heads.box_predictor.cls_score.weight.clone()
    load_all_but_classes(of_two, of_five.state_dict())
    name = "backbone.fpn.inner_blocks.0.0.weight"
    assert torch.equal(of_two.state_dict()[name], of_five.state_dict()[name])
    assert torch.equal(of_two.roi_heads.box_predictor.cls_score.weight, before)
    save_file({"a": torch.zeros(1)}, tmp_path / "wrong.safetensors")
    with pytest.raises(CheckpointError, match="another network"):
        maskrcnn.build(maskrcnn.Config(weights=str(tmp_path / "wrong.safetensors")))


@pytest.mark.slow
def test_from_training_to_proposals_on_the_command_line(tmp_path, capsys) -> None:
    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(item) for item in arguments])
        return caught.value.code

    root, recipe = write_davis(tmp_path / "DAVIS"), tmp_path / "detector.toml"
    recipe.write_text(RECIPE)
    common = ["--data", f"davis2016={root}", "--workers", 0, "--device", "cpu"]
    assert call("train", recipe, "--out", tmp_path / "run", *common) == 0
    checkpoint, data = tmp_path / "run" / "best.ckpt", ["--dataset", "davis2016", "--root", root]
    capsys.readouterr()
    assert call("propose", "--source", "maskrcnn", "--file", checkpoint, *data, "--split", "val",
                "--out", tmp_path / "found.json", "--device", "cpu") == 0  # fmt: skip
    assert "maskrcnn: recall" in capsys.readouterr().out
    assert call("infer", "--checkpoint", checkpoint, *data, "--split", "val",
                "--out", tmp_path / "preds") == 1  # fmt: skip
    assert "maskrcnn finds objects, it does not follow them" in capsys.readouterr().err
    assert call("train", recipe, "--out", tmp_path / "scored", *common, "--set",
                "validation.every=1", "--set", "validation.data=davis2016", "--set",
                "validation.videos=['c']") == 2  # fmt: skip
    assert "no videos are scored" in capsys.readouterr().err
