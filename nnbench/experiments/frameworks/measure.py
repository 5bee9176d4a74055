"""Blocks of trainings: in each, every framework gets one seed's problem, in random order.

A problem has the same data and initial weights as nnbench's own training. The test set is included for the
accuracy after the last epoch; nothing is chosen by it.
"""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec

import numpy as np
from pydantic import ValidationError

from nnbench.engine.data import held_out, training_data
from nnbench.engine.seeding import CPU
from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks import worker
from nnbench.experiments.frameworks.declared import Framework, FrameworkOptions
from nnbench.experiments.frameworks.problem import Outcome, Problem, pack_problem
from nnbench.experiments.measured import JsonObject, Measured, Metrics, Run
from nnbench.experiments.mlp import FOLLOWED_BY_ALL, check_settings, classified_dataset, initial_mlp
from nnbench.experiments.run import Request
from nnbench.experiments.timing import shuffled_blocks
from nnbench.processes import Child, Ended, run_in_turn

PACKAGES = {
    "tensorflow": ("tensorflow",),
    "keras": ("keras", "tensorflow"),
    "pytorch": ("torch",),
    "jax": ("jax", "optax"),
}
FOLLOWED = FOLLOWED_BY_ALL | {"hidden", "lr", "batch_size"}  # settings, in every framework's loop
CURVES = {"epoch_seconds", "train_loss"}  # what is recorded of every epoch
ROUNDING = 1e-9  # of accuracies: entries equally far from the median may differ by rounding


def measure(request: Request) -> Measured:
    """Train the same problem in every framework, block by block.

    An entry that fails in one block, or ends with a different accuracy from the others, is dropped from all
    blocks: its time would mean nothing. Raises NnbenchError if the frameworks' loops cannot follow the
    settings or use the data.
    """
    check_settings(request.settings, followed=FOLLOWED)
    if request.search:
        raise NnbenchError(
            "the experiment 'frameworks' trains an MLP with ReLU by Adam on cross-entropy, untuned",
            got="a search",
            todo="leave the claim only its `as-written` track",
        )
    options: FrameworkOptions = request.options
    blocks: dict[int, dict[str, Outcome]] = {}
    missing = not_installed(options.frameworks)
    started = time.perf_counter()
    for seed, order in shuffled_blocks(options.frameworks, request.seeds):
        entries = [entry for entry in order if entry not in missing]
        blocks[seed], failed = _block(entries, problem_of(request, seed=seed), request)
        for entry, reason in failed.items():
            missing[entry] = f"not measured: in the block of seed {seed}, {reason}"
    measured = [entry for entry in options.frameworks if entry not in missing]
    return Measured(
        runs={
            str(seed): Run(status="ok", metrics=_metrics(block, measured))
            for seed, block in blocks.items()
        },
        missing=missing,
        facts={e: _facts(e, [block[e] for block in blocks.values()], request) for e in measured},
        notes=tuple(_notes([[b[e] for e in measured] for b in blocks.values()], options)),
        seconds={"measure": time.perf_counter() - started},
        trainings={
            entry: {
                str(seed): block[entry].model_dump(mode="json", include=CURVES)
                for seed, block in blocks.items()
            }
            for entry in measured
        },
    )


def not_installed(frameworks: Mapping[str, Framework]) -> dict[str, str]:
    """Entries whose packages are missing, each with the reason; imports nothing."""
    return {
        entry: f"not measured: {name} is not installed (in a checkout: pip install -e '.[frameworks]')"
        for entry, framework in frameworks.items()
        for needed in [PACKAGES[framework.removesuffix("_slices")]]
        if (name := next((package for package in needed if find_spec(package) is None), None))
    }


def problem_of(request: Request, *, seed: int) -> Problem:
    """The problem of a block; NnbenchError for a regression dataset or unusable files."""
    settings, dataset = request.settings, classified_dataset(request)
    folder, seeds = request.folder, (seed,)
    data = training_data(dataset, settings, folder=folder, seeds=seeds, device=CPU)
    normaliser = data.bank.normaliser
    test = held_out(dataset, normaliser, settings, folder=folder, seeds=seeds, device=CPU)
    model = initial_mlp(request, hidden=settings.hidden, seed=seed)
    (inputs, labels), (test_inputs, test_labels) = (
        (x[0].flatten(1).numpy(), y[0].numpy())  # (1, N, *shape) -> (N, D)
        for x, y in (data.bank.gather(data.train), test.bank.gather(test.test))
    )
    return Problem(
        inputs=inputs,
        labels=labels,
        test_inputs=test_inputs,
        test_labels=test_labels,
        weights=tuple(np.ascontiguousarray(p.detach().numpy().T) for p in model.parameters()),
        batch_size=settings.batch_size,
        learning_rate=settings.lr,
        epochs=request.options.epochs,
        threads=request.cores,
        device=request.device.type,
    )


def _block(
    entries: Sequence[str], problem: Problem, request: Request
) -> tuple[dict[str, Outcome], dict[str, str]]:
    """Outcomes by entry, and the reasons of those that failed or do not count."""
    answers = dict(zip(entries, _ask(entries, pack_problem(problem), request), strict=True))
    outcomes = {entry: found for entry, found in answers.items() if isinstance(found, Outcome)}
    failed = {entry: reason for entry, reason in answers.items() if isinstance(reason, str)}
    accuracies = {entry: outcome.test_accuracy for entry, outcome in outcomes.items()}
    tolerance = request.options.accuracy_tolerance
    return outcomes, failed | unequal(accuracies, tolerance=tolerance)


def _ask(entries: Sequence[str], question: bytes, request: Request) -> Iterator[Outcome | str]:
    """The outcome of each framework's own process, or why there is none.

    The processes load their frameworks together, and train one after the other. On an accelerator, one starts when
    the last one has ended: frameworks reserve its memory.
    """
    options: FrameworkOptions = request.options
    device, threads = request.device, request.cores
    children = [
        Child(
            command=worker.command(options.frameworks[entry], threads=threads),
            document=question,
            environment=worker.limits(threads=threads, device=device.type, index=device.index),
        )
        for entry in entries
    ]
    together = [children] if device.type == "cpu" else [[child] for child in children]
    for group in together:
        yield from map(_answer, run_in_turn(group, timeout_seconds=options.timeout_seconds))


def _answer(end: Ended) -> Outcome | str:
    """What a process wrote after its first line, or why it cannot be read."""
    if end.failure is not None:
        return end.failure
    try:
        return Outcome.model_validate_json(end.output)
    except ValidationError as error:
        return f"the answer cannot be read ({error.errors()[0]['msg']})"


def unequal(accuracies: Mapping[str, float], *, tolerance: float) -> dict[str, str]:
    """The entries whose accuracy differs from the others', each with the reason; {} if all agree.

    While the range exceeds the tolerance, the accuracies farthest from the median are removed; if only two
    are left and disagree, nothing shows which one is wrong, so both are removed.
    """
    left, off = dict(accuracies), {}
    while left and max(left.values()) - min(left.values()) > tolerance:
        middle = statistics.median(left.values())
        farthest = max(abs(value - middle) for value in left.values())
        for entry, value in list(left.items()):
            if abs(value - middle) > farthest - ROUNDING:
                off[entry] = (
                    f"its test accuracy of {value:.2%} is not that of the others (median "
                    f"{middle:.2%}, tolerance {tolerance:.2%}): it did not do the same work"
                )
                del left[entry]
    return off


def training_seconds(outcome: Outcome) -> float:
    """The number of epochs times the mean epoch after the first, which compiles.

    The mean, not the median: where an input pipeline stalls every other epoch (``tensorflow_loop``), the
    stalls are part of the time, and the median jumps from block to block.
    """
    return statistics.fmean(outcome.epoch_seconds[1:]) * len(outcome.epoch_seconds)


def _metrics(block: Mapping[str, Outcome], entries: Sequence[str]) -> Metrics:
    metrics: Metrics = {}
    for entry in entries:
        metrics[f"seconds@{entry}"] = training_seconds(block[entry])
        metrics[f"test_accuracy@{entry}"] = block[entry].test_accuracy
    return metrics


def _facts(entry: str, outcomes: Sequence[Outcome], request: Request) -> JsonObject:
    """Facts about an entry apart from its metrics: medians over the blocks, and versions."""
    epoch_seconds = [training_seconds(o) / len(o.epoch_seconds) for o in outcomes]
    return {
        "framework": request.options.frameworks[entry],
        "threads": request.cores,
        "device": request.device.type,
        "first_epoch_seconds": statistics.median(o.epoch_seconds[0] for o in outcomes),
        "epoch_seconds": statistics.median(epoch_seconds),
        "versions": outcomes[0].versions,
    }


def _notes(blocks: Sequence[Sequence[Outcome]], options: FrameworkOptions) -> Iterator[str]:
    """What a reader of the times needs to know; ``blocks`` holds the outcomes by block and entry."""
    yield (
        f"Seconds are {options.epochs} times the mean epoch after the first, which compiles; "
        "imports, first epoch and test are not in them."
    )
    if len(blocks[0]) > 1:
        accuracy = max(np.ptp([o.test_accuracy for o in block]) for block in blocks)
        loss = max(
            np.ptp([o.train_loss[0] for o in block]) / block[0].train_loss[0] for block in blocks
        )
        yield (
            f"Within a block, test accuracies differ by at most {accuracy:.2%}, and training losses of "
            f"the first epoch by {loss:.1e} of their value."
        )
