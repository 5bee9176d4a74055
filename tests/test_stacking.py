"""Stacked replicates compute what separate modules compute, and never mix."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_training import Skip, gradients_of, stacked_of, weights_of
from torch import Tensor, nn

from nnbench.engine.seeding import generator, generators
from nnbench.engine.stacking import BestWeights, Replicates, SeededDropout
from nnbench.models.base import ModelSpec
from nnbench.models.mlp import build
from nnbench.registry import ACTIVATIONS, load

SEEDS = (0, 3, 7)
SHAPE, CLASSES, BATCH = (1, 3, 4), 3, 6


pytestmark = pytest.mark.usefixtures("on_one_thread")


def spec(
    hidden: tuple[int, ...] = (5, 4), activation: str = "relu", dropout: float = 0.0
) -> ModelSpec:
    made = load("test", activation, ACTIVATIONS)
    return ModelSpec(
        input_shape=SHAPE, classes=CLASSES, hidden=hidden, activation=made,
        dropout=dropout, init="glorot",
    )  # fmt: skip


def modules_of(shape: ModelSpec) -> list[nn.Module]:
    return [build(shape, generator(seed, "init")) for seed in SEEDS]


def skips(dropout: float = 0.5) -> list[nn.Module]:
    return [Skip(spec(dropout=dropout), generator(seed, "init")) for seed in SEEDS]


def batch() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(len(SEEDS), BATCH, *SHAPE, generator=draw)
    return inputs, torch.randint(0, CLASSES, (len(SEEDS), BATCH), generator=draw)


class OwnDropout(nn.Module):
    """Dropout for one module (B, ...) with a generator of its own."""

    def __init__(self, p: float, own: torch.Generator) -> None:
        super().__init__()
        self.leaf = SeededDropout(p, (own,))

    def forward(self, x: Tensor) -> Tensor:
        return self.leaf(x[None])[0]


def with_own_dropout(module: nn.Module, own: torch.Generator) -> nn.Module:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Dropout):
            setattr(module, name, OwnDropout(child.p, own))
    return module


def backward(outputs: Tensor, labels: Tensor) -> None:
    nn.functional.cross_entropy(outputs, labels, reduction="sum").backward()


def assert_same_as_separate(model: Replicates, separate: list[nn.Module]) -> None:
    inputs, labels = batch()
    outputs = model(inputs)
    backward(outputs.flatten(0, 1), labels.flatten())
    for row, (seed, module) in enumerate(zip(SEEDS, separate, strict=True)):
        alone = with_own_dropout(module, generator(seed, "dropout"))(inputs[row])
        backward(alone, labels[row])
        torch.testing.assert_close(outputs[row], alone, rtol=1e-5, atol=1e-6)
        wanted = [parameter.grad for parameter in module.parameters()]
        torch.testing.assert_close(gradients_of(model, row), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hidden", [(), (5, 4)], ids=["no hidden layer", "two hidden layers"])
@pytest.mark.parametrize("dropout", [0.0, 0.4], ids=["no dropout", "dropout"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_stacked_outputs_and_gradients_are_those_of_separate_modules(
    activation: str, dropout: float, hidden: tuple[int, ...]
) -> None:
    modules = modules_of(spec(hidden, activation, dropout))
    assert_same_as_separate(stacked_of(copy.deepcopy(modules), SEEDS), modules)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_mlp_is_stacked_with_every_activation(activation: str) -> None:
    assert stacked_of(modules_of(spec(activation=activation, dropout=0.4)), SEEDS).stacked


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_module_that_cannot_be_stacked_gives_the_same_results(dropout: float) -> None:
    modules = skips(dropout)
    model = stacked_of(copy.deepcopy(modules), SEEDS)
    assert not model.stacked
    assert_same_as_separate(model, modules)


def test_both_forms_of_one_network_agree() -> None:
    class Hidden(nn.Module):  # the same network behind a class that cannot be stacked
        def __init__(self, body: nn.Module) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x)

    stacked = stacked_of(modules_of(spec(dropout=0.4)), SEEDS)
    one_by_one = stacked_of([Hidden(m) for m in modules_of(spec(dropout=0.4))], SEEDS)
    assert (stacked.stacked, one_by_one.stacked) == (True, False)
    inputs, _ = batch()
    torch.testing.assert_close(stacked(inputs), one_by_one(inputs), rtol=1e-5, atol=1e-6)
    assert stacked.parameters_each() == one_by_one.parameters_each()


def test_a_module_that_cannot_be_stacked_leaves_the_global_random_state_alone() -> None:
    model = stacked_of(skips(), SEEDS)
    before = torch.get_rng_state()
    first, second = model(batch()[0]), model(batch()[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, second)  # and yet its dropout draws


def test_layers_work_on_inputs_of_any_rank() -> None:
    def network(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(6, CLASSES))

    with torch.random.fork_rng(devices=[]):
        modules = [network(seed) for seed in SEEDS]
    assert_same_as_separate(stacked_of(copy.deepcopy(modules), SEEDS), modules)


def test_a_layer_that_is_used_twice_stays_one_layer() -> None:
    def network(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        shared = nn.Linear(12, 12)
        return nn.Sequential(nn.Flatten(), shared, nn.ReLU(), shared, nn.Linear(12, CLASSES))

    with torch.random.fork_rng(devices=[]):
        modules = [network(seed) for seed in SEEDS]
    model = stacked_of(copy.deepcopy(modules), SEEDS)
    assert model.parameters_each() == sum(p.numel() for p in modules[0].parameters())
    assert_same_as_separate(model, modules)


def test_frozen_weights_stay_frozen() -> None:
    modules = modules_of(spec())
    for module in modules:
        module.get_submodule("1").requires_grad_(requires_grad=False)
    model = stacked_of(modules, SEEDS)
    assert model.parameters_each() == 104 - (12 * 5 + 5)
    assert all(kernel.requires_grad for kernel in model.kernels())


def test_each_replicate_draws_the_same_masks_stacked_and_alone() -> None:
    ones = torch.ones(len(SEEDS), 20, 30)
    together = SeededDropout(0.5, generators(SEEDS, "dropout"))
    alone = [SeededDropout(0.5, (generator(seed, "dropout"),)) for seed in SEEDS]
    for _ in range(2):
        masks = together(ones)
        assert torch.equal(masks, torch.cat([d(ones[:1]) for d in alone]))
        assert not torch.equal(masks[0], masks[1])


@pytest.mark.parametrize("made", [lambda: modules_of(spec(dropout=0.5)), skips])
def test_evaluation_drops_nothing_and_draws_nothing(made) -> None:
    own = generators(SEEDS, "dropout")
    model = Replicates(made(), own).eval()
    before = [g.get_state() for g in own]
    inputs, _ = batch()
    assert torch.equal(model(inputs), model(inputs))
    assert all(torch.equal(a, g.get_state()) for a, g in zip(before, own, strict=True))


@pytest.mark.parametrize("p", [0.003, 0.2, 0.5, 0.8, 0.999])
def test_dropout_keeps_its_share_of_units_and_the_mean(p: float) -> None:
    n = 400_000
    out = SeededDropout(p, generators((0,), "dropout"))(torch.ones(1, 400, n // 400))
    kept = (out != 0).double().mean().item()
    resolution = 1 / 131_072  # of the 16 bits that decide on a unit
    assert kept == pytest.approx(1 - p, abs=5 * (p * (1 - p) / n) ** 0.5 + resolution)
    (scale,) = out[out != 0].unique().tolist()
    assert 1 / scale == pytest.approx(1 - p, abs=resolution)


def test_dropout_decides_on_each_unit_independently() -> None:
    n = 400_000
    out = SeededDropout(0.5, generators((0,), "dropout"))(torch.ones(1, n))[0] - 1
    for lag in (1, 2, 3, 4, 8):  # within one 64-bit draw and between draws
        correlation = (out[lag:] * out[:-lag]).double().mean().item()
        assert abs(correlation) < 5 / n**0.5


@pytest.mark.parametrize("width", [1, 2, 3, 5, 7])
def test_dropout_takes_any_number_of_units(width: int) -> None:
    out = SeededDropout(0.5, generators(SEEDS, "dropout"))(torch.ones(len(SEEDS), 3, width))
    assert out.shape == (len(SEEDS), 3, width)
    assert set(out.unique().tolist()) <= {0.0, 2.0}


def test_kernels_are_the_weight_matrices_alone() -> None:
    stacked = stacked_of(modules_of(spec()), SEEDS)
    assert [tuple(k.shape) for k in stacked.kernels()] == [(3, 12, 5), (3, 5, 4), (3, 4, 3)]
    one_by_one = stacked_of(skips(), SEEDS)  # its BatchNorm scale is called weight, too
    assert [tuple(k.shape) for k in one_by_one.kernels()] == [(5, 12), (5, 5), (3, 5)] * 3


@pytest.mark.parametrize(
    ("modules", "count"),
    [(modules_of(spec()), 104), (modules_of(spec(())), 39), (skips(), 65 + 30 + 10 + 18)],
    ids=["12-5-4-3", "12-3", "not stacked"],
)
def test_parameters_are_counted_for_one_replicate(modules: list[nn.Module], count: int) -> None:
    assert stacked_of(modules, SEEDS).parameters_each() == count


def fill(model: Replicates, value: float) -> None:
    """Set everything that replicate r has, buffers included, to value + r."""
    for tensor, replicate in model.state():
        for r in range(model.count) if replicate is None else [replicate]:
            (tensor[r] if replicate is None else tensor).fill_(value + r)


@pytest.mark.parametrize("made", [lambda: modules_of(spec()), skips], ids=["stacked", "not"])
def test_each_replicate_gets_its_own_best_weights_back(made) -> None:
    model = stacked_of(made(), SEEDS)
    fill(model, 10)
    best = BestWeights(model)
    for value, improved in [(20, [True, False, True]), (30, [False, False, True])]:
        fill(model, value)
        best.keep(torch.tensor(improved))
    fill(model, torch.nan) if model.stacked else fill(model, 90)
    best.restore()
    for row, wanted in enumerate([20 + 0, 10 + 1, 30 + 2]):
        assert all((w == wanted).all() for w in weights_of(model, row))
    if not model.stacked:
        buffers = [dict(m.named_buffers()) for m in model.body.children()]
        assert [b["norm.num_batches_tracked"].item() for b in buffers] == [20, 11, 32]


@pytest.mark.parametrize("made", [lambda: modules_of(spec()), skips], ids=["stacked", "not"])
def test_nan_in_one_replicate_leaves_the_others_as_they_are(made) -> None:
    inputs, labels = batch()
    healthy, sick = (stacked_of(made(), SEEDS) for _ in range(2))
    for weight in weights_of(sick, 1):
        weight.fill_(torch.nan)
    results = []
    for model in (healthy, sick):
        outputs = model(inputs)
        backward(outputs.flatten(0, 1), labels.flatten())
        results.append(outputs)
    assert results[1][1].isnan().all()
    for row in (0, 2):
        assert torch.equal(results[0][row], results[1][row])
        for wanted, got in zip(gradients_of(healthy, row), gradients_of(sick, row), strict=True):
            assert torch.equal(wanted, got)
