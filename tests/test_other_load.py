"""What other programs compute while a time is measured is noted in its record; nothing is said of an idle machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nnbench.jobs.other_load import OtherLoad, busy_seconds

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def going(*values: float | None) -> Callable[[], float | None]:
    """One value after the other."""
    left = iter(values)
    return lambda: next(left)


def load(*, busy: float | None, own: float) -> OtherLoad:
    """Ten seconds in which all cores together were busy for so long, and this process for so long."""
    first = None if busy is None else 100.0
    end = None if busy is None else 100.0 + busy
    return OtherLoad(going(first, end), going(50.0, 50.0 + own), going(0.0, 10.0))  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no list of cores")
def test_what_others_used_of_the_cores_is_a_note() -> None:
    (note,) = load(busy=10.0 * CORES, own=7.5 * CORES).notes()
    assert note.startswith(f"Other programs used 25% of the time of the {CORES} CPU cores")


def test_an_idle_machine_and_one_that_does_not_say_get_no_note() -> None:
    assert list(load(busy=10.0 * CORES, own=9.9 * CORES).notes()) == []
    assert list(load(busy=1.0, own=1.2).notes()) == []  # ticks are rounded
    assert list(load(busy=None, own=1.0).notes()) == []


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no list of cores")
def test_only_the_cores_that_the_process_may_use_count(tmp_path: Path) -> None:
    tick, core = os.sysconf("SC_CLK_TCK"), min(os.sched_getaffinity(0))
    stat = tmp_path / "stat"
    own = f"cpu{core} {tick} {tick} {tick} 900 900 {tick} {tick} {tick} 55 55"
    stat.write_text(f"cpu  1 2 3 4 5 6 7 8 9 10\n{own}\ncpu9999 7 7 7 7 7 7 7 7 7 7\nintr 5\n")
    assert busy_seconds(stat) == 6.0
    assert busy_seconds(tmp_path / "none") is None
