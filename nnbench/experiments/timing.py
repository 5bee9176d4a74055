"""Shared by all timings: warm-up, median step, shuffled blocks, and what could not be measured.

The clock is an argument so that tests can use their own.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from nnbench.engine.device import is_out_of_memory
from nnbench.engine.seeding import derived_seed, generator

Clock = Callable[[], float]  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How long a step takes."""

    seconds_per_step: float  # median: robust to steps that another process interrupted
    steps: int  # measured, without the warm-up
    seconds: float  # sum of the measured steps

    def per_second(self, items: int) -> float:
        """Items per second, if each step processes this many."""
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
    """Time single steps until there are at least ``min_steps`` (and 1) with a total of ``min_seconds``.

    ``warmup`` steps come first and do not count. ``synchronise`` waits for the device
    (``nnbench.engine.device.synchronise``): without it, the clock would stop when an accelerator has been
    given its work, not when it has done it.
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

    No entry always comes first or last, in case the machine warms up or slows down. The order in which the
    entries are given does not matter.
    """
    names = sorted(entries)
    for seed in seeds:
        order = torch.randperm(len(names), generator=generator(seed, "order"))
        yield seed, tuple(names[index] for index in order.tolist())


def measure_blocks(
    entries: Iterable[str], seeds: Sequence[int], measure: Callable[[str, int], Rate | str]
) -> tuple[dict[str, dict[int, Rate]], dict[str, str]]:
    """Rates by entry and seed, a block each, and why other entries have none: one failure leaves them out."""
    rates: dict[str, dict[int, Rate]] = {entry: {} for entry in entries}
    missing: dict[str, str] = {}
    for seed, order in shuffled_blocks(rates, seeds):
        for entry in order:
            found = missing.get(entry) or measure(entry, seed)
            if isinstance(found, str):
                missing[entry] = found
                rates.pop(entry, None)
            else:
                rates[entry][seed] = found
    return rates, missing


def rate_or_reason(measure: Callable[[], Rate | str], device: torch.device) -> Rate | str:
    """The result of ``measure``, or that memory ran out; empties a GPU's cache afterwards."""
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
    """Let PyTorch use this many threads, and restore the previous number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def private_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """A private copy of the global random state, for layers that can only draw from it: weights, dropout.

    They are not replaced by seeded versions, which would take a different time.
    """
    devices = range(torch.cuda.device_count()) if device.type == "cuda" else ()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derived_seed(seed, "init"))
        yield
