"""Seconds of training steps of dense networks, each timed alone, in an order that is new in every block.

A step is the usual eager one of PyTorch: forward, cross-entropy, backward, update. Building is not timed.
It runs on as many threads as a training: what small steps gain from more depends on what else the host is doing.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nnbench.engine.device import synchronise
from nnbench.engine.optim import sgd
from nnbench.engine.seeding import generator
from nnbench.experiments.measured import JsonObject, Measured, Metrics, Run
from nnbench.experiments.mlp import REPLACED_BY_ALL, check_settings
from nnbench.experiments.run import Request
from nnbench.experiments.steps.declared import StepTime, Timed
from nnbench.experiments.timing import (
    Clock,
    Rate,
    measure_blocks,
    measure_rate,
    private_randomness,
    rate_or_reason,
)
from nnbench.models.base import ModelSpec
from nnbench.models.mlp import build
from nnbench.registry import ACTIVATIONS, load
from nnbench.settings import Settings

LR = 1e-4  # small, so that no loss overflows; the time does not depend on it
Step = Callable[[], object]


def measure(request: Request, *, clock: Clock = time.perf_counter) -> Measured:
    """Time every network in every block; NnbenchError for settings that nothing here reads."""
    options: StepTime = request.options
    check_settings(request.settings, followed=frozenset(), replaced=REPLACED_BY_ALL)

    def timed(name: str, seed: int) -> Rate | str:
        return rate_or_reason(lambda: _rate(request, name, seed, clock), request.device)

    started = clock()
    rates, missing = measure_blocks(options.networks, request.seeds, timed)
    found: dict[str, Metrics] = {
        str(seed): {
            f"seconds@{name}": own[seed].seconds_per_step * options.steps
            for name, own in rates.items()
        }
        for seed in request.seeds
    }
    return Measured(
        runs={seed: Run(status="ok", metrics=metrics) for seed, metrics in found.items()},
        missing=missing,
        facts={name: _facts(options, own, rates.get(name, {})) for name, own in options.networks.items()},
        notes=(_conditions(request),),
        seconds={"measure": clock() - started},
    )  # fmt: skip


def _rate(request: Request, name: str, seed: int, clock: Clock) -> Rate:
    options: StepTime = request.options
    with private_randomness(seed, request.device):
        step = step_of(options.networks[name], options, seed=seed, device=request.device)
        return measure_rate(
            step,
            warmup=options.warmup_steps,
            min_seconds=options.seconds_each,
            min_steps=options.min_steps,
            synchronise=lambda: synchronise(request.device),
            clock=clock,
        )


def step_of(timed: Timed, options: StepTime, *, seed: int, device: torch.device) -> Step:
    """One step of a network, or of its activations alone, on a batch of its own."""
    activation = load("activation", timed.activation, ACTIVATIONS)
    draw = generator(seed, "split")

    def batch(width: int) -> Tensor:
        return torch.randn(options.batch_size, width, generator=draw).to(device)

    if timed.activation_alone:
        return _activations(activation().to(device), [batch(width) for width in timed.hidden])
    spec = ModelSpec(
        input_shape=(options.inputs,),
        classes=options.outputs,
        hidden=timed.hidden,
        activation=activation,
        dropout=0.0,
        init="glorot",
    )
    network = build(spec, generator(seed, "init")).to(device)
    labels = torch.randint(options.outputs, (options.batch_size,), generator=draw).to(device)
    return _training(network, batch(options.inputs), labels)


def _training(network: nn.Module, inputs: Tensor, labels: Tensor) -> Step:
    update = sgd(network.parameters(), Settings(optimizer="sgd"))

    def step() -> None:
        cross_entropy(network(inputs), labels).backward()
        update.step(LR)

    return step


def _activations(activation: nn.Module, inputs: list[Tensor]) -> Step:
    """Forward and backward, with a gradient of ones, of each layer's pre-activations."""
    layers = [(x.requires_grad_(), torch.ones_like(x)) for x in inputs]

    def step() -> None:
        for x, gradient in layers:
            torch.autograd.grad(activation(x), x, gradient)

    return step


def _facts(options: StepTime, timed: Timed, rates: dict[int, Rate]) -> JsonObject:
    return {
        **timed.model_dump(mode="json"),
        "parameters": sum(inputs * outputs + outputs for inputs, outputs in timed.widths(options)),
        "batch_size": options.batch_size,
        "steps_measured": [rate.steps for rate in rates.values()],
        "threads": torch.get_num_threads(),
    }


def _conditions(request: Request) -> str:
    options: StepTime = request.options
    threads = torch.get_num_threads()
    return (
        f"{threads} CPU thread{'s' * (threads != 1)}, device {request.device.type}: float32, {options.batch_size} samples a step; "
        f"the seconds are those of {options.steps:,} steps, by the median of all that were timed in a block."
    )
