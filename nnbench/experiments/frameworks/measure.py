"""Blocks of trainings: each block has one seed, one problem, and every framework in a random order."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from nnbench.experiments.frameworks import worker
from nnbench.experiments.frameworks.declared import Framework, FrameworkOptions
from nnbench.experiments.frameworks.prepare import check_settings, problem_of
from nnbench.experiments.frameworks.problem import Outcome, Problem, pack_problem, unpack_outcome
from nnbench.experiments.frameworks.processes import NoAnswerError, ask, limits
from nnbench.experiments.request import Measured, Request
from nnbench.experiments.timing import shuffled_blocks

PACKAGES: Mapping[Framework, tuple[str, ...]] = {
    "tensorflow": ("tensorflow",),
    "tensorflow_slices": ("tensorflow",),
    "keras": ("keras", "tensorflow"),
    "pytorch": ("torch",),
    "pytorch_slices": ("torch",),
    "jax": ("jax", "optax"),
}

ROUNDING = 1e-9  # of accuracies: two places equally far from a median differ by rounding alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came out so far; grows from block to block.

    Attributes:
        blocks: Outcomes by seed and place.
        missing: Why a place is not measured; it is left out of every block.
    """

    blocks: dict[int, dict[str, Outcome]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def of(self, place: str) -> list[Outcome]:
        """A measured place's outcomes, one a block."""
        return [block[place] for block in self.blocks.values()]


def measure(request: Request) -> Measured:
    """Train the same problem in every framework, block by block.

    A place that fails in one block, or ends with another accuracy than the others, is left out of all
    blocks: its time would say nothing.

    Raises:
        NnbenchError: The settings or the data are not what the frameworks' loops can do.
    """
    check_settings(request)
    options: FrameworkOptions = request.options
    found = Found(missing=not_installed(options.frameworks))
    started = time.perf_counter()
    for seed, order in shuffled_blocks(options.frameworks, request.seeds):
        places = [place for place in order if place not in found.missing]
        outcomes, failed = _block(places, problem_of(request, seed=seed), request)
        found.blocks[seed] = outcomes
        for place, reason in failed.items():
            found.missing[place] = f"not measured: in the block of seed {seed}, {reason}"
    return _measured(found, request, seconds=time.perf_counter() - started)


def not_installed(frameworks: Mapping[str, Framework]) -> dict[str, str]:
    """The places whose packages are not there, without importing any."""
    absent = {
        place: next((name for name in PACKAGES[framework] if find_spec(name) is None), None)
        for place, framework in frameworks.items()
    }
    return {
        place: f"not measured: {name} is not installed (in a checkout: pip install -e '.[frameworks]')"
        for place, name in absent.items()
        if name is not None
    }


def _block(
    places: Sequence[str], problem: Problem, request: Request
) -> tuple[dict[str, Outcome], dict[str, str]]:
    """Every place's outcome, and why there is none or none that counts."""
    question = pack_problem(problem)
    outcomes, failed = {}, {}
    for place in places:
        try:
            outcomes[place] = _ask(place, question, request)
        except NoAnswerError as error:
            failed[place] = str(error)
    accuracies = {place: outcome.test_accuracy for place, outcome in outcomes.items()}
    failed |= unequal(accuracies, tolerance=request.options.accuracy_tolerance)
    return outcomes, failed


def _ask(place: str, question: bytes, request: Request) -> Outcome:
    options: FrameworkOptions = request.options
    answer = ask(
        worker.command(options.frameworks[place]),
        question,
        environment=limits(
            threads=request.cores, device=request.device.type, index=request.device.index
        ),
        timeout_seconds=options.timeout_seconds,
    )
    try:
        return unpack_outcome(answer)
    except (ValueError, TypeError, KeyError) as error:
        raise NoAnswerError(f"the answer cannot be read ({error})") from None


def unequal(accuracies: Mapping[str, float], *, tolerance: float) -> dict[str, str]:
    """The places whose accuracy is off, each with the reason; {} where all agree.

    While the largest difference is beyond the tolerance, the accuracies farthest from the median leave;
    of two that disagree, nothing says which one is off, so both leave.
    """
    left, off = dict(accuracies), {}
    while left and max(left.values()) - min(left.values()) > tolerance:
        middle = statistics.median(left.values())
        farthest = max(abs(value - middle) for value in left.values())
        for place, value in list(left.items()):
            if abs(value - middle) > farthest - ROUNDING:
                off[place] = (
                    f"its test accuracy of {value:.2%} is not that of the others (median "
                    f"{middle:.2%}, tolerance {tolerance:.2%}): it did not do the same work"
                )
                del left[place]
    return off


def _measured(found: Found, request: Request, *, seconds: float) -> Measured:
    options: FrameworkOptions = request.options
    outcomes = {
        place: found.of(place) for place in options.frameworks if place not in found.missing
    }
    return Measured(
        runs={
            str(seed): {"status": "ok", "metrics": _metrics(block, outcomes)}
            for seed, block in found.blocks.items()
        },
        missing=found.missing,
        facts={
            place: {
                "framework": options.frameworks[place],
                "threads": request.cores,
                "device": request.device.type,
                **facts(of_place),
            }
            for place, of_place in outcomes.items()
        },
        notes=tuple(notes(list(outcomes.values()), options)),
        seconds={"measure": seconds},
        more={"trainings": {place: _curves(found, place) for place in outcomes}},
    )


def training_seconds(outcome: Outcome) -> float:
    """All epochs at the mean of those after the first, which compiles.

    The mean, not the median: where an input pipeline makes every other epoch wait (``tensorflow_loop``),
    the waits are part of the time, and the median jumps from one block to the next.
    """
    return statistics.fmean(outcome.epoch_seconds[1:]) * len(outcome.epoch_seconds)


def _metrics(block: Mapping[str, Outcome], places: Iterable[str]) -> dict[str, float]:
    metrics = {}
    for place in places:
        metrics[f"seconds@{place}"] = training_seconds(block[place])
        metrics[f"test_accuracy@{place}"] = block[place].test_accuracy
    return metrics


def facts(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What describes a place beside its metrics: medians over the blocks, and versions."""
    return {
        "import_seconds": statistics.median(o.import_seconds for o in outcomes),
        "first_epoch_seconds": statistics.median(o.epoch_seconds[0] for o in outcomes),
        "epoch_seconds": statistics.median(
            training_seconds(o) / len(o.epoch_seconds) for o in outcomes
        ),
        "versions": dict(outcomes[0].versions),
    }


def notes(places: Sequence[Sequence[Outcome]], options: FrameworkOptions) -> Iterator[str]:
    """What a reader of the times has to know; the outcomes are given by place and block."""
    yield (
        f"Seconds are {options.epochs} times the mean epoch after the first, which compiles; "
        "imports, first epoch and test are not in them."
    )
    if len(places) > 1:
        blocks = list(zip(*places, strict=True))
        accuracy = max(_spread([o.test_accuracy for o in block]) for block in blocks)
        loss = max(
            _spread([o.train_loss[0] for o in block]) / block[0].train_loss[0] for block in blocks
        )
        yield (
            f"Within a block, test accuracies differ by at most {accuracy:.2%}, and training losses of "
            f"the first epoch by {loss:.1e} of their value."
        )


def _spread(values: Sequence[float]) -> float:
    return max(values) - min(values)


def _curves(found: Found, place: str) -> dict[str, dict[str, list[float]]]:
    return {
        str(seed): {
            "epoch_seconds": list(block[place].epoch_seconds),
            "train_loss": list(block[place].train_loss),
        }
        for seed, block in found.blocks.items()
    }
