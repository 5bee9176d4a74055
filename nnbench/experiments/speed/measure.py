"""Images per second of image models, for classification and for training.

Each block measures every entry once, in random order. A model is built for its own measurement and then
dropped: only one is in memory at a time (weights, gradients and momentum of VGG16 take 1.7 GB), and no entry
inherits another one's memory. Building is not timed.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
import torchvision

from nnbench.engine.device import synchronise
from nnbench.experiments.measured import JsonObject, Measured, Metrics, Run
from nnbench.experiments.run import Request
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
    Clock,
    Rate,
    measure_blocks,
    measure_rate,
    private_randomness,
    rate_or_reason,
    using_cores,
)

Effort = Callable[..., Rate]  # ``measure_rate`` with how long to measure
NOT_FINITE = "its output is not finite: the time of such a computation says nothing"
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
class Bench:
    """Times entries, one at a time."""

    request: Request
    clock: Clock
    make: Callable[..., Steps]  # builds the model and the data of an entry for a seed
    spent: dict[str, float] = field(default_factory=dict)  # seconds by purpose; grows

    def timed(self, entry: Entry, seed: int, effort: Effort, purpose: str) -> Rate | str:
        """The entry's rate, or why it has none; the time spent is recorded under its purpose."""
        device, clock = self.request.device, self.clock

        def measure() -> Rate | str:
            with private_randomness(seed, device):
                started = clock()
                steps = self.make(entry, seed=seed, device=device)
                built = clock()
                rate = effort(steps, synchronise=lambda: synchronise(device), clock=clock)
            for name, seconds in (("build", built - started), (purpose, clock() - built)):
                self.spent[name] = self.spent.get(name, 0.0) + seconds
            return rate if bool(torch.isfinite(steps.last).all()) else NOT_FINITE

        return rate_or_reason(measure, device)

    def metrics(self, entry: Entry, rate: Rate) -> dict[str, float]:
        """The metrics of an entry in a block."""
        speed = rate.per_second(entry.batch_size)
        found = {"images_per_second": speed}
        if isinstance(self.request.options, TrainingSpeed):
            found["hours"] = self.request.options.hours(speed)
        found["parameters"] = float(entry.described.parameters)
        found["flops"] = float(entry.described.flops)
        return {f"{metric}@{entry.name}": value for metric, value in found.items()}


def _measured(
    bench: Bench,
    entries: Mapping[str, Entry],
    *,
    facts: Mapping[str, JsonObject],
    notes: Sequence[str],
) -> Measured:
    """All blocks as a record; ``entries`` and ``facts``, further ones, are by name."""
    request, options = bench.request, bench.request.options
    effort = partial(
        measure_rate,
        warmup=options.warmup_steps,
        min_steps=options.min_steps,
        min_seconds=options.seconds_each,
    )
    rates, missing = measure_blocks(
        entries,
        request.seeds,
        lambda name, seed: bench.timed(entries[name], seed, effort, "measure"),
    )
    runs: dict[str, Metrics] = {str(seed): {} for seed in request.seeds}
    for name, by_seed in rates.items():
        for seed, rate in by_seed.items():
            runs[str(seed)] |= bench.metrics(entries[name], rate)
    conditions = (
        f"{request.cores} CPU threads, device {request.device.type}: float32, default memory layout "
        "(NCHW), random images of each model's resolution that lie in memory before the clock starts."
    )
    return Measured(
        runs={seed: Run(status="ok", metrics=metrics) for seed, metrics in runs.items()},
        missing=missing,
        facts={
            name: {**_facts(entry, rates.get(name, {}).values()), **facts.get(name, {})}
            for name, entry in entries.items()
        },
        notes=(conditions, *notes, FLOPS_NOTE),
        seconds=bench.spent,
    )


def _facts(entry: Entry, rates: Iterable[Rate]) -> JsonObject:
    return {
        "model": entry.model,
        "torchvision": torchvision.__version__,
        "parameters": entry.described.parameters,
        "flops": entry.described.flops,
        "resolution": entry.resolution,
        "batch_size": entry.batch_size,
        "steps": [rate.steps for rate in rates],
        "threads": torch.get_num_threads(),
    }


def measure_inference(request: Request, *, clock: Clock = time.perf_counter) -> Measured:
    """Images per second of each model: one at a time, and in batches of the fastest size."""
    options: InferenceSpeed = request.options
    bench = Bench(request=request, clock=clock, make=InferenceSteps)
    with using_cores(request.cores):
        entries = _entries(options, batch_size=1)
        tried: dict[str, JsonObject] = {}
        for level, entry in tuple(entries.items()):
            if not options.in_batches(level):
                continue
            speeds, name = _trial(bench, entry), f"{level}{BEST_BATCH}"
            entries[name] = replace(entry, name=name, batch_size=_best(speeds))
            tried[name] = {"trial_images_per_second": speeds}
        return _measured(bench, entries, facts=tried, notes=(INFERENCE_NOTE,))


def _trial(bench: Bench, entry: Entry) -> dict[str, float | str]:
    """Images per second by batch size (a string, as in JSON), or why that size cannot be used.

    The faster of two passes counts, because other work on the machine rarely slows both.
    """
    options: InferenceSpeed = bench.request.options
    on_cpu = bench.request.device.type == "cpu"
    sizes = options.batch_sizes if on_cpu else options.accelerator_batch_sizes
    effort = partial(measure_rate, warmup=1, min_steps=2, min_seconds=options.trial_seconds)
    speeds: dict[str, float | str] = {}
    for size in (*sizes, *reversed(sizes)):
        before = speeds.get(str(size), 0.0)
        if isinstance(before, str):
            continue
        rate = bench.timed(replace(entry, batch_size=size), TRIAL_SEED, effort, "trial")
        speeds[str(size)] = rate if isinstance(rate, str) else max(before, rate.per_second(size))
    return speeds


def _best(speeds: Mapping[str, float | str]) -> int:
    """The fastest usable batch size; one image if there is none."""
    usable = {int(size): speed for size, speed in speeds.items() if isinstance(speed, float)}
    return max(usable, key=lambda size: usable[size], default=1)


def measure_training(request: Request, *, clock: Clock = time.perf_counter) -> Measured:
    """Images per second of training steps, and the hours of a given workload."""
    options: TrainingSpeed = request.options
    make = partial(TrainingSteps, lr=options.lr, momentum=options.momentum)
    bench = Bench(request=request, clock=clock, make=make)
    entries = _entries(options, batch_size=options.batch_size)
    auxiliary = {name: entry.described.auxiliary for name, entry in entries.items()}
    facts = {name: {"auxiliary_classifiers": count} for name, count in auxiliary.items()}
    hours = (
        f"Hours are derived: {options.images:,} images x {options.epochs} epochs / images per "
        "second, the same for every model; data loading, validation and saving are left out."
    )
    notes = [
        hours,
        f"SGD with momentum {options.momentum:g} on the cross-entropy of {options.batch_size} images per step.",
    ]
    if any(auxiliary.values()):
        notes.append(
            f"{', '.join(filter(auxiliary.get, auxiliary))}: trained with auxiliary classifiers as "
            f"torchvision builds them; each one's loss counts {AUXILIARY_WEIGHT:g} times, and its time "
            "is in the step."
        )
    with using_cores(request.cores):
        return _measured(bench, entries, facts=facts, notes=notes)


def _entries(options: InferenceSpeed | TrainingSpeed, *, batch_size: int) -> dict[str, Entry]:
    return {
        level: Entry(
            name=level,
            model=model,
            resolution=options.resolution(level),
            batch_size=batch_size,
            described=describe(
                model, options.resolution(level), training=isinstance(options, TrainingSpeed)
            ),
        )
        for level, model in options.models.items()
    }
