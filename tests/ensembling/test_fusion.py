"""The fitted ensemble: what it is untrained, what it learns, and whom it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vostool.core.errors import CheckpointError, UsageError
from vostool.ensembling.fitted import Fitted, FittedAbout, read_fitted
from vostool.ensembling.fitting import FitFrame, FitOptions, fit_network, fit_weights
from vostool.ensembling.fusion import FLOOR, FusionNetwork, member_features
from vostool.ensembling.marks import folder_mark, run_mark
from vostool.ensembling.method import Members, choose_method
from vostool.nn.aggregation import soft_aggregate


def soft(members: int, objects: int, size=(13, 18), seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(members, objects + 1, *size, generator=generator) * 2).softmax(1)


def scrambled(members: int) -> FusionNetwork:
    torch.manual_seed(2)
    network = FusionNetwork(members).eval().requires_grad_(False)
    torch.nn.init.normal_(network.decide.weight, std=0.5)
    return network


@torch.no_grad()
def test_untrained_it_is_the_mean_of_logits() -> None:
    planes = soft(3, 2)
    logits = torch.logit(planes[:, 1:].clamp(FLOOR, 1 - FLOOR)).mean(0)
    expected = soft_aggregate(logits.sigmoid())
    for found, wanted in zip(FusionNetwork(3)(planes), expected):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("objects", [1, 3, 12])
def test_order_of_objects_does_not_matter(objects) -> None:
    planes, network = soft(2, objects), scrambled(2)
    order = torch.randperm(objects, generator=torch.Generator().manual_seed(1)) + 1
    rows = torch.cat([torch.zeros(1, dtype=torch.long), order])
    expected = network(planes)[1][rows]
    torch.testing.assert_close(network(planes[:, rows])[1], expected, atol=1e-5, rtol=0)
    assert not torch.allclose(expected, FusionNetwork(2)(planes)[1][rows], atol=1e-3)


@torch.no_grad()
def test_without_objects_all_is_background() -> None:
    assert torch.equal(scrambled(2)(torch.ones(2, 1, 5, 6))[1], torch.ones(1, 5, 6))


@torch.no_grad()
def test_a_dropped_member_has_no_say() -> None:
    planes, network = soft(3, 2), FusionNetwork(3)
    other = planes.clone()
    other[1] = soft(1, 2, seed=5)[0]
    expected = FusionNetwork(2)(planes[[0, 2]])[1]
    torch.testing.assert_close(network(planes, dropped=1)[1], expected, atol=1e-5, rtol=0)


def test_features_by_hand() -> None:
    planes = torch.tensor([[0.5, 0.25, 0.25, 0.0], [0.1, 0.6, 0.1, 0.2]])[..., None, None]
    found = member_features(planes, 1).flatten()
    entropy = [-(p * p.clamp(min=1e-30).log()).sum() for p in planes.flatten(1)]
    expected = [0.25, 0.6, 0.25, 0.2, 0.5, 0.1, *entropy, 0.425, 0.175**2]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-6, rtol=0)


def test_it_is_light() -> None:
    count = sum(parameter.numel() for parameter in FusionNetwork(4).parameters())
    assert 23_000 <= count <= 26_000


def half_blind_frames(count: int, seed: int) -> list[FitFrame]:
    """One member is right on the left and noise on the right, the other the other way round."""
    rng = np.random.default_rng(seed)
    frames = []
    for index in range(count):
        labels = np.zeros((48, 64), np.uint8)
        for row, left in ((1, 6), (2, 38)):
            top = int(rng.integers(4, 20))
            labels[top : top + 20, left : left + 18] = row
        right = np.where(np.arange(3)[:, None, None] == labels, 0.9, 0.05)
        noise = rng.dirichlet([0.3] * 3, (48, 64)).transpose(2, 0, 1)
        west = np.arange(64) < 32
        planes = np.stack([np.where(west, right, noise), np.where(west, noise, right)])
        frames.append(
            FitFrame(
                f"video {index % 3}",
                torch.from_numpy((planes * 255).astype(np.uint8)),
                torch.from_numpy(labels),
            )
        )
    return frames


def mean_iou(frames: list[FitFrame], fuse) -> float:
    scores = []
    for frame in frames:
        labels = fuse(frame.probabilities()).argmax(0)
        for row in (1, 2):
            mine, true = labels == row, frame.labels == row
            scores.append(float((mine & true).sum() / (mine | true).sum()))
    return float(np.mean(scores))


def test_it_learns_whom_to_trust_where() -> None:
    options = FitOptions(iterations=120, crop=48, drop_member=0.0, learning_rate=3e-3)
    network = fit_network(half_blind_frames(6, seed=0), options)
    held_out = half_blind_frames(4, seed=1)
    plain = mean_iou(held_out, lambda planes: planes.mean(0))
    learned = mean_iou(held_out, lambda planes: network(planes)[1])
    assert learned > plain + 0.05


def test_fitting_again_gives_the_same_network() -> None:
    frames, options = half_blind_frames(2, seed=0), FitOptions(iterations=3, crop=32)
    one, two = fit_network(frames, options), fit_network(frames, options)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters()))


def test_weights_follow_who_is_right() -> None:
    frames = []
    for frame in half_blind_frames(4, seed=0):
        right = torch.from_numpy(np.arange(3)[:, None, None] == frame.labels.numpy())
        good = (right * 200 + 20).to(torch.uint8)
        frames.append(FitFrame(frame.video, torch.stack([good, frame.planes[0]]), frame.labels))
    weights = fit_weights(frames)
    assert sum(weights) == pytest.approx(1, abs=1e-3)
    assert weights[0] > 0.8


# The file

MARKS = ("aaa every:5", "bbb every:5")


def fitted_file(path: Path, **about) -> Path:
    Fitted(FittedAbout(marks=MARKS, **about), scrambled(2).state_dict()).save(path)
    return path


@torch.no_grad()
def test_method_learned_applies_the_file(tmp_path: Path) -> None:
    planes = soft(2, 2)
    method = choose_method("learned", {"weights": str(fitted_file(tmp_path / "e.safetensors"))})
    accumulator = method.prepare(Members(("x", "y"), marks=MARKS))()
    for number, part in enumerate(planes):
        accumulator.add(part, number)
    torch.testing.assert_close(accumulator.result(), scrambled(2)(planes)[1])


def test_fitted_weights_are_a_weighted_mean(tmp_path: Path) -> None:
    path = fitted_file(tmp_path / "e.safetensors", weights=(0.75, 0.25))
    planes = soft(2, 2)
    accumulator = choose_method("learned", {"weights": path}).prepare(
        Members(("x", "y"), marks=MARKS)
    )()
    for number, part in enumerate(planes):
        accumulator.add(part, number)
    torch.testing.assert_close(accumulator.result(), planes[0] * 0.75 + planes[1] * 0.25)


@pytest.mark.parametrize(
    ("marks", "sentence"),
    [
        (("aaa every:5", "ccc every:5"), r"not fitted on y \(ccc every:5\); lacks bbb every:5"),
        (("bbb every:5", "aaa every:5"), "another order"),
        (("aaa every:5", "aaa every:5"), "lacks bbb"),
        (("aaa every:5",), "lacks bbb every:5"),
    ],
)
def test_other_members_are_refused(tmp_path: Path, marks, sentence) -> None:
    method = choose_method("learned", {"weights": fitted_file(tmp_path / "e.safetensors")})
    with pytest.raises(UsageError, match=sentence):
        method.prepare(Members(("x", "y")[: len(marks)], marks=marks))


def test_damaged_files_are_a_sentence(tmp_path: Path) -> None:
    foreign, short, wrong = (tmp_path / name for name in ("f.safetensors", "s.st", "w.st"))
    save_file({"a": torch.zeros(1)}, foreign)
    short.write_bytes(fitted_file(tmp_path / "e.safetensors").read_bytes()[:200])
    Fitted(FittedAbout(marks=("a", "b", "c")), scrambled(2).state_dict()).save(wrong)
    uneven = tmp_path / "u.st"
    fitted_file(uneven, weights=(1.0,))
    for path in (foreign, short, wrong, uneven, tmp_path / "none"):
        with pytest.raises(CheckpointError):
            read_fitted(path)


def test_a_run_and_the_folder_that_it_wrote_have_the_same_mark() -> None:
    digest = "0123456789abcdef" * 4
    settings = {"checkpoints": [digest], "networks": [], "memory": ["every:5"]}
    assert folder_mark("x", {"settings": settings}) == run_mark(digest, "every:5")
    assert run_mark(digest, "every:5") == "0123456789ab every:5"
    named = {"checkpoints": [], "networks": [{"name": "a.long.module.name"}], "memory": ["every:5"]}
    assert folder_mark("x", {"settings": named}) == run_mark("a.long.module.name", "every:5")
    for manifest in (None, {}, {"settings": []}, {"settings": {"members": ["a"]}}):
        assert folder_mark("x", manifest) == "x"
    both = {**settings, "memory": ["every:5", "visible"]}
    assert folder_mark("x", {"settings": both}) != run_mark(digest, "every:5")


def test_views_are_part_of_the_mark_however_they_are_written() -> None:
    texts = {"flip,0.75,1.0": "a every:5 flip,0.75,1", "flip": "a every:5 flip,1"}
    texts |= {"1, .75 ,flip": "a every:5 flip,0.75,1", "none": "a every:5", "1.0": "a every:5"}
    settings = {"networks": [{"name": "a"}], "memory": ["every:5"]}
    for text, expected in texts.items():
        assert run_mark("a", "every:5", text) == expected
        for key in ("views", "tta"):
            assert folder_mark("x", {"settings": {**settings, key: text}}) == expected
    uneven = [{"scale": 1.0, "flip": True}, {"scale": 0.5, "flip": False}]
    mark = folder_mark("x", {"settings": {**settings, "views": uneven}})
    assert mark == run_mark("a", "every:5", uneven) != "a every:5"
