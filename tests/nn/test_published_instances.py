"""CFBI's and CFBI+'s per-instance part against values of the published code (commit 91fc6a3)."""

from __future__ import annotations

import pytest
import torch
from published import assert_summary, fill, normal, rectangles, renamed
from published_names import BOTTLENECK, DEEPLAB_ASPP, FPN, GATED_ASPP, ensembler_names

from vostool.nn.deeplab import DeepLabASPP
from vostool.nn.instances.blocks import GatedASPP, GatedBottleneck
from vostool.nn.instances.ensembler import CollaborativeEnsembler, InstanceMaps
from vostool.nn.instances.gates import ChannelGate, InstanceGate, RegionSums, instance_vector
from vostool.nn.instances.head import DynamicHead, min_background_logits
from vostool.nn.instances.matched_planes import (
    MatchedPlanes,
    MatchingPlan,
    PlaneHead,
    told_embeddings,
)
from vostool.nn.matching.distance import labels_at, one_hot_instances
from vostool.nn.matching.global_matching import ReferenceSet
from vostool.nn.pixel_embedding import FeaturePyramid, Pyramid

pytestmark = pytest.mark.usefixtures("no_gradients")


@pytest.fixture
def no_gradients():
    with torch.no_grad():
        yield


ATT_REF, ATT_PREV = normal("att.ref", 1, 6, 7, 8), normal("att.prev", 1, 6, 7, 8)
ATT_REF_MASKS = one_hot_instances(rectangles(7, 8, (1, 1, 4, 2, 6), (2, 4, 7, 0, 3)), 3)
ATT_PREV_MASKS = one_hot_instances(rectangles(7, 8, (1, 2, 5, 2, 6)), 3)


def attention_vector() -> torch.Tensor:
    reference = RegionSums.of(ATT_REF, ATT_REF_MASKS)
    return instance_vector(reference, RegionSums.of(ATT_PREV, ATT_PREV_MASKS))


def test_instance_vector() -> None:
    vector = attention_vector()
    assert vector.shape == (1, 3, 24)
    assert_summary(vector, "-.00636103 .211814 | .0434161 -.390115 -.345386 -.0410471")


def test_instance_vector_of_two_reference_frames() -> None:
    previous = RegionSums.of(ATT_PREV, ATT_PREV_MASKS)
    vector = instance_vector(RegionSums.of(ATT_REF, ATT_REF_MASKS) + previous, previous)
    assert_summary(vector, "-.0188289 .205577 | .0434161 -.311204 -.345386 -.147977")


def test_a_later_instance_has_no_pixel_in_earlier_reference_frames() -> None:
    early = RegionSums.of(ATT_REF, ATT_REF_MASKS[:, :2])
    both = early + RegionSums.of(ATT_PREV, ATT_PREV_MASKS)
    whole = RegionSums.of(ATT_REF, ATT_REF_MASKS * torch.tensor([1, 1, 0])[None, :, None, None])
    expected = whole + RegionSums.of(ATT_PREV, ATT_PREV_MASKS)
    torch.testing.assert_close(both.means(), expected.means())


def test_instance_gate() -> None:
    gate = InstanceGate(24, 10)
    fill(gate, "gate.", renamed({"linear": "IA"}))
    result = gate(normal("gate.x", 3, 10, 4, 5), attention_vector()[0])
    assert_summary(result, ".0605472 .905426 | .0351284 -.450761 -.746615 -.818151")


def test_channel_gate() -> None:
    gate = ChannelGate(12)
    x = normal("gct.x", 2, 12, 5, 6)
    assert torch.equal(gate(x), x)
    fill(gate, "gct.")
    assert_summary(gate(x), "-.0259138 .951372 | -1.04096 .193291 1.20897 .22571")


@pytest.mark.parametrize(
    ("name", "sizes", "expected"),
    [
        ("a", (20, 128, 1, 1), ".572034 .846395 | .211288 2.40927 .422158 2.46706"),
        ("b", (128, 128, 1, 2), ".562274 .828413 | 1.57726 .501114 1.03398 1.64131"),
        ("c", (128, 256, 2, 1), ".569587 .844661 | .885777 2.92292 .871402 .484712"),
    ],
)
def test_block(name, sizes, expected) -> None:
    block = GatedBottleneck(*sizes)
    fill(block, f"bneck.{name}.", renamed(BOTTLENECK))
    assert_summary(block(normal(f"bneck.{name}.x", 2, sizes[0], 9, 9)), expected)


def test_ensembler_aspp() -> None:
    aspp = GatedASPP(512, 256)
    fill(aspp, "caspp.", renamed(GATED_ASPP))
    result = aspp(normal("caspp.x", 2, 512, 5, 7))
    assert_summary(result, ".398587 .588546 | .035728 1.55998 1.07978 .283691")


def test_deeplab_aspp() -> None:
    aspp = DeepLabASPP(320).eval()
    fill(aspp, "dlaspp.", renamed(DEEPLAB_ASPP))
    result = aspp(normal("dlaspp.x", 1, 320, 5, 7))
    assert_summary(result, ".161738 .238565 | .326537 .0961456 .075898 .196278")


def test_feature_pyramid() -> None:
    pyramid = FeaturePyramid((10, 14, 18), 32)
    fill(pyramid, "fpn.", renamed(FPN))
    maps = pyramid(
        Pyramid(
            normal("fpn.x4", 1, 10, 17, 13),
            normal("fpn.x8", 1, 14, 9, 7),
            normal("fpn.x16", 1, 18, 5, 4),
        )
    )
    assert_summary(maps.stride4, ".403513 .591281 | .522918 .595808 .436184 1.48077")
    assert_summary(maps.stride8, ".398856 .565131 | 2.25645 .401682 .156405 .407244")
    assert_summary(maps.stride16, ".413712 .589135 | 1.09517 .885038 .518835 1.44851")


ENSEMBLER_LOGITS = "-1.04125 3.0011 | -4.924 -10.2529 -4.54664 1.08173"
ENSEMBLER_ALONE = ".992323 2.10926 | -3.54761 -.060613 -3.24159 1.13839"


@pytest.mark.parametrize(("instances", "expected"), [(3, ENSEMBLER_LOGITS), (1, ENSEMBLER_ALONE)])
def test_ensembler_of_three_scales(instances, expected) -> None:
    ensembler = CollaborativeEnsembler(20, 22, 24, 24, 16)
    fill(ensembler, "ens.", renamed(ensembler_names(scales=True)))
    assert sum(p.numel() for p in ensembler.parameters()) == 5_457_242
    maps = InstanceMaps(
        normal("ens.x4", 3, 20, 9, 11)[:instances],
        normal("ens.x8", 3, 22, 5, 6)[:instances],
        normal("ens.x16", 3, 24, 3, 3)[:instances],
    )
    vectors = (normal("ens.a", 3, 24) * 0.5)[None, :instances]
    logits = ensembler(maps, vectors, normal("ens.low", 1, 16, 9, 11))
    assert_summary(logits, expected)


def test_ensembler_of_one_scale() -> None:
    ensembler = CollaborativeEnsembler(20, 0, 0, 24, 16)
    fill(ensembler, "ens1.", renamed(ensembler_names(scales=False)))
    vectors = (normal("ens.a", 3, 24) * 0.5)[None]
    maps = InstanceMaps(normal("ens.x4", 3, 20, 9, 11))
    logits = ensembler(maps, vectors, normal("ens.low", 1, 16, 9, 11))
    assert_summary(logits, "-1.69773 3.5045 | -.180082 1.06914 -6.43602 3.13768")


def test_dynamic_head() -> None:
    head = DynamicHead(24, 128)
    fill(head, "ens.", renamed({"foreground": "IA_final_fg", "background": "IA_final_bg"}))
    x, vectors = normal("head.x", 3, 128, 4, 5)[None], (normal("ens.a", 3, 24) * 0.5)[None]
    foreground, background = head(x, vectors)
    assert_summary(foreground, ".613796 6.02573 | 5.77989 -1.28344 11.1679 -1.14721")
    assert_summary(background, ".522105 5.89199 | -4.89955 7.14854 -6.31576 -4.90879")
    logits = min_background_logits(foreground, background)
    assert_summary(logits, "-.523588 6.70502 | 6.09763 -1.28344 11.1679 -1.14721")


def test_min_background_by_hand() -> None:
    foreground = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    background = torch.tensor([-9.0, 0.5, 0.25]).view(1, 3, 1, 1)
    assert min_background_logits(foreground, background).flatten().tolist() == [1.25, 2.0, 3.0]


# Per-instance tensors of three scales

MS_REF = rectangles(65, 65, (1, 8, 40, 6, 30), (2, 30, 60, 34, 58))
MS_PREV = rectangles(65, 65, (1, 10, 42, 10, 34), (2, 28, 58, 38, 62))
MS_SIDE = {4: 17, 8: 9, 16: 5}
MS_BIAS = {4: (-0.3, 0.1), 8: (-0.2, 0.2), 16: (-0.1, 0.3)}
MS_PLAN = {
    4: MatchingPlan((4, 8), channels=8, global_rate=2, local_rate=2),
    8: MatchingPlan((2, 4), channels=12),
    16: MatchingPlan((1, 2), channels=16),
}


def embedding(name: str, stride: int) -> torch.Tensor:
    side = MS_SIDE[stride]
    return normal(f"ms.{name}{stride}", 1, 32, side, side) * 0.3


def planes_of(stride: int, plan: MatchingPlan) -> torch.Tensor:
    """Planes `[3, P, h, h]`."""
    matched = MatchedPlanes(plan).eval()
    matched.distance.background.fill_(MS_BIAS[stride][0])
    matched.distance.foreground.fill_(MS_BIAS[stride][1])
    size = (MS_SIDE[stride],) * 2
    reference = ReferenceSet()
    matched.add_reference(reference, embedding("ref", stride), labels_at(MS_REF, size), 3)
    before = labels_at(MS_PREV, size)
    current, previous = embedding("cur", stride), embedding("prev", stride)
    return matched(current, previous, before, reference, 3)[0]


def told(stride: int) -> list[torch.Tensor]:
    masks = one_hot_instances(labels_at(MS_PREV, (MS_SIDE[stride],) * 2), 3)
    return list(told_embeddings(embedding("cur", stride), embedding("prev", stride), masks))


@pytest.mark.parametrize(
    ("stride", "expected"),
    [
        (4, ".0170899 .257182 | -.154216 -.120748 .100445 .182271"),
        (8, ".027331 .274923 | .0334543 .175763 .160158 .910494"),
        (16, ".0414584 .303114 | .0300965 -.233463 -.068569 .0468002"),
    ],
)
def test_instance_tensors(stride, expected) -> None:
    planes = planes_of(stride, MS_PLAN[stride])
    tensor = torch.cat([planes, *told(stride)], 1)
    assert tensor.shape == (3, 103, MS_SIDE[stride], MS_SIDE[stride])
    assert_summary(tensor, expected)
    if stride == 4:
        assert_summary(planes, ".278015 .295663 | .232297 .153196 .313642 .3639")


def test_instance_vector_at_stride_4() -> None:
    masks = [one_hot_instances(labels_at(labels, (17, 17)), 3) for labels in (MS_REF, MS_PREV)]
    sums = [RegionSums.of(embedding(name, 4), part) for name, part in zip(("ref", "prev"), masks)]
    expected = "-.000526496 .0284646 | .0473835 -.00630979 -.00837769 -.027664"
    assert_summary(instance_vector(*sums), expected)


def test_instance_vector_that_published_training_saw() -> None:
    masks = [one_hot_instances(labels_at(labels, (17, 17)), 3) for labels in (MS_REF, MS_PREV)]
    sums = [
        RegionSums.of(embedding("ref", 4), masks[0], rate=2),
        RegionSums.of(embedding("prev", 4), masks[1]),
    ]
    expected = "-.00392709 .0449503 | .0473835 -.111423 -.00837769 -.0173617"
    assert_summary(instance_vector(*sums), expected)


def test_pre_head_of_one_scale() -> None:
    planes = planes_of(4, MatchingPlan((1, 2, 3), halved=True))
    head = PlaneHead(planes.shape[1])
    fill(head, "cfbi.prehead.", renamed({"norm": "bn"}))
    result = head(planes)
    assert_summary(result, ".433784 .520405 | 1.02517 1.04577 .252668 .888142")


def test_outside_of_an_instance_that_is_everything_there_is_nothing() -> None:
    # Where an object has left, the background is everything: what rounding leaves of a difference
    # of sums, divided by nearly no pixel, was up to thousands.
    torch.manual_seed(0)
    maps = 10 * torch.randn(1, 16, 33, 57)
    masks = torch.stack([torch.ones(33, 57), torch.zeros(33, 57)])[None]
    inside, outside = RegionSums.of(maps, masks).means().split(16, dim=2)
    assert (outside[:, 0] == 0).all()
    assert (inside[:, 1] == 0).all()
    mean = maps.double().mean((2, 3))[0].float()
    torch.testing.assert_close(inside[0, 0], mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outside[0, 1], mean, rtol=1e-4, atol=1e-5)
