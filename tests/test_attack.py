"""Adversarial attacks: by hand on linear networks, within their limit, and each on its own network and sample."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nnbench.engine.attack import attacked
from nnbench.engine.data import Bank, Normaliser
from nnbench.engine.images import shift_images
from nnbench.engine.objectives import CROSS_ENTROPY
from nnbench.engine.scores import Shifted, evaluate
from nnbench.engine.seeding import generators
from nnbench.sections import Shift

SEEDS, COUNT, SHAPE = (0, 1), 70, (1, 4, 4)  # more samples than one gradient takes
DRAW = torch.Generator().manual_seed(2)
IMAGES = torch.rand(2, COUNT, *SHAPE, generator=DRAW)
LABELS = torch.randint(0, 2, (2, COUNT), generator=DRAW)
STEPS = [1, 10]


pytestmark = pytest.mark.usefixtures("on_one_thread")


class Pair(nn.Module):
    """Two networks of their own: (2, B, *shape) -> (2, B, classes)."""

    def __init__(self, *networks: nn.Module) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([own(part) for own, part in zip(self.networks, x, strict=True)])


def linear(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))


def curved(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 2))


LINEAR, CURVED = Pair(linear(0), linear(1)), Pair(curved(0), curved(1))


def bank() -> Bank:
    shift, factor = (torch.full((2, 1, 1, 1, 1), value) for value in (0.5, 3.0))
    normaliser = Normaliser(shift=shift, factor=factor)
    return Bank(inputs=IMAGES.flatten(0, 1), labels=LABELS.flatten(), normaliser=normaliser)


def against(
    model: nn.Module, images: Tensor = IMAGES, labels: Tensor = LABELS, **how: float
) -> Tensor:
    return attacked(model, bank(), CROSS_ENTROPY, images, labels, Shift.model_validate(how))


def losses(model: nn.Module, images: Tensor) -> Tensor:
    """Each replicate's mean loss on images as they are, (2,)."""
    with torch.no_grad():
        return CROSS_ENTROPY.losses(model(bank().normalise(images.clone())), LABELS)


@pytest.mark.parametrize("steps", STEPS)
def test_against_a_linear_network_each_value_goes_straight_to_the_other_class(steps: int) -> None:
    found = against(LINEAR, attack=0.1, attack_steps=steps)
    for row in range(2):
        weight = LINEAR.networks[row][1].weight.detach()
        to_one = (weight[1] - weight[0]).sign().view(SHAPE)  # raises the output of class 1
        way = torch.where(LABELS[row].view(-1, 1, 1, 1) == 0, to_one, -to_one)
        assert torch.allclose(found[row], (IMAGES[row] + 0.1 * way).clamp(0.0, 1.0), atol=1e-6)


@pytest.mark.parametrize("model", [LINEAR, CURVED])
@pytest.mark.parametrize("steps", STEPS)
def test_no_value_moves_beyond_the_limit_or_the_range(model: nn.Module, steps: int) -> None:
    found = against(model, attack=0.05, attack_steps=steps)
    assert (found - IMAGES).abs().max() <= 0.05 + 1e-6
    assert (found.min() >= 0.0) & (found.max() <= 1.0)


def test_an_attack_of_almost_no_size_changes_almost_nothing() -> None:
    for steps in STEPS:
        found = against(CURVED, attack=1e-9, attack_steps=steps)
        assert torch.allclose(found, IMAGES, atol=1e-7)


def test_a_sample_is_attacked_as_if_it_were_alone() -> None:
    found = against(CURVED, attack=0.1, attack_steps=5)
    alone = against(CURVED, IMAGES[:, 66:67], LABELS[:, 66:67], attack=0.1, attack_steps=5)
    assert torch.allclose(found[:, 66:67], alone, atol=1e-6)


def test_attacks_raise_the_loss_and_random_signs_of_equal_size_much_less() -> None:
    plain = losses(CURVED, IMAGES)
    one, many = (losses(CURVED, against(CURVED, attack=0.1, attack_steps=n)) for n in STEPS)
    draws = generators(SEEDS, "shift")
    signs = [
        shift_images(own, Shift(signs=0.1), generator=draw)
        for own, draw in zip(IMAGES, draws, strict=True)
    ]
    random = losses(CURVED, torch.stack(signs))
    assert (many >= one - 1e-6).all()
    assert (one - plain > 5 * (random - plain).abs()).all()


def test_an_attack_leaves_no_gradient_in_the_network() -> None:
    against(CURVED, attack=0.1)
    assert all(p.grad is None for p in CURVED.parameters())


def test_random_signs_move_every_value_by_exactly_their_size() -> None:
    grey = torch.full((50, *SHAPE), 0.5)
    moved = shift_images(grey, Shift(signs=0.1), generator=generators([0], "shift")[0]) - grey
    assert torch.allclose(moved.abs(), torch.full_like(moved, 0.1), atol=1e-6)
    assert 0.4 < (moved > 0).double().mean() < 0.6


def test_the_score_under_attack_is_that_of_the_attacked_images() -> None:
    rows = torch.arange(2 * COUNT).view(2, COUNT)
    for attack in (0.0, 0.2):
        shift = Shift(attack=attack)
        seen = Shifted(
            bank=bank(), shift=shift, generators=generators(SEEDS, "shift"), model=CURVED, objective=CROSS_ENTROPY
        )  # fmt: skip
        found = evaluate(CURVED, seen, rows)
        expected = losses(CURVED, against(CURVED, attack=attack) if attack else IMAGES)
        assert found.loss.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_steps_without_an_attack_are_refused() -> None:
    with pytest.raises(ValueError, match="attack_steps needs an attack"):
        Shift(attack_steps=5)
