"""Images per second of image models: classifying them, and training on them.

Each block measures every place once, in an order of its own. A model is built for its own
measurement and dropped after it: only one is in memory at a time (weights, gradients and momentum of
VGG16 take 1.7 GB), and no place inherits another one's memory. Building is not timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torchvision

from nnbench.engine.device import synchronise
from nnbench.experiments.request import Measured, Request
from nnbench.experiments.speed.declared import BEST_BATCH, InferenceSpeed, TrainingSpeed
from nnbench.experiments.speed.image_models import (
    AUXILIARY_WEIGHT,
    InferenceSteps,
    Place,
    Steps,
    TrainingSteps,
    describe,
)
from nnbench.experiments.timing import (
    Blocks,
    Clock,
    Rate,
    measure_blocks,
    measure_rate,
    private_randomness,
    rate_or_reason,
    using_cores,
)

TRIAL_SEED = 1_000_000  # of no judged block
FLOPS_NOTE = (
    "Floating-point operations are those of one image's forward pass in evaluation mode, as PyTorch's "
    "FlopCounterMode counts them: convolutions and matrix products, a multiplication and an addition "
    "as two."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long one place is timed, and under which name its time is booked."""

    warmup: int
    min_steps: int
    min_seconds: float
    booked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Times places, one at a time.

    Attributes:
        options: Of the experiment.
        device: Where the models compute.
        clock: Seconds since any moment.
        make: Builds the model and the data of a place for a seed.
        spent: Seconds by what they were spent on; grows.
    """

    options: InferenceSpeed | TrainingSpeed
    device: torch.device
    clock: Clock
    make: Callable[[Place, int], Steps]
    spent: dict[str, float] = field(default_factory=dict)

    def rate(self, place: Place, seed: int, effort: Effort) -> Rate | str:
        """The place's rate, or why it has none."""

        def measure() -> Rate | str:
            with private_randomness(seed, self.device):
                return self._rate(place, seed, effort)

        return rate_or_reason(measure, self.device)

    def _rate(self, place: Place, seed: int, effort: Effort) -> Rate | str:
        started = self.clock()
        steps = self.make(place, seed)
        built = self.clock()
        rate = measure_rate(
            steps,
            warmup=effort.warmup,
            min_seconds=effort.min_seconds,
            min_steps=effort.min_steps,
            synchronise=lambda: synchronise(self.device),
            clock=self.clock,
        )
        self._book("build", built - started)
        self._book(effort.booked, self.clock() - built)
        if not bool(torch.isfinite(steps.last).all()):
            return "its output is not finite: the time of such a computation says nothing"
        return rate

    def _book(self, name: str, seconds: float) -> None:
        self.spent[name] = self.spent.get(name, 0.0) + seconds

    def blocks(self, places: Sequence[Place], seeds: Sequence[int]) -> Measured:
        """All places in all blocks: metrics, facts of each place, and what was not measured."""
        by_name = {place.name: place for place in places}
        effort = Effort(
            warmup=self.options.warmup_steps,
            min_steps=self.options.min_steps,
            min_seconds=self.options.seconds_each,
            booked="measure",
        )
        blocks = measure_blocks(
            by_name, seeds, lambda name, seed: self.rate(by_name[name], seed, effort)
        )
        measured = [by_name[name] for name in blocks.rates]
        return Measured(
            runs={str(seed): self._run(measured, blocks, seed) for seed in seeds},
            missing=blocks.missing,
            facts={name: _facts(place, blocks, seeds) for name, place in by_name.items()},
            seconds=self.spent,
        )

    def _run(self, places: Sequence[Place], blocks: Blocks, seed: int) -> dict[str, Any]:
        metrics: dict[str, float] = {}
        for place in places:
            speed = blocks.rates[place.name][seed].per_second(place.batch_size)
            metrics[f"images_per_second@{place.name}"] = speed
            if isinstance(self.options, TrainingSpeed):
                metrics[f"hours@{place.name}"] = self.options.hours(speed)
            metrics[f"parameters@{place.name}"] = float(place.described.parameters)
            metrics[f"flops@{place.name}"] = float(place.described.flops)
        return {"status": "ok", "metrics": metrics}


def _facts(place: Place, blocks: Blocks, seeds: Sequence[int]) -> dict[str, Any]:
    rates = blocks.rates.get(place.name, {})
    return {
        "model": place.model,
        "torchvision": torchvision.__version__,
        "parameters": place.described.parameters,
        "flops": place.described.flops,
        "resolution": place.resolution,
        "batch_size": place.batch_size,
        "steps": [rates[seed].steps for seed in seeds if seed in rates],
        "threads": torch.get_num_threads(),
    }


def measure_inference(request: Request, *, clock: Clock = time.perf_counter) -> Measured:
    """Images per second of each model: one at a time, and in batches of the fastest size.

    Metrics: ``images_per_second``, ``parameters`` and ``flops`` of each place. The batch size is
    chosen before the blocks, in a trial that is not judged.
    """
    options: InferenceSpeed = request.options

    def make(place: Place, seed: int) -> Steps:
        return InferenceSteps(place, seed=seed, device=request.device)

    bench = Bench(options=options, device=request.device, clock=clock, make=make)
    with using_cores(request.cores):
        singles = _places(options, batch_size=1)
        trials = {place.name: _trial(bench, options, place) for place in singles}
        best = [_best(place, trials[place.name]) for place in singles]
        measured = bench.blocks([*singles, *best], request.seeds)
    facts = dict(measured.facts)
    for name, speeds in trials.items():
        chosen = f"{name}{BEST_BATCH}"
        facts[chosen] = {**facts[chosen], "trial_images_per_second": speeds}
    how = "Evaluation mode, no gradients; the best batch size is chosen in a trial that is not judged."
    return replace(measured, facts=facts, notes=(_conditions(request), how, FLOPS_NOTE))


def _trial(bench: Bench, options: InferenceSpeed, place: Place) -> dict[str, float | str]:
    """Images per second by batch size, as text as JSON has it; or why a size cannot be used.

    The faster of two passes counts: what else the machine does slows rarely both.
    """
    on_cpu = bench.device.type == "cpu"
    sizes = options.batch_sizes if on_cpu else options.accelerator_batch_sizes
    effort = Effort(warmup=1, min_steps=2, min_seconds=options.trial_seconds, booked="trial")
    speeds: dict[str, float | str] = {}
    for size in (*sizes, *reversed(sizes)):
        before = speeds.get(str(size), 0.0)
        if isinstance(before, str):
            continue
        rate = bench.rate(replace(place, batch_size=size), TRIAL_SEED, effort)
        speeds[str(size)] = rate if isinstance(rate, str) else max(before, rate.per_second(size))
    return speeds


def _best(place: Place, speeds: Mapping[str, float | str]) -> Place:
    """The fastest batch size that could be used; one image where none could."""
    usable = {int(size): speed for size, speed in speeds.items() if isinstance(speed, float)}
    size = max(usable, key=lambda size: usable[size]) if usable else 1
    return replace(place, name=f"{place.name}{BEST_BATCH}", batch_size=size)


def measure_training(request: Request, *, clock: Clock = time.perf_counter) -> Measured:
    """Images per second of training steps, and the hours of the stated workload.

    Metrics: ``images_per_second``, ``hours`` (derived), ``parameters`` and ``flops`` (of one forward
    pass) of each place.
    """
    options: TrainingSpeed = request.options

    def make(place: Place, seed: int) -> Steps:
        return TrainingSteps(
            place, seed=seed, device=request.device, lr=options.lr, momentum=options.momentum
        )

    bench = Bench(options=options, device=request.device, clock=clock, make=make)
    places = _places(options, batch_size=options.batch_size)
    with using_cores(request.cores):
        measured = bench.blocks(places, request.seeds)
    facts = {
        place.name: {
            **measured.facts[place.name],
            "auxiliary_classifiers": place.described.auxiliary,
        }
        for place in places
    }
    notes = (_conditions(request), *_training_notes(options, places), FLOPS_NOTE)
    return replace(measured, facts=facts, notes=notes)


def _training_notes(options: TrainingSpeed, places: Sequence[Place]) -> list[str]:
    notes = [
        (
            f"Hours are derived: {options.images:,} images x {options.epochs} epochs / images per "
            "second, for every model the same; loading of data, validation and saving are left out."
        ),
        (
            f"SGD with momentum {options.momentum:g} on the cross-entropy of {options.batch_size} "
            "images a step."
        ),
    ]
    helped = [place.name for place in places if place.described.auxiliary]
    if helped:
        notes.append(
            f"{', '.join(helped)}: trained with auxiliary classifiers as torchvision builds them; "
            f"each one's loss counts {AUXILIARY_WEIGHT:g} times, and its time is in the step."
        )
    return notes


def _conditions(request: Request) -> str:
    return (
        f"{request.cores} CPU threads, device {request.device.type}: float32, default memory layout "
        "(NCHW), random images of each model's resolution that lie in memory before the clock starts."
    )


def _places(options: InferenceSpeed | TrainingSpeed, *, batch_size: int) -> list[Place]:
    return [
        Place(
            name=level,
            model=model,
            resolution=options.resolution(level),
            batch_size=batch_size,
            described=describe(model, options.resolution(level)),
        )
        for level, model in options.models.items()
    ]
