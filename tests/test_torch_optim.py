"""Any class of ``torch.optim`` and a user's own optimiser train as they are, one replicate like another."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import (
    CLASSES,
    SignDescent,
    built,
    final,
    settings_of,
    tiny_data,
    trained_on,
)
from torch import Tensor, nn

from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.torch_optim import ELEMENTWISE, FromTorch, PerReplicate, build_optimizer
from nnbench.engine.train import train
from nnbench.errors import NnbenchError
from nnbench.models.base import ModelSpec, linear
from nnbench.settings import Settings

CLASSES_OF_TORCH = {
    name: kind
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer)
}
REFUSED = ("Optimizer", "LBFGS", "SparseAdam")
MIXING = ("Adafactor", "Muon")
SEEDS = (0, 1, 2)


pytestmark = pytest.mark.usefixtures("on_one_thread")


def without_biases(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """Weight matrices alone, as Muon wants them."""
    sizes = [int(torch.Size(spec.input_shape).numel()), 6, spec.classes]
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layer = linear(inputs, outputs, how=spec.init, generator=generator)
        layer.register_parameter("bias", None)
        layers.append(layer)
    return nn.Sequential(nn.Flatten(), layers[0], nn.ReLU(), layers[1])


class OwnAdamW(torch.optim.AdamW):
    """A user's own class, of which nobody knows that it is elementwise."""


class AsOneVector(torch.optim.Optimizer):
    """A step of fixed length along the gradient of all weights together."""

    def __init__(self, parameters: Any, lr: float, *, length: float = 1.0) -> None:
        super().__init__(parameters, {"lr": lr, "length": length})

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        (group,) = self.param_groups
        norm = torch.stack([p.grad.norm() for p in group["params"]]).norm()
        for p in group["params"]:
            p.sub_(p.grad / norm, alpha=group["lr"] * group["length"])


def two_rates(parameters: list[nn.Parameter], settings: Settings, *, slower: float = 0.5) -> Any:
    """A user's own function with an option."""
    return torch.optim.SGD(parameters, lr=settings.lr * slower)


def nothing(parameters: list[nn.Parameter], settings: Settings) -> object:
    """A user's own function that forgets to return its optimiser."""


def with_optimizer(name: str, **values: Any) -> Settings:
    model = {"model": "test_torch_optim:without_biases"} if name.endswith("Muon") else {}
    return settings_of(optimizer=name, **{**model, "hidden": [6], **values})


def start(optimizer: str, **values: Any) -> Any:
    """The optimiser of two replicates on tiny data."""
    settings = with_optimizer(optimizer, **values)
    return build_optimizer(built(settings, SEEDS[:2], tiny_data(SEEDS[:2])), settings)


def test_every_class_of_torch_is_known() -> None:
    elementwise = {kind.__name__ for kind in ELEMENTWISE}
    assert elementwise | set(MIXING) | set(REFUSED) == set(CLASSES_OF_TORCH)


@pytest.mark.parametrize("name", sorted({*CLASSES_OF_TORCH} - {*REFUSED}))
def test_replicates_of_a_torch_class_learn_together_as_alone(name: str) -> None:
    settings = with_optimizer(f"torch.optim:{name}")
    together = trained_on(tiny_data(SEEDS), settings, SEEDS)
    assert together.model.stacked == (name not in MIXING)
    first = [w.clone() for w in final(together, 0)]
    for row, seed in enumerate(SEEDS):
        alone = trained_on(tiny_data((seed,)), settings, (seed,))
        torch.testing.assert_close(final(alone, 0), final(together, row), rtol=1e-3, atol=1e-5)
    assert any(not torch.equal(a, b) for a, b in zip(first, final(together, 1), strict=True))
    assert together.curves.train_loss[-1] < together.curves.train_loss[0]


@pytest.mark.parametrize("name", ["test_torch_optim:AsOneVector", "test_torch_optim:OwnAdamW"])
def test_an_own_class_gets_an_optimiser_per_replicate_and_none_sees_another(name: str) -> None:
    settings = with_optimizer(name)
    together = trained_on(tiny_data(SEEDS), settings, SEEDS)
    assert not together.model.stacked
    for row, seed in enumerate(SEEDS):
        alone = trained_on(tiny_data((seed,)), settings, (seed,))
        assert all(map(torch.equal, final(alone, 0), final(together, row)))


def test_options_lr_and_momentum_reach_the_class() -> None:
    adamw = start(
        "torch.optim:AdamW", optimizer_options={"weight_decay": 0.25, "betas": [0.5, 0.9]}
    )
    (group,) = adamw.optimizer.param_groups
    assert (group["weight_decay"], group["betas"], group["lr"]) == (0.25, (0.5, 0.9), 0.01)
    nesterov = start("torch.optim:SGD", momentum=0.5, optimizer_options={"nesterov": True})
    (group,) = nesterov.optimizer.param_groups
    assert (group["momentum"], group["nesterov"]) == (0.5, True)
    own = start("test_torch_optim:two_rates", optimizer_options={"slower": 0.25})
    assert isinstance(own, PerReplicate)
    assert [o.optimizer.param_groups[0]["lr"] for o in own.optimizers] == [0.0025] * 2


def test_weight_decay_of_adamw_shrinks_the_weights() -> None:
    norms = {}
    for decay in (0.0, 10.0):
        settings = with_optimizer("torch.optim:AdamW", optimizer_options={"weight_decay": decay})
        trained = trained_on(tiny_data(SEEDS), settings, SEEDS)
        norms[decay] = sum(w.norm() for w in final(trained, 0))
    assert norms[10.0] < 0.8 * norms[0.0]


def test_the_schedule_sets_the_rate_of_every_group() -> None:
    made = FromTorch(torch.optim.SGD([{"params": [w]} for w in weights()], lr=1.0))
    made.step(0.125)
    assert [group["lr"] for group in made.optimizer.param_groups] == [0.125, 0.125]


def weights() -> Sequence[nn.Parameter]:
    return [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimizer_options": {"weight_dacay": 0.1}}, "did you mean 'weight_decay'"),
        ({"optimizer_options": {"lr": 0.1}}, "lr is a setting of its own"),
        ({"optimizer_options": {"betas": [2.0, 0.9]}}, "cannot be made: Invalid beta"),
        ({"momentum": 0.5}, "takes no momentum"),
        ({"optimizer": "torch.optim.lbfgs:LBFGS"}, "needs a closure"),
        ({"optimizer": "torch.optim.sparse_adam:SparseAdam"}, "needs sparse gradients"),
        ({"optimizer": "torch.optim:Muon"}, "only supports 2D parameters"),
        ({"optimizer": "tiny_training:SignDescent"}, "takes no lr"),
        (
            {"optimizer": "tiny_training:sign_descent", "optimizer_options": {"a": 1}},
            "it has none",
        ),
        (
            {"optimizer": "test_torch_optim:two_rates", "optimizer_options": {"slow": 1}},
            "did you mean 'slower'",
        ),
        ({"optimizer": "test_torch_optim:nothing"}, "has no step and no state_dict and no load"),
    ],
    ids=str,
)
def test_what_an_optimiser_does_not_take_is_said(values: Any, message: str) -> None:
    settings = settings_of(**{"optimizer": "torch.optim:AdamW", **values})
    with pytest.raises(NnbenchError, match=message):
        build_optimizer(built(settings, SEEDS[:1], tiny_data(SEEDS[:1])), settings)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop"])
def test_the_documents_optimisers_take_no_options(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} takes no optimizer_options"):
        settings_of(optimizer=name, optimizer_options={"eps": 1e-8})


@pytest.mark.parametrize("name", ["LBFGS", "SparseAdam"])
def test_a_plan_refuses_what_cannot_step(name: str) -> None:
    with pytest.raises(ValueError, match=r"needs .* choose another optimizer"):
        settings_of(optimizer=f"torch.optim:{name}")


class Interrupted(Checkpoint):
    """Ends the process after so many steps."""

    steps = 0

    def due(self) -> bool:
        self.steps += 1
        self.stopping = 1 if self.steps == 5 else None
        return self.stopping is not None


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("torch.optim:AdamW", {"amsgrad": True}),
        ("torch.optim:NAdam", {}),
        ("torch.optim:Adafactor", {}),
        ("torch.optim:Muon", {}),
        ("test_torch_optim:AsOneVector", {"length": 2.0}),
    ],
)
def test_an_interrupted_training_goes_on_to_the_same_bits(
    optimizer: str, options: dict[str, Any], tmp_path: Path
) -> None:
    settings = with_optimizer(optimizer, optimizer_options=options, schedule="cosine")
    data, path = tiny_data(SEEDS), tmp_path / "checkpoint.pt"
    whole = trained_on(data, settings, SEEDS)
    with pytest.raises(SystemExit):
        train(
            data, built(settings, SEEDS, data), settings, seeds=SEEDS, checkpoint=Interrupted(path)
        )
    goes_on = Checkpoint(path)
    goes_on.open({})
    assert goes_on.resumed
    resumed = train(data, built(settings, SEEDS, data), settings, seeds=SEEDS, checkpoint=goes_on)
    assert resumed.curves == whole.curves
    for row in range(len(SEEDS)):
        assert all(map(torch.equal, final(resumed, row), final(whole, row)))


def test_a_users_own_torch_optimiser_gets_rate_and_gradients() -> None:
    data = tiny_data((0, 1))
    settings = Settings(optimizer="tiny_training:sign_descent", hidden=())
    model = built(settings, (0, 1), data)
    optimizer = build_optimizer(model, settings)
    assert isinstance(optimizer, FromTorch)
    assert isinstance(optimizer.optimizer, SignDescent)
    before: list[Tensor] = [p.detach().clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step(0.5)
    for old, p in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(p.detach(), old - 0.5)
        assert p.grad is None
    assert model(data.bank.inputs[:6].view(2, 3, 4)).shape == (2, 3, CLASSES)
