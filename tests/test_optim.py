"""The optimisers are PyTorch's, step by step, and keep replicates apart."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from tiny_training import built, tiny_data
from torch import nn

from nnbench.engine.optim import Optimizer, add_penalty_gradients, scheduled_lr
from nnbench.registry import OPTIMIZERS, load
from nnbench.settings import Settings

ORACLES: dict[str, tuple[dict[str, float], Callable[..., torch.optim.Optimizer], dict]] = {
    "adam": ({}, torch.optim.Adam, {"eps": 1e-7, "fused": True}),
    "sgd": ({}, torch.optim.SGD, {"fused": True}),
    "sgd with momentum": ({"momentum": 0.9}, torch.optim.SGD, {"fused": True, "momentum": 0.9}),
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("on_one_thread")


def made(name: str, parameters: list[nn.Parameter], **settings: float) -> Optimizer:
    optimizer = name.partition(" ")[0]
    values = Settings(optimizer=optimizer, **settings)
    return load("test", optimizer, OPTIMIZERS)(parameters, values)


def parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values))


def random_parameters(count: int = 1) -> list[list[nn.Parameter]]:
    """The same parameters, ``count`` times."""
    draw = torch.Generator().manual_seed(0)
    values = [torch.randn(shape, generator=draw) for shape in [(3, 17, 5), (3, 1, 5), (33,)]]
    return [[nn.Parameter(value.clone()) for value in values] for _ in range(count)]


def set_gradients(parameters: list[nn.Parameter], step: int) -> None:
    draw = torch.Generator().manual_seed(100 + step)
    for p in parameters:
        p.grad = torch.randn(p.shape, generator=draw)


@pytest.mark.parametrize("name", ORACLES)
def test_an_optimiser_equals_its_torch_class_bit_for_bit(name: str) -> None:
    settings, oracle, options = ORACLES[name]
    ours, theirs = random_parameters(2)
    optimizer, reference = made(name, ours, **settings), oracle(theirs, lr=1.0, **options)
    for step, lr in enumerate([1e-3, 1e-3, 3e-2, 1e-4, 1e-2, 1e-2]):
        for parameters in (ours, theirs):
            set_gradients(parameters, step)
        reference.param_groups[0]["lr"] = lr
        reference.step()
        optimizer.step(lr)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_every_registered_optimiser_has_an_oracle() -> None:
    assert {name.partition(" ")[0] for name in ORACLES} == set(OPTIMIZERS) - {"rmsprop"}
    # PyTorch's RMSprop is not Keras'; ours is held to Keras' formula below


def adam_by_hand(weight: float, gradients: list[float], lr: float) -> float:
    first = second = 0.0
    for step, gradient in enumerate(gradients, start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        unbiased = first / (1 - 0.9**step)
        weight -= lr * unbiased / (math.sqrt(second / (1 - 0.999**step)) + 1e-7)
    return weight


def sgd_by_hand(weight: float, gradients: list[float], lr: float, momentum: float = 0.0) -> float:
    velocity = 0.0
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        weight -= lr * velocity
    return weight


def rmsprop_by_hand(
    weight: float, gradients: list[float], lr: float, momentum: float = 0.0
) -> float:
    square = velocity = 0.0
    for gradient in gradients:
        square = 0.9 * square + 0.1 * gradient**2
        velocity = momentum * velocity + lr * gradient / math.sqrt(square + 1e-7)
        weight -= velocity
    return weight


@pytest.mark.parametrize("gradients", [[0.5], [0.5, -2.0], [0.5, -2.0, 0.25]], ids=len)
@pytest.mark.parametrize(
    ("name", "settings", "by_hand"),
    [
        ("adam", {}, adam_by_hand),
        ("sgd", {}, sgd_by_hand),
        ("sgd", {"momentum": 0.9}, lambda w, g, lr: sgd_by_hand(w, g, lr, momentum=0.9)),
        ("rmsprop", {}, rmsprop_by_hand),
        ("rmsprop", {"momentum": 0.5}, lambda w, g, lr: rmsprop_by_hand(w, g, lr, momentum=0.5)),
    ],
)
def test_steps_are_those_computed_by_hand(name, settings, by_hand, gradients) -> None:
    weight = parameter(1.5)
    optimizer = made(name, [weight], **settings)
    for gradient in gradients:
        weight.grad = torch.tensor([gradient])
        optimizer.step(0.01)
    assert weight.item() == pytest.approx(by_hand(1.5, gradients, 0.01), rel=2e-6)


def test_rmsprop_slows_down_where_gradients_are_small_as_in_keras() -> None:
    weight, gradients = parameter(0.0), [1e-5, -3e-5, 2e-6]
    optimizer = made("rmsprop", [weight])
    for gradient in gradients:
        weight.grad = torch.tensor([gradient])
        optimizer.step(1.0)
    # with epsilon outside the root, as in PyTorch, each step would be about 1
    assert weight.item() == pytest.approx(rmsprop_by_hand(0.0, gradients, 1.0), rel=1e-5)
    assert abs(weight.item()) < 0.1


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient() -> None:
    weight = parameter(0.0, 0.0)
    weight.grad = torch.tensor([1e-3, -1e3])
    made("adam", [weight]).step(0.25)
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.25, 0.25]), rtol=2e-4, atol=0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_finds_the_bottom_of_a_bowl(name: str) -> None:
    weight, steepness = parameter(1.0, -1.0, 0.5), torch.tensor([1.0, 2.0, 4.0])
    optimizer = made(name, [weight])
    for _ in range(200):
        (0.5 * steepness * weight.square()).sum().backward()
        optimizer.step(0.02)
    assert (0.5 * steepness * weight.square()).sum() < 0.01 * 2.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_stacked_parameters_move_as_separate_ones_even_beside_nan(name: str) -> None:
    (together,) = random_parameters()
    together = together[:2]  # the stacked ones, three replicates each
    alone = [[nn.Parameter(p[r].detach().clone()) for p in together] for r in range(3)]
    stacked, separate = made(name, together), [made(name, own) for own in alone]
    for step in range(4):
        set_gradients(together, step)
        together[0].grad[1] = torch.nan
        for r, optimizer in enumerate(separate):
            for whole, own in zip(together, alone[r], strict=True):
                own.grad = whole.grad[r].clone()
            optimizer.step(0.01)
        stacked.step(0.01)
    for r in range(3):
        got = [whole.detach()[r] for whole in together]
        torch.testing.assert_close(
            got, [own.detach() for own in alone[r]], rtol=1e-6, atol=1e-7, equal_nan=True
        )
    assert together[0][1].isnan().all()
    assert together[0][[0, 2]].isfinite().all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_drops_gradients_and_leaves_parameters_without_one(name: str) -> None:
    used, unused = parameter(1.0), parameter(2.0)
    optimizer = made(name, [used, unused])
    for _ in range(2):
        used.grad = torch.tensor([1.0])
        optimizer.step(0.1)
        assert (used.grad, unused.grad) == (None, None)
    assert (used.item() < 1.0, unused.item()) == (True, 2.0)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.7), (0.3, 0.7), (0.0, 0.0)])
def test_penalty_gradients_are_those_of_autograd(l1: float, l2: float) -> None:
    (ours,) = random_parameters()
    with torch.no_grad():
        ours[0][0, 0] = 0.0  # |w| has no slope there; both say 0
    theirs = [nn.Parameter(p.detach().clone()) for p in ours]
    loss = sum(p.pow(3).sum() + l1 * p.abs().sum() + l2 * p.square().sum() for p in theirs)
    loss.backward()
    sum(p.pow(3).sum() for p in ours).backward()
    add_penalty_gradients(ours, l1=l1, l2=l2)
    torch.testing.assert_close([p.grad for p in ours], [p.grad for p in theirs])


def test_the_penalty_pulls_on_weights_and_not_on_biases() -> None:
    data = tiny_data((0, 1))
    model = built(Settings(hidden=(5,)), (0, 1), data)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    add_penalty_gradients(model.kernels(), l1=0.1, l2=0.1)
    touched = {name: bool(p.grad.any()) for name, p in model.named_parameters()}
    assert {name.rpartition(".")[2]: hit for name, hit in touched.items()} == {
        "weight": True,
        "bias": False,
    }
    assert len(touched) == 4


def rates(total: int, **settings: object) -> list[float]:
    values = Settings(lr=0.8, **settings)
    return [scheduled_lr(values, step=step, total=total) for step in range(total)]


def test_a_constant_rate_stays() -> None:
    assert rates(3) == [0.8] * 3


def test_a_step_schedule_falls_at_one_half_and_at_three_quarters() -> None:
    wanted = [0.8] * 4 + [0.08] * 2 + [0.008] * 2
    assert rates(8, schedule="step") == pytest.approx(wanted, rel=1e-12)


def test_a_cosine_schedule_falls_from_the_whole_rate_towards_zero() -> None:
    wanted = [0.8, 0.4 * (1 + math.sqrt(0.5)), 0.4, 0.4 * (1 - math.sqrt(0.5))]
    assert rates(4, schedule="cosine") == pytest.approx(wanted, rel=1e-12)
    assert rates(1000, schedule="cosine")[-1] == pytest.approx(
        0.8 * (math.pi / 2000) ** 2, rel=1e-4
    )
