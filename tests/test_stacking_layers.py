"""Each layer's stacked form computes what S separate layers compute: outputs, gradients, statistics."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nnbench.engine.seeding import generators
from nnbench.engine.stacked_layers import CannotStackError, StackedBatchNorm, stack
from nnbench.engine.stacking import BestWeights, Replicates
from nnbench.models.base import Recurrent, SkipBlock, Steps

SEEDS = (0, 3, 7)
BATCH = 5
SMALL = (1, 3, 3)  # so small that convolutions are stacked on a CPU, too


pytestmark = pytest.mark.usefixtures("on_one_thread")


def made(build: Callable[[], nn.Module]) -> list[nn.Module]:
    """One module a replicate with random weights and statistics, from a private random state."""
    modules = []
    with torch.random.fork_rng(devices=[]):
        for seed in SEEDS:
            torch.manual_seed(seed)
            module = build()
            for tensor in [*module.parameters(), *module.buffers()]:
                if tensor.is_floating_point():
                    nn.init.uniform_(tensor, 0.1, 0.6)
            modules.append(module)
    return modules


def gradients_as_weights(modules: list[nn.Module]) -> list[nn.Module]:
    """Copies whose weights are the gradients: stacked, these are the gradients of the stacked form."""
    copies = copy.deepcopy(modules)
    for module, own in zip(modules, copies, strict=True):
        for parameter, target in zip(module.parameters(), own.parameters(), strict=True):
            assert parameter.grad is not None
            target.data = parameter.grad.clone()
    return copies


def random_inputs(*shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(len(SEEDS), BATCH, *shape, generator=draw)


def assert_same(modules: list[nn.Module], inputs: Tensor, *, tries: int = 2) -> nn.Module:
    """Several passes, so that running statistics have moved."""
    stacked = stack(copy.deepcopy(modules), generators(SEEDS, "dropout"))
    for _ in range(tries):
        ours, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
        outputs = stacked(ours)
        alone = torch.stack([m(x) for m, x in zip(modules, theirs, strict=True)])
        torch.testing.assert_close(outputs, alone, rtol=1e-5, atol=1e-5)
        weights = torch.linspace(-1, 1, outputs.numel()).view(outputs.shape)
        (outputs * weights).sum().backward()
        (alone * weights).sum().backward()
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)
    if list(stacked.parameters()):
        wanted = stack(gradients_as_weights(modules), generators(SEEDS, "dropout"))
        for got, want in zip(stacked.parameters(), wanted.parameters(), strict=True):
            torch.testing.assert_close(got.grad, want.data, rtol=1e-4, atol=1e-5)
    return stacked


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "batch norm of vectors": (lambda: nn.BatchNorm1d(4), (4,)),
    "batch norm of signals": (lambda: nn.BatchNorm1d(4), (4, 6)),
    "batch norm of images": (lambda: nn.BatchNorm2d(2, eps=0.1, momentum=0.3), (2, 3, 5)),
    "skip": (lambda: SkipBlock(nn.Sequential(nn.Linear(4, 4), nn.Tanh())), (4,)),
    "convolution of signals": (lambda: nn.Conv1d(2, 4, 3, padding=1), (2, 7)),
    "convolution of images": (lambda: nn.Conv2d(2, 4, 3, padding="same"), (2, 4, 5)),
    "strided": (lambda: nn.Conv2d(1, 2, (3, 2), stride=2, bias=False), (1, 7, 6)),
    "grouped": (lambda: nn.Conv2d(4, 8, 3, groups=2, dilation=2), (4, 6, 6)),
    "max pool 1d": (lambda: nn.MaxPool1d(2), (2, 7)),
    "max pool 2d": (lambda: nn.MaxPool2d(2, 1), (2, 5, 6)),
    "mean pool 1d": (lambda: nn.AvgPool1d(2), (2, 7)),
    "mean pool 2d": (lambda: nn.AvgPool2d(2), (2, 5, 6)),
    "adaptive 1d": (lambda: nn.AdaptiveAvgPool1d(3), (2, 7)),
    "adaptive 2d": (lambda: nn.AdaptiveAvgPool2d((2, 1)), (2, 5, 6)),
    "unflatten": (lambda: nn.Unflatten(1, (2, 3)), (6,)),
    "flatten": (lambda: nn.Flatten(1, 2), (2, 3, 4)),
    "rows of images": (Steps, (2, 3, 4)),
    "values of signals": (Steps, (5,)),
    "GRU": (lambda: Recurrent(nn.GRU, (3, 4), last=True), (6, 3)),
    "GRU, all states": (lambda: Recurrent(nn.GRU, (3, 4), last=False), (6, 3)),
    "chain": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 2), nn.Sigmoid(), nn.Flatten(), nn.Linear(8, 3),
        ),
        (1, 4, 6),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_the_stacked_form_equals_separate_layers(name: str) -> None:
    build, shape = LAYERS[name]
    assert_same(made(build), random_inputs(*shape))


@pytest.mark.parametrize("shape", [(4,), (4, 6)])
def test_running_statistics_are_each_replicates_own(shape: tuple[int, ...]) -> None:
    modules = made(lambda: nn.BatchNorm1d(4))
    stacked = assert_same(modules, random_inputs(*shape), tries=3)
    assert isinstance(stacked.layer, StackedBatchNorm)
    for name in ("running_mean", "running_var"):
        wanted = torch.stack([getattr(m, name) for m in modules])
        torch.testing.assert_close(getattr(stacked.layer, name), wanted)
    for module in modules:
        module.eval()
    alone = torch.stack([m(x) for m, x in zip(modules, random_inputs(*shape), strict=True)])
    torch.testing.assert_close(stacked.eval()(random_inputs(*shape)), alone)


def test_a_batch_of_one_has_no_variance_whether_layers_are_stacked_or_not() -> None:
    layers = made(lambda: nn.BatchNorm1d(4))
    inputs = random_inputs(4)[:, :1]
    for refused in (
        lambda: stack(layers, generators(SEEDS, "dropout"))(inputs),
        lambda: layers[0](inputs[0]),
    ):
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            refused()


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.BatchNorm1d(4, momentum=None),
        lambda: nn.BatchNorm1d(4, affine=False),
        lambda: nn.BatchNorm1d(4, track_running_stats=False),
        lambda: nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular"),
        lambda: nn.MaxPool1d(2, return_indices=True),
        lambda: nn.Flatten(0),
        lambda: nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)),
        lambda: nn.Bilinear(2, 2, 2),
    ],
)
def test_what_has_no_stacked_form_is_refused(build: Callable[[], nn.Module]) -> None:
    with pytest.raises(CannotStackError):
        stack([build() for _ in SEEDS], generators(SEEDS, "dropout"))


def convolutional() -> list[nn.Module]:
    return made(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 3)))


@pytest.mark.parametrize(
    ("shape", "stacked"),
    [((1, 10, 10), True), ((3, 10, 11), False), ((100,), True), ((101,), False), (None, False)],
)
def test_convolutions_are_stacked_on_a_cpu_where_inputs_are_small(shape, stacked: bool) -> None:
    own = generators(SEEDS, "dropout")
    assert Replicates(convolutional(), own, input_shape=shape).stacked == stacked
    dense = made(lambda: nn.Sequential(nn.Flatten(), nn.Linear(9, 3)))
    assert Replicates(dense, own, input_shape=shape).stacked


def test_convolutions_that_are_not_stacked_give_the_same_results() -> None:
    own = generators(SEEDS, "dropout")
    small, large = (Replicates(convolutional(), own, input_shape=s) for s in (SMALL, None))
    assert (small.stacked, large.stacked) == (True, False)
    inputs = random_inputs(*SMALL)
    torch.testing.assert_close(small(inputs), large(inputs))
    assert small.parameters_each() == large.parameters_each() == (2 * 9 + 2) + (2 * 3 + 3)
    assert [k.ndim for k in small.kernels()] == [5, 3]
    assert [k.ndim for k in large.kernels()] == [4, 2] * 3


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_the_penalised_kernels_of_recurrent_layers_are_those_of_their_inputs(cell) -> None:
    modules = made(lambda: nn.Sequential(Recurrent(cell, (3, 4), last=True), nn.Linear(4, 2)))
    model = Replicates(modules, generators(SEEDS, "dropout"))
    gates = 4 if cell is nn.LSTM else 3
    values = sum(k.numel() for k in model.kernels()) / len(SEEDS)
    assert values == gates * 4 * 3 + 4 * 2  # Keras' kernel_regularizer spares recurrent kernels


def test_running_statistics_come_back_with_the_best_weights() -> None:
    inputs = random_inputs(4)
    modules = made(lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2)))
    model = Replicates(modules, generators(SEEDS, "dropout"))
    best = BestWeights(model)
    before = [buffer.clone() for buffer in model.buffers()]
    model(inputs)
    best.keep(torch.tensor([False, True, False]))
    moved = [buffer.clone() for buffer in model.buffers()]
    model(inputs)
    best.restore()
    for start, kept, now in zip(before, moved, model.buffers(), strict=True):
        assert torch.equal(now[0], start[0])
        assert torch.equal(now[1], kept[1])
        assert not torch.equal(start[1], kept[1])
