"""The output layer of replicates, and all that is not the output layer from another model."""

from __future__ import annotations

import pytest
import torch
from tiny_training import CLASSES, skip, stacked_of
from torch import nn

from nnbench.engine.seeding import generator
from nnbench.engine.stacking import Replicates
from nnbench.errors import NnbenchError
from nnbench.models.base import ModelSpec
from nnbench.models.mlp import build

SEEDS = (0, 3, 7)


def spec(hidden: tuple[int, ...] = (5, 4)) -> ModelSpec:
    return ModelSpec(
        input_shape=(1, 3, 4), classes=CLASSES, hidden=hidden, activation=nn.ReLU,
        dropout=0.5, init="glorot", options={"norm": "batch"},
    )  # fmt: skip


def modules_of(shape: ModelSpec) -> list[nn.Module]:
    return [build(shape, generator(seed, "init")) for seed in SEEDS]


def skips() -> list[nn.Module]:
    return [skip(spec(), generator(seed, "init")) for seed in SEEDS]


def fill(model: Replicates, value: float) -> None:
    """Set everything that replicate r has, buffers included, to value + r."""
    for tensor, replicate in model.state():
        for r in range(model.count) if replicate is None else [replicate]:
            (tensor[r] if replicate is None else tensor).fill_(value + r)


@pytest.mark.parametrize("made", [lambda: modules_of(spec()), skips], ids=["stacked", "not"])
def test_the_output_layer_is_the_last_dense_layer(made) -> None:
    model = stacked_of(made(), SEEDS)
    shapes = [tuple(p.shape) for p in model.output_layer()]
    width = 4 if model.stacked else 5
    one = [(CLASSES, width), (CLASSES,)]
    assert shapes == ([(3, width, CLASSES), (3, 1, CLASSES)] if model.stacked else 3 * one)


def test_a_model_without_a_dense_layer_has_no_output_layer() -> None:
    with pytest.raises(NnbenchError, match="no dense layer"):
        stacked_of([nn.Flatten() for _ in SEEDS], SEEDS).output_layer()


def with_classes(made: list[nn.Module], classes: int) -> list[nn.Module]:
    """The same networks with another output layer."""
    for module in made:
        name = [n for n, m in module.named_modules() if isinstance(m, nn.Linear)][-1]
        width = module.get_submodule(name).in_features
        owner = module.get_submodule(name.rpartition(".")[0])
        setattr(owner, name.rpartition(".")[2], nn.Linear(width, classes))
    return made


@pytest.mark.parametrize("made", [lambda: modules_of(spec()), skips], ids=["stacked", "not"])
def test_everything_but_the_output_layer_is_copied(made) -> None:
    other = stacked_of(with_classes(made(), 7), SEEDS)
    fill(other, 10)
    model = stacked_of(made(), SEEDS)
    outputs = [p.clone() for p in model.output_layer()]
    model.copy_body_from(other)
    kept = {id(p) for p in model.output_layer()}
    for tensor in (t for t in [*model.parameters(), *model.buffers()] if id(t) not in kept):
        assert (tensor >= 10).all()
    assert all(torch.equal(a, b) for a, b in zip(outputs, model.output_layer(), strict=True))
    first = next(other.parameters())
    fill(model, 30)
    assert (first < 30).all()  # copies, not the same memory


def test_weights_of_another_architecture_are_refused() -> None:
    model = stacked_of(modules_of(spec()), SEEDS)
    for other in (
        stacked_of(modules_of(spec((6, 4))), SEEDS),
        stacked_of(modules_of(spec((5, 4, 4))), SEEDS),
        stacked_of(modules_of(spec())[:2], SEEDS[:2]),
        stacked_of(skips(), SEEDS),
    ):
        with pytest.raises(NnbenchError, match="another architecture"):
            model.copy_body_from(other)
