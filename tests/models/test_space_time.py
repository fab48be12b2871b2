"""STM, FAMNet and SCMN: published sizes, the protocol, and what must not change results."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vostool.core.types import Clip, Fate
from vostool.models import FrameViews, Segmenter
from vostool.models.released_stm import convert, is_released
from vostool.models.systems import famnet, scmn, stm

SMALL = {
    "backbone": "mobilenetv2_035",
    "key_channels": 8,
    "value_channels": 16,
    "decoder_channels": 8,
}
ASPP = {"name": "aspp", "rates": (1, 2)}
THIN = {"name": "residual", "channels": 4}
BUILDERS = [
    pytest.param(lambda **extra: stm.build(stm.Config(**SMALL, **extra)), id="stm"),
    pytest.param(lambda **extra: famnet.build(famnet.Config(**SMALL, **extra)), id="famnet"),
    pytest.param(
        lambda **extra: stm.build(stm.Config(**SMALL, mixer=ASPP, **extra)), id="stm-aspp"
    ),
    pytest.param(
        lambda **extra: scmn.build(scmn.Config(**SMALL, refinement=THIN, **extra)), id="scmn"
    ),
]
GIVEN, KEEP, SKIP = Fate.GIVEN, Fate.KEEP, Fate.SKIP


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def random_clip(frames: int = 3, objects: int = 3, height: int = 48, width: int = 80) -> Clip:
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(1, frames, height, width, dtype=torch.long)
    for row in range(objects):
        labels[..., 8:40, 4 + 25 * row : 20 + 25 * row] = row + 1
    images = torch.rand(1, frames, 3, height, width, generator=generator)
    return Clip(images, labels, torch.ones(1, objects, dtype=torch.bool))


@torch.no_grad()
def step_by_step(network: nn.Module, clip: Clip) -> list[torch.Tensor]:
    """Logits of frames 1.. from encode / memorize / segment, all frames kept."""
    state = network.start()
    rows = torch.arange(1, clip.present.shape[1] + 1)
    masks = (clip.labels[:, 0, None] == torch.cat([torch.zeros(1), rows])[:, None, None]).float()
    images = network.input_spec.normalise(clip.images)
    result = []
    for frame in range(1, clip.images.shape[1]):
        before = FrameViews.whole(images[:, frame - 1], frame - 1)
        network.memorize(before, network.encode(before), masks, state, [KEEP] * len(rows))
        now = FrameViews.whole(images[:, frame], frame)
        prediction = network.segment(now, network.encode(now), state)
        result.append(prediction.logits)
        masks = prediction.probabilities
    return result


def test_published_parameter_counts() -> None:
    network = stm.build(stm.Config())
    assert parameters(network) == 38_925_570
    assert parameters(network.encoder.memory) == 8_549_568
    assert parameters(network.encoder.query) == 8_543_296
    assert parameters(network.encoder.query_head) == 5_898_880
    assert parameters(network.decoder) + parameters(network.mixer) == 10_034_946
    aspp = stm.build(stm.Config(mixer="aspp"))
    assert parameters(aspp) == 38_925_570 + 7_602_176 - 2_359_552 + 590_080
    shared = famnet.build(famnet.Config())
    assert parameters(shared) == 30_312_962
    assert parameters(shared.mixer.aspp) == 7_602_176
    assert (
        parameters(famnet.build(famnet.Config(encoder={"shared_heads": False})))
        == 30_312_962 + 5_898_880
    )
    assert parameters(famnet.build(famnet.Config(backbone="resnext50_32x4d"))) == 30_204_674
    three = famnet.build(famnet.Config(mixer={"rates": (2, 4, 8)}))
    assert parameters(three.mixer.aspp) == 7_274_496


@pytest.mark.parametrize("build", BUILDERS)
def test_protocol_and_shapes(build) -> None:
    network = build().eval()
    assert isinstance(network, Segmenter)
    clip = random_clip()
    prediction = network(clip)
    assert prediction.logits.shape == prediction.probabilities.shape == (1, 2, 4, 48, 80)
    torch.testing.assert_close(prediction.probabilities, prediction.logits.softmax(2))
    features = network.encode(FrameViews.whole(clip.images[:, 0], 0))
    assert features.key.shape == (1, 15, 8)


@pytest.mark.parametrize("build", BUILDERS)
def test_training_pass_equals_frame_by_frame(build) -> None:
    network, clip = build().eval(), random_clip()
    with torch.no_grad():
        logits = network(clip).logits
    for frame, expected in enumerate(step_by_step(network, clip)):
        torch.testing.assert_close(logits[:, frame], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("build", BUILDERS)
def test_a_batch_equals_its_clips_and_absent_objects_stay_absent(build) -> None:
    network = build().eval()
    one, two = random_clip(objects=1), random_clip(objects=3)
    with torch.no_grad():
        together = network(Clip.collate([one, two])).logits
        alone = [network(clip).logits for clip in (one, two)]
    torch.testing.assert_close(together[1:], alone[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        together[:1].softmax(2)[:, :, :2], alone[0].softmax(2), atol=1e-5, rtol=0
    )
    assert together[0].softmax(1)[:, 2:].max() < 1e-6


@pytest.mark.parametrize("build", BUILDERS)
def test_object_order_does_not_matter(build) -> None:
    network, clip = build().eval(), random_clip()
    order = torch.tensor([0, 3, 1, 2])
    permuted = Clip(clip.images, order[clip.labels], clip.present)
    with torch.no_grad():
        original, changed = network(clip).logits, network(permuted).logits
    torch.testing.assert_close(changed[:, :, order], original, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("build", BUILDERS)
def test_views_do_not_mix(build) -> None:
    network, clip = build().eval(), random_clip(frames=2)
    flipped = Clip(clip.images.flip(-1), clip.labels.flip(-1), clip.present)
    with torch.no_grad():
        both = step_by_step(network, Clip.collate([clip, flipped]))[0]
        alone = [step_by_step(network, view)[0] for view in (clip, flipped)]
    torch.testing.assert_close(both, torch.cat(alone), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("build", BUILDERS)
@torch.no_grad()
def test_a_late_object_starts_its_own_memory_and_changes_nothing_before(build) -> None:
    network, clip = build().eval(), random_clip(frames=4, objects=2)
    images = network.input_spec.normalise(clip.images)
    masks = torch.stack([(clip.labels[0, 0] == row).float() for row in (0, 1, 2)])[None]
    state = network.start()
    for frame in range(3):
        seen = FrameViews.whole(images[:, frame], frame)
        count = 1 if frame < 2 else 2
        fates = [GIVEN if frame == 2 * row else KEEP for row in range(count)]
        network.memorize(seen, network.encode(seen), masks[:, : count + 1], state, fates)
    assert [bank.times for bank in state.objects] == [[0, 1, 2], [2]]
    last = FrameViews.whole(images[:, 3], 3)
    found = network.segment(last, network.encode(last), state)
    assert found.probabilities.shape == (1, 3, 48, 80)


@pytest.mark.parametrize("build", BUILDERS)
@torch.no_grad()
def test_skipped_objects_are_not_encoded_and_no_memory_means_no_probability(build) -> None:
    network, clip = build().eval(), random_clip(frames=2, objects=2)
    images = network.input_spec.normalise(clip.images)
    frame = FrameViews.whole(images[:, 0], 0)
    features = network.encode(frame)
    masks = torch.stack([(clip.labels[0, 0] == row).float() for row in (0, 1, 2)])[None]
    state = network.start()
    network.memorize(frame, features, masks, state, [SKIP, KEEP])
    assert [bank.times for bank in state.objects] == [[], [0]]
    p = network.segment(frame, features, state).probabilities
    assert p[:, 1].max() < 1e-6
    assert p[:, 2].max() > 1e-3


@pytest.mark.parametrize("build", BUILDERS)
def test_batch_norm_statistics_never_change(build) -> None:
    network = build().train()
    before = {
        name: value.clone() for name, value in network.state_dict().items() if "running" in name
    }
    assert before
    network(random_clip()).logits.sum().backward()
    network.eval()
    network.train()
    network(random_clip()).logits.sum().backward()
    after = network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("detach", [False, True])
def test_every_parameter_gets_a_gradient(build, detach: bool) -> None:
    network = build(detach_memory=detach).train()
    logits = network(random_clip()).logits
    nn.functional.cross_entropy(logits.flatten(0, 1), random_clip().labels[0, 1:]).backward()
    missing = [name for name, value in network.named_parameters() if value.grad is None]
    assert not missing


@pytest.mark.parametrize("module", [stm, famnet])
def test_without_mask_weights_an_untrained_encoder_sees_no_mask(module) -> None:
    images, owner = torch.rand(1, 3, 48, 80), torch.zeros(1, dtype=torch.long)
    empty, full = torch.zeros(1, 48, 80), torch.ones(1, 48, 80)
    differs = {}
    for weight in (0.0, 0.2, 1.0):
        torch.manual_seed(0)
        network = module.build(module.Config(**SMALL, mask_weights=weight)).eval()
        with torch.no_grad():
            keys = [
                network.encoder.see_masks(images, mask, empty, owner)[0] for mask in (empty, full)
            ]
        differs[weight] = float((keys[0] - keys[1]).abs().max())
    assert differs[0.0] == 0.0
    assert 0.0 < differs[0.2] < differs[1.0]


def test_famnet_query_is_memory_of_an_all_one_mask() -> None:
    network = famnet.build(famnet.Config(**SMALL)).eval()
    images = torch.rand(2, 3, 32, 48)
    ones, owner = torch.ones(2, 32, 48), torch.arange(2)
    with torch.no_grad():
        memory_key, _ = network.encoder.see_masks(images, ones, ones, owner)
        assert torch.equal(network.encode(FrameViews.whole(images, 0)).key, memory_key)


def released_names_and_shapes(network: nn.Module) -> dict[str, torch.Tensor]:
    """The released file's tensors, written down from the authors' module structure."""
    state: dict[str, torch.Tensor] = {}
    for encoder, ours in (("M", network.encoder.memory), ("Q", network.encoder.query)):
        state[f"Encoder_{encoder}.mean"] = torch.zeros(1, 3, 1, 1)
        state[f"Encoder_{encoder}.std"] = torch.ones(1, 3, 1, 1)
        state[f"Encoder_{encoder}.conv1.weight"] = torch.randn(64, 3, 7, 7)
        for name, tensor in ours.net.state_dict().items():
            stage, _, rest = name.partition(".")
            if stage.startswith("layer"):
                state[f"Encoder_{encoder}.res{int(stage[-1]) + 1}.{rest}"] = torch.randn(
                    tensor.shape
                ).to(tensor.dtype)
            elif stage == "bn1":
                state[f"Encoder_{encoder}.bn1.{rest}"] = torch.randn(tensor.shape).to(tensor.dtype)
    state["Encoder_M.conv1_m.weight"] = torch.randn(64, 1, 7, 7)
    state["Encoder_M.conv1_o.weight"] = torch.randn(64, 1, 7, 7)
    convs = {"KV_M_r4.Key": (128, 1024), "KV_M_r4.Value": (512, 1024)}
    convs |= {"KV_Q_r4.Key": (128, 1024), "KV_Q_r4.Value": (512, 1024)}
    convs |= {"Decoder.convFM": (256, 1024), "Decoder.pred2": (2, 256)}
    convs |= {"Decoder.RF3.convFS": (256, 512), "Decoder.RF2.convFS": (256, 256)}
    for block in ("ResMM", "RF3.ResFS", "RF3.ResMM", "RF2.ResFS", "RF2.ResMM"):
        convs |= {f"Decoder.{block}.conv1": (256, 256), f"Decoder.{block}.conv2": (256, 256)}
    for name, (out_channels, in_channels) in convs.items():
        state[f"{name}.weight"] = torch.randn(out_channels, in_channels, 3, 3)
        state[f"{name}.bias"] = torch.randn(out_channels)
    return state


@pytest.mark.parametrize("prefix", ["", "module."])
def test_released_stm_weights_fit_exactly(prefix: str) -> None:
    network = stm.build(stm.Config())
    released = {
        prefix + name: tensor for name, tensor in released_names_and_shapes(network).items()
    }
    assert is_released(released)
    network.load_state_dict(convert(released), strict=True)
    assert torch.equal(
        network.encoder.memory.net.conv1.masks[1].weight,
        released[prefix + "Encoder_M.conv1_o.weight"],
    )
    # Released order of the decoder's input is (read-out, query value).
    assert torch.equal(network.mixer.compress.weight, released[prefix + "Decoder.convFM.weight"])


@pytest.mark.slow
@pytest.mark.parametrize("module", [stm, famnet, scmn], ids=["stm", "famnet", "scmn"])
def test_overfits_one_clip(module) -> None:
    torch.manual_seed(0)
    config = module.Config(
        backbone="resnet18",
        backbone_options={"channels": (16, 24, 32, 48), "stem_width": 16},
        key_channels=32,
        value_channels=64,
        decoder_channels=32,
    )
    network = module.build(config)
    clip = moving_squares()
    calibrate_batch_norm(network, clip)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(300):
        logits = network.train()(clip).logits
        loss = nn.functional.cross_entropy(logits[0], clip.labels[0, 1:])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        reached = mean_j(logits[0].argmax(1), clip.labels[0, 1:])
        if reached > 0.93:
            break
    assert reached > 0.9


def moving_squares() -> Clip:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, 3, 64, 64, generator=generator) * 0.3
    labels = torch.zeros(1, 3, 64, 64, dtype=torch.long)
    for frame in range(3):
        for row, (top, left, colour) in enumerate(
            ((8, 6, (0.9, 0.2, 0.1)), (34, 30, (0.1, 0.4, 0.9)))
        ):
            place = (
                slice(top + 2 * frame, top + 2 * frame + 22),
                slice(left + 3 * frame, left + 3 * frame + 22),
            )
            labels[0, frame][place] = row + 1
            texture = torch.rand(22, 22, generator=torch.Generator().manual_seed(row)) * 0.3
            for channel in range(3):
                images[0, frame, channel][place] = colour[channel] * 0.7 + texture
    return Clip(images, labels, torch.ones(1, 2, dtype=torch.bool))


def calibrate_batch_norm(network: nn.Module, clip: Clip) -> None:
    """Random trunks need statistics before they are frozen: two passes in training mode."""
    network.train()
    for child in network.modules():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            child.train()
            child.momentum = 0.5
    with torch.no_grad():
        for _ in range(2):
            network(clip)
    network.train()


def mean_j(predicted: torch.Tensor, truth: torch.Tensor) -> float:
    scores = []
    for row in (1, 2):
        for frame in range(len(truth)):
            a, b = predicted[frame] == row, truth[frame] == row
            scores.append(float((a & b).sum() / (a | b).sum().clamp(min=1)))
    return sum(scores) / len(scores)


def masks_seen(network: nn.Module) -> list[torch.Tensor]:
    """What the memory's encoder is given, frame by frame, from now on."""
    seen, real = [], network.encoder.see_masks

    def noted(images, masks, others, owner):
        seen.append(masks.detach())
        return real(images, masks, others, owner)

    network.encoder.see_masks = noted
    return seen


def test_hard_masks_give_each_pixel_to_the_likeliest() -> None:
    torch.manual_seed(0)
    network = famnet.build(famnet.Config(**SMALL, hard_masks=1.0))
    seen, clip = masks_seen(network), random_clip(frames=3, objects=2)
    with torch.no_grad():
        found = network(clip).probabilities[0, 0]
    assert torch.equal(seen[0], torch.stack([clip.labels[0, 0] == row for row in (1, 2)]).float())
    for y, x in [(0, 0), (20, 10), (20, 40), (47, 79), (9, 33)]:
        likeliest = max(range(3), key=lambda row: float(found[row, y, x]))
        assert seen[1][:, y, x].tolist() == [float(likeliest == row) for row in (1, 2)]
    assert set(seen[1].unique().tolist()) <= {0.0, 1.0}


def test_detached_masks_cut_the_gradient_as_detach_memory_does() -> None:
    found = {}
    for name, values in {
        "soft": {},
        "detached": {"detached_masks": 1.0},
        "always": {"detach_memory": True},
    }.items():
        torch.manual_seed(0)
        network = famnet.build(famnet.Config(**SMALL, **values))
        network(random_clip(frames=3, objects=2)).logits[:, -1].square().sum().backward()
        found[name] = torch.cat([value.grad.flatten() for value in network.parameters()])
    assert torch.equal(found["detached"], found["always"])
    assert not torch.allclose(found["soft"], found["always"], rtol=1e-3)


def test_only_some_clips_are_befallen() -> None:
    torch.manual_seed(0)
    network = famnet.build(famnet.Config(**SMALL, hard_masks=0.5))
    one = random_clip(frames=3, objects=2)
    clip, seen = Clip.collate([one] * 12), masks_seen(network)
    with torch.no_grad():
        network(clip)
    is_hard = [bool(((mask == 0) | (mask == 1)).all()) for mask in seen[1].unflatten(0, (12, 2))]
    assert 2 <= sum(is_hard) <= 10
