"""The benchmarks run, print their tables, and their plain comparison computes the same."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vostool.media.masks import write_mask
from vostool.training.checkpoints.checkpoint import describe, save_checkpoint

SMALL = ["--size", "64x80", "--network", "resnet18"]


def write_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])


def test_propagation_prints_its_ratios_and_equals_plain_code(script, capsys):
    script("bench_propagation").main([*SMALL, "--frames", "1", "--memory", "3"])
    printed = capsys.readouterr().out
    rows = dict(re.findall(r"│ (plain code, \d objects?) .*?(\d+e-\d+) │", printed))
    assert len(rows) == 2
    assert all(float(difference) < 1e-3 for difference in rows.values())
    ratios = re.findall(r"│ +(\d+\.\d\d) │ +<= (?:1\.60|1\.75|2\.20|1\.90) │", printed)
    assert len(ratios) == 4
    assert all(float(ratio) > 0 for ratio in ratios)


def test_refinement_is_compared_with_the_stm_beneath_it(script, capsys):
    rows = ["STM, 1 object", "refinement, 1 object", "all of SCMN, 1 object"]
    script("bench_refinement").main([*SMALL, "--frames", "1", "--memory", "3", "--rows", *rows])
    printed = capsys.readouterr().out
    assert len(re.findall(r"│ +\d+\.\d\d │ +<= 1\.35 │", printed)) == 1
    assert len(re.findall(r"object +│ +\d+\.\d\d │ +\d+\.\d\d │", printed)) == 2


def test_costs_of_safety_are_parts_of_the_whole(script, capsys, tmp_path):
    small = ["--size", "32x40", "--frames", "2", "--megabytes", "1"]
    script("bench_safety").main([*small, "--folder", str(tmp_path)])
    rows = re.findall(r"│ +([\d.]+) │ +([\d.]+) │ +[\d.]+ │ +[\d.]+ │", capsys.readouterr().out)
    assert len(rows) == 4
    assert all(0 <= float(digests) <= float(whole) for whole, digests in rows)
    assert not list(tmp_path.iterdir())


def test_networks_of_the_refinement_benchmark_share_their_weights(script):
    refinement, measure = script("bench_refinement"), script("_measure")
    base = measure.random_network("resnet18")
    whole = refinement.network_with(base, "resnet18", refinement.PARTS["all of SCMN"])
    for name, value in base.decoder.state_dict().items():
        assert torch.equal(value, whole.decoder.state_dict()[name])
    assert whole.prior is not None and whole.mixer.aspp is not None
    assert refinement.network_with(base, "resnet18", {}).refinement is None


@pytest.mark.parametrize(("size", "objects"), [((50, 70), 2), ((99, 133), 3)])
def test_plain_code_agrees_past_the_first_eviction_at_sizes_that_need_padding(
    script, size, objects
):
    measure, plain = script("_measure"), script("_plain_stm")
    propagation = script("bench_propagation")
    network = measure.random_network("resnet18", **script("bench_memory").SMALL)
    frames, held = 8, 3
    video = measure.synthetic_video(size, frames, objects)
    ready = propagation.prepare(network, torch.device("cpu"))
    row = (objects, propagation.ONE, "none")
    ours = propagation.propagate(ready, size, frames, held, row)
    theirs = plain.plain_propagation(network, video.images, video.given[0], held)
    for one, other in zip(ours, theirs, strict=True):
        # What is found in the padding changes these by 2e-5 if it enters the memory.
        torch.testing.assert_close(one, other, atol=2e-6, rtol=0)


def test_large_frames_print_a_row_per_way(script, capsys, monkeypatch):
    large = script("bench_large_frames")

    class Here:
        """A pool whose worker is this process; a new one takes seconds to begin."""

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def apply(self, work, arguments):
            return work(*arguments)

    class Context:
        def Pool(self, count):
            return Here()

    monkeypatch.setattr(large.multiprocessing, "get_context", lambda how: Context())
    large.main(["--size", "64x80", "--frames", "1", "--objects", "2", "--network", "resnet18"])
    rows = re.findall(r"(own size|\(480\)) +│ +(\d+) │ +(\d+\.\d\d) │", capsys.readouterr().out)
    assert len(rows) == len(large.WAYS)
    assert all(int(peak) > 100 and float(seconds) > 0 for _, peak, seconds in rows)


def test_memory_prints_a_point_per_step_and_a_verdict(script, capsys):
    arguments = ["--size", "64x80", "--frames", "7", "--step", "3", "--max-memory", "2"]
    script("bench_memory").main(arguments)
    printed = capsys.readouterr().out
    assert re.findall(r"│ +(\d+) │ +\d+ │", printed) == ["3", "6", "7"]
    assert re.search(r"after the first 3 frames: (flat|GROWS)", printed)


def test_long_video_makes_the_same_frames_again(script):
    video = script("bench_memory").LongVideo((40, 50), 3, 2)
    first, second = ([frame.image for frame in video] for _ in range(2))
    assert len(video) == len(first) == 3
    assert all((one == other).all() for one, other in zip(first, second, strict=True))
    assert not (first[0] == first[1]).all()


def test_precision_prints_what_auto_chooses_and_a_row_per_form(script, capsys):
    script("bench_precision").main([*SMALL, "--frames", "1", "--forms", "plain", "fp32"])
    printed = capsys.readouterr().out
    assert re.match(r"--precision auto chooses (fp32|bf16) here", printed)
    assert "fp32, as in the papers' code" in printed
    assert "fp32, BatchNorm folded" in printed


def test_precision_measures_agreement_on_a_video(script, capsys, tmp_path):
    measure = script("_measure")
    video = measure.synthetic_video((48, 64), 3, 1)
    for frame in video:
        write_image(tmp_path / "data" / "images" / "a" / f"{frame.name}.png", frame.image)
    write_mask(tmp_path / "data" / "masks" / "a" / "00000.png", video.given[0])
    checkpoint = tmp_path / "random.ckpt"
    recipe = {"model": {"name": "stm", "backbone": "resnet18"}}
    save_checkpoint(checkpoint, measure.random_network("resnet18"), describe(recipe, 1, {}))
    where = ["--dataset", "folder", "--split", "all", "--video-root", str(tmp_path / "data")]
    script("bench_precision").main(["--forms", "--checkpoint", str(checkpoint), *where])
    printed = capsys.readouterr().out
    ((mean, least),) = re.findall(r"│ a +│ +\d+ │ +(\d\.\d+) │ +(\d\.\d+) │", printed)
    assert 0 <= float(least) <= float(mean) <= 1


@pytest.mark.parametrize(
    "arguments",
    [["--size", "480"], ["--size", "0x10"], ["--memory", "1"], ["--frames", "0"]],
)
def test_senseless_options_are_refused(script, arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        script("bench_precision").main(arguments)
    assert stopped.value.code == 2
    assert arguments[1] in capsys.readouterr().err


def test_checkpoint_needs_a_video(script, capsys):
    with pytest.raises(SystemExit) as stopped:
        script("bench_precision").main(["--checkpoint", "x.ckpt"])
    assert stopped.value.code == 2
    assert "go together" in capsys.readouterr().err


def test_training_steps_are_compared(script, capsys):
    small = [
        "model.backbone=mobilenetv2_035",
        "clip.crop=[32,48]",
        "synthesis.crop=[32,48]",
        "loop.batch=1",
        "model.key_channels=4",
        "model.value_channels=8",
        "model.decoder_channels=8",
    ]
    options = [text for value in small for text in ("--set", value)]
    script("bench_training").main(["famnet-mnv2-small", "--steps", "1", *options])
    rows = re.findall(
        r"│ (\w[\w, ]+?) +│ +(\d\.\d{3}) │ +(\d+\.\d\d) │ +(\d+\.\d\d) │", capsys.readouterr().out
    )
    assert [row[0] for row in rows] == [
        "plain",
        "folded",
        "folded, channels last",
        "and frozen up to stride 4",
        "plain, bf16",
    ]
    for _, seconds, rate, ratio in rows:
        assert float(rate) == pytest.approx(1 / float(seconds), rel=0.1)
        assert float(ratio) == pytest.approx(float(rows[0][1]) / float(seconds), rel=0.15)
