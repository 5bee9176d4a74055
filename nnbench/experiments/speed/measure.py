"""Images per second of image models, for classification and for training.

Each block measures every entry once, in random order. A model is built for its own measurement and then
dropped: only one is in memory at a time (weights, gradients and momentum of VGG16 take 1.7 GB), and no entry
inherits another one's memory. Building is not timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
import torchvision

from nnbench.engine.device import synchronise
from nnbench.experiments.measured import JsonObject, Measured, Metrics, Run
from nnbench.experiments.request import Request
from nnbench.experiments.speed.declared import BEST_BATCH, InferenceSpeed, TrainingSpeed
from nnbench.experiments.speed.image_models import (
    AUXILIARY_WEIGHT,
    Entry,
    InferenceSteps,
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

TRIAL_SEED = 1_000_000  # not the seed of any judged block
FLOPS_NOTE = (
    "Floating-point operations are those of one image's forward pass in evaluation mode, as PyTorch's "
    "FlopCounterMode counts them: convolutions and matrix products, a multiplication and an addition "
    "as two."
)
INFERENCE_NOTE = (
    "Evaluation mode, no gradients; the best batch size is chosen in a trial that is not judged."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long one entry is timed, and under which name that time is recorded."""

    warmup: int
    min_steps: int
    min_seconds: float
    booked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Times entries, one at a time."""

    options: InferenceSpeed | TrainingSpeed
    device: torch.device
    clock: Clock
    make: Callable[..., Steps]  # builds the model and the data of an entry for a seed
    spent: dict[str, float] = field(default_factory=dict)  # seconds by purpose; grows

    def rate(self, entry: Entry, seed: int) -> Rate | str:
        """The entry's rate in a block, or why it has none."""
        options = self.options
        effort = Effort(
            warmup=options.warmup_steps,
            min_steps=options.min_steps,
            min_seconds=options.seconds_each,
            booked="measure",
        )
        return self.rate_with(effort, entry, seed)

    def rate_with(self, effort: Effort, entry: Entry, seed: int) -> Rate | str:
        """The same with another effort."""

        def measure() -> Rate | str:
            with private_randomness(seed, self.device):
                return self._rate(effort, entry, seed)

        return rate_or_reason(measure, self.device)

    def _rate(self, effort: Effort, entry: Entry, seed: int) -> Rate | str:
        started = self.clock()
        steps = self.make(entry, seed=seed)
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

    def metrics(self, entry: Entry, rate: Rate) -> dict[str, float]:
        """The metrics of an entry in a block."""
        speed = rate.per_second(entry.batch_size)
        found = {"images_per_second": speed}
        if isinstance(self.options, TrainingSpeed):
            found["hours"] = self.options.hours(speed)
        found["parameters"] = float(entry.described.parameters)
        found["flops"] = float(entry.described.flops)
        return {f"{metric}@{entry.name}": value for metric, value in found.items()}


def _measured(
    bench: Bench,
    entries: Sequence[Entry],
    request: Request,
    *,
    facts: Mapping[str, JsonObject],
    notes: Sequence[str],
) -> Measured:
    """All blocks as a record; ``facts`` are additional ones, by entry."""
    by_name = {entry.name: entry for entry in entries}
    blocks = measure_blocks(
        by_name, request.seeds, lambda name, seed: bench.rate(by_name[name], seed)
    )
    runs: dict[str, Metrics] = {str(seed): {} for seed in request.seeds}
    for name, rates in blocks.rates.items():
        for seed, rate in rates.items():
            runs[str(seed)] |= bench.metrics(by_name[name], rate)
    return Measured(
        runs={seed: Run(status="ok", metrics=metrics) for seed, metrics in runs.items()},
        missing=dict(blocks.missing),
        facts={e.name: {**_facts(e, blocks), **facts.get(e.name, {})} for e in entries},
        notes=(_conditions(request), *notes, FLOPS_NOTE),
        seconds=bench.spent,
    )


def _facts(entry: Entry, blocks: Blocks) -> JsonObject:
    return {
        "model": entry.model,
        "torchvision": torchvision.__version__,
        "parameters": entry.described.parameters,
        "flops": entry.described.flops,
        "resolution": entry.resolution,
        "batch_size": entry.batch_size,
        "steps": [rate.steps for rate in blocks.rates.get(entry.name, {}).values()],
        "threads": torch.get_num_threads(),
    }


def measure_inference(request: Request, *, clock: Clock = time.perf_counter) -> Measured:
    """Images per second of each model: one at a time, and in batches of the fastest size.

    Metrics: ``images_per_second``, ``parameters`` and ``flops`` of each entry. The batch size is chosen
    before the blocks, in a trial that is not judged.
    """
    options: InferenceSpeed = request.options
    make = partial(InferenceSteps, device=request.device)
    bench = Bench(options=options, device=request.device, clock=clock, make=make)
    with using_cores(request.cores):
        singles = _entries(options, batch_size=1)
        trials = {entry.name: _trial(bench, options, entry) for entry in singles}
        best = [_best(entry, trials[entry.name]) for entry in singles]
        tried: dict[str, JsonObject] = {
            f"{name}{BEST_BATCH}": {"trial_images_per_second": speeds}
            for name, speeds in trials.items()
        }
        return _measured(bench, [*singles, *best], request, facts=tried, notes=(INFERENCE_NOTE,))


def _trial(bench: Bench, options: InferenceSpeed, entry: Entry) -> dict[str, float | str]:
    """Images per second by batch size (a string, as in JSON), or why that size cannot be used.

    The faster of two passes counts, because other work on the machine rarely slows both.
    """
    on_cpu = bench.device.type == "cpu"
    sizes = options.batch_sizes if on_cpu else options.accelerator_batch_sizes
    effort = Effort(warmup=1, min_steps=2, min_seconds=options.trial_seconds, booked="trial")
    speeds: dict[str, float | str] = {}
    for size in (*sizes, *reversed(sizes)):
        before = speeds.get(str(size), 0.0)
        if isinstance(before, str):
            continue
        rate = bench.rate_with(effort, replace(entry, batch_size=size), TRIAL_SEED)
        speeds[str(size)] = rate if isinstance(rate, str) else max(before, rate.per_second(size))
    return speeds


def _best(entry: Entry, speeds: Mapping[str, float | str]) -> Entry:
    """The fastest usable batch size; one image if there is none."""
    usable = {int(size): speed for size, speed in speeds.items() if isinstance(speed, float)}
    size = max(usable, key=lambda size: usable[size]) if usable else 1
    return replace(entry, name=f"{entry.name}{BEST_BATCH}", batch_size=size)


def measure_training(request: Request, *, clock: Clock = time.perf_counter) -> Measured:
    """Images per second of training steps, and the hours of a given workload.

    Metrics: ``images_per_second``, ``hours`` (derived), ``parameters`` and ``flops`` (of one forward pass) of
    each entry.
    """
    options: TrainingSpeed = request.options
    make = partial(TrainingSteps, device=request.device, lr=options.lr, momentum=options.momentum)
    bench = Bench(options=options, device=request.device, clock=clock, make=make)
    entries = _entries(options, batch_size=options.batch_size)
    helped: dict[str, JsonObject] = {
        entry.name: {"auxiliary_classifiers": entry.described.auxiliary} for entry in entries
    }
    notes = _training_notes(options, entries)
    with using_cores(request.cores):
        return _measured(bench, entries, request, facts=helped, notes=notes)


def _training_notes(options: TrainingSpeed, entries: Sequence[Entry]) -> list[str]:
    notes = [
        (
            f"Hours are derived: {options.images:,} images x {options.epochs} epochs / images per "
            "second, the same for every model; data loading, validation and saving are left out."
        ),
        (
            f"SGD with momentum {options.momentum:g} on the cross-entropy of {options.batch_size} "
            "images per step."
        ),
    ]
    helped = [entry.name for entry in entries if entry.described.auxiliary]
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


def _entries(options: InferenceSpeed | TrainingSpeed, *, batch_size: int) -> list[Entry]:
    return [
        Entry(
            name=level,
            model=model,
            resolution=options.resolution(level),
            batch_size=batch_size,
            described=describe(model, options.resolution(level)),
        )
        for level, model in options.models.items()
    ]
