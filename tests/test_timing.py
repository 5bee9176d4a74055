"""The clock-work of timing experiments, by a clock that the tests move."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import torch

from nnbench.experiments.timing import (
    Rate,
    measure_blocks,
    measure_rate,
    private_randomness,
    rate_or_reason,
    shuffled_blocks,
    using_cores,
)

CPU = torch.device("cpu")
ENTRIES = ("VGG16", "ResNet-50", "InceptionV3")


@dataclass
class Machine:
    """Steps that take the seconds they are told to, on an accelerator that works in the background."""

    durations: Sequence[float]
    now: float = 100.0
    queued: float = 0.0
    log: list[str] = field(default_factory=list)

    def step(self) -> None:
        self.queued += self.durations[self.log.count("step") % len(self.durations)]
        self.log.append("step")

    def synchronise(self) -> None:
        self.now += self.queued
        self.queued = 0.0
        self.log.append("synchronise")

    def clock(self) -> float:
        return self.now

    def rate(self, *, warmup: int = 0, min_seconds: float = 0.0, min_steps: int = 1) -> Rate:
        return measure_rate(
            self.step,
            warmup=warmup,
            min_seconds=min_seconds,
            min_steps=min_steps,
            synchronise=self.synchronise,
            clock=self.clock,
        )


def test_the_median_of_the_steps_counts_and_one_interrupted_step_does_not() -> None:
    rate = Machine([2.0, 2.0, 50.0, 3.0, 2.0]).rate(min_steps=5)
    assert rate == Rate(seconds_per_step=2.0, steps=5, seconds=59.0)


def test_warm_up_steps_are_made_and_not_counted() -> None:
    machine = Machine([9.0, 9.0, 1.0, 1.0, 1.0])
    assert machine.rate(warmup=2, min_steps=3) == Rate(seconds_per_step=1.0, steps=3, seconds=3.0)
    assert machine.log.count("step") == 5


def test_an_accelerator_has_done_its_work_before_the_clock_is_read() -> None:
    """Without synchronising, the queued warm-up would count and the step itself would not."""
    machine = Machine([9.0, 1.0])
    assert machine.rate(warmup=1, min_steps=1).seconds == 1.0
    assert machine.log == ["step", "synchronise", "step", "synchronise"]


@pytest.mark.parametrize(
    ("min_seconds", "min_steps", "steps"), [(1.0, 3, 3), (10.0, 3, 5), (0.0, 0, 1)]
)
def test_measuring_ends_with_enough_steps_and_enough_seconds(
    min_seconds: float, min_steps: int, steps: int
) -> None:
    assert Machine([2.0]).rate(min_seconds=min_seconds, min_steps=min_steps).steps == steps


def test_items_per_second_are_those_of_one_step_over_its_seconds() -> None:
    assert Rate(seconds_per_step=0.25, steps=3, seconds=1.0).per_second(8) == 32.0


def test_every_block_has_every_entry_once_in_an_order_of_its_own() -> None:
    blocks = dict(shuffled_blocks(ENTRIES, range(60)))
    assert list(blocks) == list(range(60))
    assert {tuple(sorted(order)) for order in blocks.values()} == {tuple(sorted(ENTRIES))}
    assert set(blocks.values()) == set(itertools.permutations(ENTRIES))


def test_a_blocks_order_is_a_matter_of_its_seed_alone() -> None:
    alone = dict(shuffled_blocks(ENTRIES, [7]))
    among = dict(shuffled_blocks(reversed(ENTRIES), [3, 7, 0]))
    assert among[7] == alone[7]


def rate_of(seconds: float) -> Rate:
    return Rate(seconds_per_step=seconds, steps=1, seconds=seconds)


def test_blocks_hold_a_rate_of_every_entry_for_every_seed() -> None:
    rates, missing = measure_blocks(
        ("a", "b"), (4, 0), lambda entry, seed: rate_of(seed + len(entry))
    )
    assert rates == {entry: {4: rate_of(5.0), 0: rate_of(1.0)} for entry in ("a", "b")}
    assert missing == {}


def test_a_entry_that_fails_in_one_block_is_missing_in_all_and_is_not_tried_again() -> None:
    tried: list[tuple[str, int]] = []

    def measure(entry: str, seed: int) -> Rate | str:
        tried.append((entry, seed))
        return "too large" if (entry, seed) == ("b", 1) else rate_of(1.0)

    rates, missing = measure_blocks(("a", "b"), (0, 1, 2), measure)
    assert missing == {"b": "too large"}
    assert rates == {"a": dict.fromkeys((0, 1, 2), rate_of(1.0))}
    assert ("b", 2) not in tried


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory.\nSee documentation"),
        MemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory"),
    ],
)
def test_too_little_memory_is_a_reason(error: Exception) -> None:
    def measure() -> Rate:
        raise error

    reason = rate_or_reason(measure, CPU)
    assert reason == f"out of memory: {str(error).splitlines()[0]}"


def test_real_lack_of_memory_is_recognised() -> None:
    def measure() -> Rate:
        torch.empty(2**60, dtype=torch.uint8)
        return rate_of(1.0)

    assert str(rate_or_reason(measure, CPU)).startswith("out of memory: ")


def test_any_other_error_is_an_error() -> None:
    def measure() -> Rate:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        rate_or_reason(measure, CPU)


def test_threads_are_set_for_the_measurement_alone() -> None:
    before = torch.get_num_threads()
    with using_cores(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def drawn_in(context: Callable[[], object]) -> torch.Tensor:
    with private_randomness(0, CPU):
        context()
        return torch.rand(3)


def test_layers_that_draw_from_the_global_state_draw_from_a_private_one() -> None:
    before = torch.random.get_rng_state()
    first = drawn_in(lambda: None)
    assert torch.equal(first, drawn_in(lambda: None))
    assert not torch.equal(first, drawn_in(lambda: torch.nn.Linear(2, 2)))
    with private_randomness(1, CPU):
        assert not torch.equal(first, torch.rand(3))
    assert torch.equal(before, torch.random.get_rng_state())
