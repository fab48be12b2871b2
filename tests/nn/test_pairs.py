import pytest
import torch

from vostool.nn.pairs import add_image_part
from vostool.nn.trunk import Trunk
from vostool.nn.trunk_options import TrunkOptions

OWNERS = [
    pytest.param([0, 0, 0], id="one image"),
    pytest.param([0, 1, 0], id="no order"),
    pytest.param([0, 1, 1], id="unequal numbers"),
    pytest.param([0, 1], id="one each"),
    pytest.param([1, 0], id="one each, reversed"),
    pytest.param([0, 0, 0, 1, 1, 1], id="three each"),
]


@pytest.mark.parametrize("owners", OWNERS)
def test_each_pair_gets_the_part_of_its_image(owners: list[int]) -> None:
    owner = torch.tensor(owners)
    pairs, shared = torch.randn(len(owners), 4, 2, 5), torch.randn(max(owners) + 1, 4, 2, 5)
    expected = torch.stack([pairs[row] + shared[image] for row, image in enumerate(owner)])
    torch.testing.assert_close(add_image_part(pairs, shared, owner), expected)


@pytest.mark.parametrize("owners", OWNERS)
def test_gradients_reach_both(owners: list[int]) -> None:
    owner, images = torch.tensor(owners), max(owners) + 1
    pairs = torch.randn(len(owners), 1, 1, 2, requires_grad=True)
    shared = torch.randn(images, 1, 1, 2, requires_grad=True)
    add_image_part(pairs * 1, shared, owner).sum().backward()
    torch.testing.assert_close(pairs.grad, torch.ones_like(pairs))
    counts = torch.bincount(owner, minlength=images).float()
    torch.testing.assert_close(shared.grad, counts[:, None, None, None].expand(images, 1, 1, 2))


@pytest.mark.parametrize("options", [{}, {"pad_type": "same"}])
def test_joined_masks_are_the_same_convolution(options: dict) -> None:
    torch.manual_seed(0)
    name = "mobilenetv2_050" if options else "resnet18"
    trunk = Trunk(name, 2, options=TrunkOptions(**options)).eval().double()
    images, masks = torch.randn(2, 3, 64, 96).double(), torch.rand(3, 2, 64, 96).double()
    arguments = images, masks, torch.tensor([0, 0, 1])
    with torch.no_grad():
        before = trunk(*arguments)
        next(m for m in trunk.modules() if hasattr(m, "join_masks")).join_masks()
        after = trunk(*arguments)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)
