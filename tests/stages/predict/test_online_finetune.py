"""`infer --online-finetune`: members in step, late objects, restoring, failing, resuming."""

from __future__ import annotations

import dataclasses
import json
import math
from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest
import torch
from colour_stub import ColourStub
from moving_squares import squares, write_video

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.core.types import VideoObject
from vostool.inference.engine import Member, run_video
from vostool.inference.online_finetune import learner as joining
from vostool.inference.prepare import prepare
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Context, Propagation, Report, Request
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.inference.trained import TrainedNetwork
from vostool.inference.wrappers.online_finetune import wrap
from vostool.media.masks import read_mask, write_mask
from vostool.models import Prediction
from vostool.models.space_time import SpaceTimeNetwork
from vostool.models.systems import famnet, stm
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict.infer import InferenceSettings, infer
from vostool.training.checkpoints.checkpoint import describe, save_checkpoint
from vostool.training.finetuning.options import FinetuneOptions

CHOICES = {
    "backbone": "resnet18", "key_channels": 4, "value_channels": 8, "decoder_channels": 8,
    "backbone_options": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]},
}  # fmt: skip
CPU = torch.device("cpu")
QUICK = FinetuneOptions(iterations=3, late_iterations=2, learning_rate=1e-3)
FAST = InferenceSettings.of(
    precision="fp32", device="cpu", save_probabilities=True, online_finetune=QUICK
)
PLAIN = FAST.changed(online_finetune=None)
EVERY = parse_strategies(("every:2",))


def network(kind=famnet, seed=0):
    torch.manual_seed(seed)
    return kind.build(kind.Config(**CHOICES)).eval()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A FAMNet with random weights."""
    path = tmp_path_factory.mktemp("run") / "best.ckpt"
    save_checkpoint(path, network(), describe({"model": {"name": "famnet", **CHOICES}}, 0, {}))
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """One video from its start, one with an object that is late, one all of whose objects are."""
    root = tmp_path_factory.mktemp("data")
    starts = {"a": {}, "b": {7: 2}, "c": {2: 1, 7: 3}}
    return [write_video(root, name, 5, starts=value)[0] for name, value in starts.items()]


def online(*networks, tuning=QUICK, strategies=EVERY, **options):
    members = [
        Member(prepare(item, CPU), strategies, trained=TrainedNetwork(f"run{k}/best.ckpt", item))
        for k, item in enumerate(networks)
    ]
    run = Propagation(members, PropagationOptions(**options))
    return wrap(run, tuning, Context(CPU))


def weights(item):
    return {name: value.clone() for name, value in item.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def written(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.suffix in (".png", ".npz")
    }


def manifest(root):
    return json.loads((root / "run.json").read_text())


def run_all(finetuning, source):
    """Results of a video, and what is said about it."""
    request = Request(probabilities=True)
    results = list(finetuning(source, request))
    return results, request.report.entries.get("online_finetune", [])


@pytest.mark.parametrize("tta", ["none", "flip,0.5,1.0"])
def test_the_result_is_the_mean_of_tuned_and_untuned_runs(tta):
    images, _, given = squares(4)
    source = ArraySource("v", images, given)
    strategies = parse_strategies(("every:2", "first-previous"))
    finetuning = online(network(), network(stm, 1), strategies=strategies, views=tta)
    merged, tuned = [], []
    for result in finetuning(source, Request(probabilities=True)):
        merged.append(result.probabilities)
        tuned = [twin.network for twin in finetuning.twins]
    untuned = [twin.network for twin in finetuning.twins]
    assert not any(one is other for one, other in zip(tuned, untuned))
    alone = [
        [
            result.probabilities
            for result in run_video(
                source,
                [Member(item, strategies)],
                PropagationOptions(views=tta),
                probabilities=True,
            )
        ]
        for item in (*tuned, *untuned)
    ]
    for index, volume in enumerate(merged):
        expected = torch.stack([volumes[index] for volumes in alone]).mean(0)
        torch.testing.assert_close(volume, expected, atol=1e-5, rtol=0)
    differences = [(one - other).abs().max() for one, other in zip(alone[0], alone[2])]
    assert max(differences) > 1e-4, "tuning changed something"


def test_late_objects_are_learned_where_they_appear():
    images, _, given = squares(7, starts={2: 1, 7: 4})
    finetuning, networks, words = online(network()), [], []
    request = Request(report=Report(words.append))
    for _ in finetuning(ArraySource("v", images, given), request):
        networks.append(finetuning.twins[0].network)
    runs = request.report.entries["online_finetune"]
    assert [(run["frame"], run["iterations"]) for run in runs] == [("00001", 3), ("00004", 2)]
    changes = [one is not other for one, other in pairwise(networks)]
    assert changes == [True, False, False, True, False, False]
    assert not same(weights(networks[1]), weights(networks[-1]))
    assert len(words) == 5
    assert "3/3, loss" in words[2]


def test_the_early_part_of_a_video_does_not_depend_on_what_appears_later():
    images, _, given = squares(6, starts={7: 4})
    both, _ = run_all(online(network()), ArraySource("v", images, given))
    alone, _ = run_all(online(network()), ArraySource("v", images, {0: given[0]}))
    for one, other in zip(both[:4], alone[:4]):
        assert torch.equal(one.probabilities[:2], other.probabilities[:2])


class Interrupted(SpaceTimeNetwork):
    """Is interrupted in its second training step."""

    error: BaseException = KeyboardInterrupt()
    passes = 0

    def forward(self, clip):
        self.passes += 1
        if self.passes == 2:
            raise self.error
        return super().forward(clip)


@pytest.mark.parametrize("where", ["tuning", "segmenting"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("lost")])
def test_weights_are_restored_bit_by_bit_whatever_happens(where, error):
    torch.manual_seed(0)
    item = Interrupted(famnet.Config(**CHOICES)).eval()
    item.passes, item.error = (0 if where == "tuning" else 5), error
    finetuning = online(item)
    ready, twin = finetuning.members[0].segmenter, finetuning.twins[0]
    before, before_ready = weights(item), weights(ready)
    images, _, given = squares(4, starts={7: 2})

    def go():
        source = ArraySource("v", images, given)
        with closing(finetuning(source, Request())) as results:
            for count, _ in enumerate(results):
                assert twin.network is not ready
                if count == 2:
                    raise error

    with pytest.raises(type(error)):
        go()
    assert twin.network is ready
    assert same(weights(item), before)
    assert same(weights(ready), before_ready)


def test_each_video_begins_with_the_trained_weights():
    images, _, given = squares(4)
    source = ArraySource("v", images, given)
    other = ArraySource("w", squares(4, seed=5)[0], given)
    finetuning = online(network())
    first, _ = run_all(finetuning, source)
    between, _ = run_all(finetuning, other)
    again, _ = run_all(finetuning, source)
    for one, two in zip(first, again):
        assert torch.equal(one.probabilities, two.probabilities)
    assert not torch.equal(first[-1].probabilities, between[-1].probabilities)


class NotFinite(SpaceTimeNetwork):
    """Trains to a loss that is not a number, at once or from the second run on."""

    healthy = 0
    passes = 0

    def forward(self, clip):
        self.passes += 1
        logits = super().forward(clip).logits
        return Prediction.of_logits(logits * (1.0 if self.passes <= self.healthy else math.nan))


@pytest.mark.parametrize(("healthy", "changed"), [(0, False), (3, True)])
def test_a_loss_that_is_not_finite_gives_the_untuned_results_and_a_warning(
    healthy, changed, caplog
):
    torch.manual_seed(0)
    item = NotFinite(famnet.Config(**CHOICES)).eval()
    item.healthy = healthy
    finetuning = online(item)
    images, _, given = squares(6, starts={7: 3})
    source = ArraySource("v", images, given)
    results, runs = run_all(finetuning, source)
    assert runs[-1]["ending"] == "loss is not finite"
    (warning,) = caplog.messages
    assert warning.startswith("v, frame 0000")
    assert "used as it was trained" in warning
    untuned = list(run_video(source, [finetuning.members[0]], probabilities=True))
    equal = [torch.equal(a.probabilities, b.probabilities) for a, b in zip(results, untuned)]
    assert all(equal) is not changed
    json.dumps(runs, allow_nan=False)


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_learned_from_a_last_frame(count):
    images, truth, given = squares(count, starts={2: count - 1, 7: count - 1})
    results, runs = run_all(online(network()), ArraySource("v", images, given))
    assert runs == []
    assert np.array_equal(results[-1].mask, truth[-1])


def test_objects_of_one_pixel_are_followed_but_not_learned():
    images, _, given = squares(5, starts={7: 2})
    dot = np.zeros_like(given[0])
    dot[20, 20] = 9
    source = ArraySource("v", images, {0: dot, 2: given[2]})
    results, runs = run_all(online(network()), source)
    assert [(run["ending"], run["iterations"]) for run in runs] == [
        ("no object is large enough", 0),
        ("all iterations done", 3),
    ]
    assert results[0].mask[20, 20] == 9
    assert len(results) == 5


def test_networks_without_a_training_pass_are_refused():
    with pytest.raises(UsageError, match=r"run0/best\.ckpt cannot be fine-tuned"):
        online(ColourStub())


# The whole stage


def test_figures_are_in_the_manifest_and_on_screen(tmp_path, checkpoint, videos, caplog):
    caplog.set_level("DEBUG", logger="vostool")
    result = infer([checkpoint], videos, Output(tmp_path / "out"), FAST)
    assert result.videos == ("a", "b", "c")
    said = manifest(tmp_path / "out")
    frames = {
        name: [(run["frame"], run["iterations"]) for run in entry["wrappers"]["online_finetune"]]
        for name, entry in said["videos"].items()
    }
    assert frames == {
        "a": [("00000", 3)],
        "b": [("00000", 3), ("00002", 2)],
        "c": [("00001", 3), ("00003", 2)],
    }
    run = said["videos"]["a"]["wrappers"]["online_finetune"][0]
    assert run["network"] == f"{checkpoint.parent.name}/best.ckpt"
    assert run["ending"] == "all iterations done"
    assert 0 < run["seconds"] < said["videos"]["a"]["seconds"]
    assert run["first_loss"] > 0
    assert said["settings"]["online_finetune"]["iterations"] == 3
    assert "a, frame 00000, " in caplog.text
    assert "tuned for 3 iterations" in caplog.text
    for video in videos:
        assert PredictionFolder(tmp_path / "out").frames(video.name) == video.output_frames


def test_runs_can_be_repeated_resumed_and_shared(tmp_path, checkpoint, videos, monkeypatch):
    infer([checkpoint], videos, Output(tmp_path / "whole"), FAST)
    infer([checkpoint], videos[1:2], Output(tmp_path / "one"), FAST)
    whole, one = written(tmp_path / "whole"), written(tmp_path / "one")
    assert one
    assert all(whole[name] == content for name, content in one.items())

    calls, tune = iter(range(100)), joining.Finetuner.tune

    def interrupted(self, frame, on_step=None):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return tune(self, frame, on_step)

    with monkeypatch.context() as patch:
        patch.setattr(joining.Finetuner, "tune", interrupted)
        with pytest.raises(KeyboardInterrupt):
            infer([checkpoint], videos, Output(tmp_path / "out"), FAST)
    states = [entry["status"] for entry in manifest(tmp_path / "out")["videos"].values()]
    assert states == ["finished", "pending", "pending"]
    with pytest.raises(UsageError, match="online_finetune was"):
        infer([checkpoint], videos, Output(tmp_path / "out", resume=True), PLAIN)
    assert infer([checkpoint], videos, Output(tmp_path / "out", resume=True), FAST).videos == (
        "b",
        "c",
    )
    assert written(tmp_path / "out") == whole
    kept = manifest(tmp_path / "out")["videos"]["a"]["wrappers"]["online_finetune"]
    assert kept[0]["iterations"] == 3

    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        infer([checkpoint], videos, Output(tmp_path / "shared"), FAST)
    assert written(tmp_path / "shared") == whole


def test_it_works_together_with_crop_then_zoom(tmp_path, checkpoint, videos):
    zoom = {"least_height": 32, "zoom_height": 48, "zoom_width": 80, "least_agreement": 0,
            "least_overlap": 0}  # fmt: skip
    settings = FAST.changed(crop_zoom=zoom)
    infer([checkpoint], videos[1:2], Output(tmp_path / "out"), settings)
    entry = manifest(tmp_path / "out")["videos"]["b"]
    assert {"crop_zoom", "online_finetune"} <= entry["wrappers"].keys()
    assert len(entry["wrappers"]["online_finetune"]) == 2, "learned in the first pass only"
    assert PredictionFolder(tmp_path / "out").frames("b") == videos[1].output_frames


def test_an_object_with_an_empty_mask_does_not_disturb_the_others(tmp_path, checkpoint):
    """Object 9 is listed for the first frame, has no pixel there, and some in a later mask."""
    video, truth = write_video(tmp_path / "data", "v", 4)
    late = tmp_path / "data" / "v-masks" / "00003.png"
    mask = truth["00003"].copy()
    mask[40:, 60:] = 9
    write_mask(late, mask)
    frames = (*video.frames[:3], dataclasses.replace(video.frames[3], annotation=late))
    objects = (*video.objects, VideoObject(9, "00000"))
    video = dataclasses.replace(video, frames=frames, objects=objects)
    infer([checkpoint], [video], Output(tmp_path / "out"), FAST)
    runs = manifest(tmp_path / "out")["videos"]["v"]["wrappers"]["online_finetune"]
    assert [run["iterations"] for run in runs] == [3]
    for frame in video.frames:
        found = read_mask(tmp_path / "out" / "Annotations" / "v" / f"{frame.name}.png")
        assert 9 not in found


def test_a_failing_network_never_costs_the_output(tmp_path, checkpoint, videos, monkeypatch):
    infer([checkpoint], videos, Output(tmp_path / "plain"), PLAIN)
    monkeypatch.setattr(joining.Finetuner, "loss", lambda self, clip: torch.tensor(math.nan))
    infer([checkpoint], videos, Output(tmp_path / "out"), FAST)
    assert written(tmp_path / "out") == written(tmp_path / "plain")
    endings = [
        run["ending"]
        for entry in manifest(tmp_path / "out")["videos"].values()
        for run in entry["wrappers"]["online_finetune"]
    ]
    assert endings == ["loss is not finite"] * 3
