"""What every measurement of time shares: warm-up, median step, shuffled blocks, what could not be measured.

The clock is an argument, so that tests can use one of their own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from nnbench.engine.device import is_out_of_memory
from nnbench.engine.seeding import derived_seed, generator

Clock = Callable[[], float]  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How long a step takes.

    Attributes:
        seconds_per_step: Median over the measured steps; robust to a step that another process
            interrupted.
        steps: Measured steps, without the warm-up.
        seconds: Sum of the measured steps.
    """

    seconds_per_step: float
    steps: int
    seconds: float

    def per_second(self, items: int) -> float:
        """Items per second, for steps of this many items."""
        return items / self.seconds_per_step


def measure_rate(
    step: Callable[[], object],
    *,
    warmup: int,
    min_seconds: float,
    min_steps: int,
    synchronise: Callable[[], object],
    clock: Clock = time.perf_counter,
) -> Rate:
    """Time single steps until there are enough of them and they took long enough.

    Args:
        step: What is timed.
        warmup: Steps before the first one that counts.
        min_seconds: Least sum of the counted steps.
        min_steps: Least number of counted steps, at least 1.
        synchronise: Waits for the device (``nnbench.engine.device.synchronise``): without it, the clock
            would stop when an accelerator has been given its work, not when it has done it.
        clock: Seconds since any moment.
    """
    for _ in range(warmup):
        step()
    synchronise()
    seconds: list[float] = []
    while len(seconds) < max(min_steps, 1) or sum(seconds) < min_seconds:
        before = clock()
        step()
        synchronise()
        seconds.append(clock() - before)
    return Rate(
        seconds_per_step=statistics.median(seconds), steps=len(seconds), seconds=sum(seconds)
    )


def shuffled_blocks(
    entries: Iterable[str], seeds: Sequence[int]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each block's seed and all entries in an order drawn from that seed.

    If the machine warms up or slows down, no entry always comes first or last. The order in which the
    entries are given does not matter.
    """
    names = sorted(entries)
    for seed in seeds:
        order = torch.randperm(len(names), generator=generator(seed, "order"))
        yield seed, tuple(names[index] for index in order.tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """What came out of all blocks.

    Attributes:
        rates: By entry and seed; an entry has a rate in every block or is in ``missing``.
        missing: Why an entry was not measured.
    """

    rates: Mapping[str, Mapping[int, Rate]]
    missing: Mapping[str, str]


def measure_blocks(
    entries: Iterable[str], seeds: Sequence[int], measure: Callable[[str, int], Rate | str]
) -> Blocks:
    """Measure every entry once in each block; one that fails once is left out of all blocks.

    Args:
        entries: Their names.
        seeds: One per block.
        measure: The rate of an entry in the block of a seed, or why it has none.
    """
    rates: dict[str, dict[int, Rate]] = {entry: {} for entry in entries}
    missing: dict[str, str] = {}
    for seed, order in shuffled_blocks(rates, seeds):
        for entry in order:
            if entry in missing:
                continue
            found = measure(entry, seed)
            if isinstance(found, str):
                missing[entry] = found
            else:
                rates[entry][seed] = found
    whole = {entry: of for entry, of in rates.items() if entry not in missing}
    return Blocks(rates=whole, missing=missing)


def rate_or_reason(measure: Callable[[], Rate | str], device: torch.device) -> Rate | str:
    """What ``measure`` returns, or that memory ran out; a GPU's cache is empty afterwards."""
    try:
        return measure()
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not is_out_of_memory(error):
            raise
        return f"out of memory: {str(error).partition(chr(10))[0]}"
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()


@contextmanager
def using_cores(cores: int) -> Iterator[None]:
    """Let PyTorch compute with this many threads, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def private_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """A copy of the global random state for layers that draw from nothing else: initial weights, dropout.

    They are left as they are, because a seeded form of them would take a different time.
    """
    devices = range(torch.cuda.device_count()) if device.type == "cuda" else ()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derived_seed(seed, "init"))
        yield
