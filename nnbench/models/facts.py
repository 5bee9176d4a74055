"""What the plan knows of each registered model without loading it: options, inputs, cost (no torch)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nnbench.models import costs
from nnbench.models.costs import Cost
from nnbench.models.options import OPTIONS, Value, options_of
from nnbench.models.sides import (
    SMALLEST_SIDE,
    check_blocks,
    check_images,
    check_rank,
    check_recurrent,
)
from nnbench.models.zoo_costs import zoo_cost
from nnbench.settings import Settings

Shape = tuple[int, ...]
LARGE = 5_000_000  # parameters; nnbench's own bound, 80 MB with gradients and Adam's moments
MANY = 1_000  # as many seeds as a config allows


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """One registered model.

    Attributes:
        options: Its ``model_options`` with their defaults.
        unused: Architecture settings that mean nothing to it.
        check: From settings, checked options and input shape: raises NnbenchError if they do not fit.
        cost: From settings, checked options, input shape and outputs.
    """

    options: Mapping[str, Value]
    check: Callable[[Settings, Mapping[str, Any], Shape], None]
    cost: Callable[[Settings, Mapping[str, Any], Shape, int], Cost]
    unused: tuple[str, ...] = ()


def check_model(settings: Settings, input_shape: Shape) -> None:
    """Whether a registered model takes its options and these inputs; own models are not checked.

    Raises:
        NnbenchError: An unknown or wrong-typed option, or a shape that the model does not take.
    """
    facts = FACTS.get(settings.model)
    if facts is not None:
        options = options_of(settings.model, settings.model_options)
        facts.check(settings, options, input_shape)


def cost_of(settings: Settings, input_shape: Shape, outputs: int) -> Cost:
    """Multiply-adds and parameters of one sample's forward pass; an own model counts as an MLP.

    Raises:
        NnbenchError: As ``check_model``.
    """
    check_model(settings, input_shape)
    facts = FACTS.get(settings.model)
    if facts is None:
        return costs.mlp(math.prod(input_shape), settings.hidden, outputs)
    options = options_of(settings.model, settings.model_options)
    return facts.cost(settings, options, input_shape, outputs)


def replicates_at_once(settings: Settings, input_shape: Shape, outputs: int) -> int:
    """How many replicates of a network are trained together.

    Of a large one, one: its arithmetic fills the processor by itself, and the weights, gradients and
    moments of ten would fill the memory. It depends on the network alone, so that the same cell is
    measured in the same way everywhere.
    """
    return 1 if cost_of(settings, input_shape, outputs).parameters > LARGE else MANY


def _mlp() -> ModelFacts:
    def cost(settings: Settings, options: Mapping[str, Any], shape: Shape, outputs: int) -> Cost:
        norm = options["norm"] == "batch"
        return costs.mlp(math.prod(shape), settings.hidden, outputs, norm=norm)

    return ModelFacts(options=OPTIONS["mlp"], check=lambda *_: None, cost=cost)


def _cnn() -> ModelFacts:
    def check(_: Settings, options: Mapping[str, Any], shape: Shape) -> None:
        check_rank("cnn", shape, ranks=(1, 3))
        check_blocks("cnn", shape, blocks=options["blocks"])

    def cost(settings: Settings, options: Mapping[str, Any], shape: Shape, outputs: int) -> Cost:
        return costs.cnn(shape, settings.hidden, outputs, **options)

    return ModelFacts(options=OPTIONS["cnn"], check=check, cost=cost)


def _recurrent(model: str, *, gates: int) -> ModelFacts:
    def check(settings: Settings, _: Mapping[str, Any], shape: Shape) -> None:
        check_recurrent(model, shape, hidden=settings.hidden)

    def cost(settings: Settings, _: Mapping[str, Any], shape: Shape, outputs: int) -> Cost:
        return costs.recurrent(shape, settings.hidden, outputs, gates=gates)

    return ModelFacts(options=OPTIONS[model], check=check, cost=cost, unused=("activation",))


def _zoo(model: str) -> ModelFacts:
    def check(_: Settings, options: Mapping[str, Any], shape: Shape) -> None:
        check_images(model, shape, resize=options["resize"])

    def cost(_: Settings, options: Mapping[str, Any], shape: Shape, outputs: int) -> Cost:
        return zoo_cost(model, shape, outputs=outputs, resize=options["resize"])

    unused = ("hidden", "activation", "init", "dropout")
    return ModelFacts(options=OPTIONS[model], check=check, cost=cost, unused=unused)


FACTS: Mapping[str, ModelFacts] = {
    "mlp": _mlp(),
    "cnn": _cnn(),
    "lstm": _recurrent("lstm", gates=4),
    "gru": _recurrent("gru", gates=3),
    **{model: _zoo(model) for model in SMALLEST_SIDE},
}
