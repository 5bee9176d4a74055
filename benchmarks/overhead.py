"""What leases, locks and checkpoints cost: their share of a cell's time.

Run: python benchmarks/overhead.py            the parts, against the cells of this folder's last run
     python benchmarks/overhead.py --cell SECONDS [--pairs 5] [--train-for "30 epochs"]
                                              one cell with and without them, alternately, saved every so
                                              many seconds (minutes)

The parts are timed by themselves and set against the mean cell of a run: the lease with its call of
nvidia-smi (a made-up one that lists two GPUs at once; a real one takes longer, see docs/gpus.md), the lock
of the cell's folder, and the saves of a training at the interval that jobs use. The second way compares
whole cells: 784-128-10 on mnist5k, ten seeds, in one process and on one thread; medians over pairs, and
the share of its time in which a cell stood still, which a busy machine disturbs less. This cell is shorter than
the jobs' own interval, and so never saved: give a shorter one to see what saves do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnbench.engine.checkpoint import EVERY_SECONDS, LARGEST_SHARE, Checkpoint
from nnbench.experiments.run import Request, measure, numerics
from nnbench.jobs.job import prepare_dataset
from nnbench.jobs.lease import leased
from nnbench.jobs.locks import folder_lock
from nnbench.settings import Settings

LIMIT = 0.02
REPEATS = 50


@contextmanager
def made_up_gpus(folder: Path) -> Iterator[None]:
    """A program nvidia-smi that lists two GPUs, and a folder of lock files of our own."""
    program = folder / "bin/nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho '0, GPU-aaaa'\necho '1, GPU-bbbb'\n")
    program.chmod(0o755)
    before = dict(os.environ)
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    os.environ["PATH"] = f"{program.parent}:{before['PATH']}"
    os.environ["NNBENCH_LEASES"] = str(folder)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def lease() -> None:
    with leased("auto", jobs_per_gpu=4):
        pass


def mean_cell_seconds() -> tuple[float, str]:
    """The mean time inside a cell, and where it was read."""
    report = Path("reports/results.json")
    run = json.loads(report.read_bytes())["provenance"]["run"]
    inside = ("load_seconds", "train_seconds", "evaluate_seconds", "other_seconds")
    return sum(run[name] for name in inside) / run["cells"], str(report)


class Timed(Checkpoint):
    """A checkpoint that knows how long its saves took."""

    spent_seconds = 0.0

    def save(self, part: str, state: dict[str, Any]) -> None:
        """Save, by the clock."""
        self.spent_seconds += seconds_of(lambda: super(Timed, self).save(part, state))


class Cells:
    """The cell that is run again and again, with its data."""

    def __init__(self, folder: Path, *, train_for: str) -> None:
        self.folder, self.data = folder, folder / "data"
        prepare_dataset("mnist5k", self.data, data_folder=folder, download=False)
        self.runs, self.train_for = 0, train_for

    def run(self, checkpoint: Checkpoint | None = None, *, train_for: str | None = None) -> None:
        """The reference network, one block of five seeds."""
        settings = Settings(train_for=train_for or self.train_for, hidden=(128,), batch_size=32)
        request = Request(
            options=None,
            settings=settings,
            dataset="mnist5k",
            folder=self.data,
            seeds=tuple(range(5)),
            search=None,
            device=numerics("cpu", threads=1),
            cores=1,
            checkpoint=checkpoint or Checkpoint(),
        )
        measure(request)

    def run_with_all(self, every_seconds: float) -> tuple[Timed, float]:
        """As a job does it; also the seconds in which the cell itself stood still."""
        self.runs += 1
        record = self.folder / f"cell{self.runs}"
        checkpoint = Timed(record / "checkpoint.pt", every_seconds=every_seconds)
        started = time.perf_counter()
        with folder_lock(record), leased("auto", jobs_per_gpu=4):
            spent = time.perf_counter() - started
            self.run(checkpoint)
            ended = time.perf_counter()
        return checkpoint, spent + checkpoint.spent_seconds + time.perf_counter() - ended


def parts(cells: Cells) -> None:
    """Each part by itself, and their sum as a share of the mean cell."""

    def lock() -> None:
        with folder_lock(cells.folder / "locked"):
            pass

    lease_seconds = statistics.median(seconds_of(lease) for _ in range(REPEATS))
    lock_seconds = statistics.median(seconds_of(lock) for _ in range(REPEATS))
    checkpoint = Timed(cells.folder / "checkpoint.pt", every_seconds=0.0)
    cells.run(checkpoint, train_for="10 epochs")
    save_seconds = checkpoint.spent_seconds / checkpoint.saves
    megabytes = (cells.folder / "checkpoint.pt").stat().st_size / 1e6
    mean, source = mean_cell_seconds()
    share = (lease_seconds + lock_seconds) / mean + min(save_seconds / EVERY_SECONDS, LARGEST_SHARE)
    print(
        f"lease {1e3 * lease_seconds:.1f} ms and lock {1e3 * lock_seconds:.2f} ms per cell; a save of "
        f"{megabytes:.1f} MB {1e3 * save_seconds:.0f} ms (mean of {checkpoint.saves}), one in {EVERY_SECONDS:g} s"
    )
    print(f"of the mean cell, {mean:.1f} s ({source}): {share:.2%} (limit {LIMIT:.0%})")


def whole_cells(cells: Cells, *, every_seconds: float, pairs: int) -> None:
    """The same cell with and without all of it, alternately; each is the first one every other time."""
    ratios, shares, saves = [], [], 0
    for number in range(pairs):
        bare = seconds_of(cells.run) if number % 2 else None
        started = time.perf_counter()
        checkpoint, stood = cells.run_with_all(every_seconds)
        own = time.perf_counter() - started
        ratios.append(own / (seconds_of(cells.run) if bare is None else bare) - 1.0)
        shares.append(stood / (own - stood))
        saves += checkpoint.saves
    print(
        f"one cell of {own - stood:.1f} s, saved every {every_seconds:g} s ({saves / pairs:.1f} saves): "
        f"stood still for {statistics.median(shares):.2%} of its time (limit {LIMIT:.0%}); with against "
        f"without {statistics.median(ratios):+.1%} ({min(ratios):+.1%} to {max(ratios):+.1%} in {pairs} pairs)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cell", type=float, metavar="SECONDS")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--train-for", default="30 epochs", help="config.yaml's for mnist5k")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, made_up_gpus(Path(scratch)):
        cells = Cells(Path(scratch), train_for=options.train_for)
        if options.cell is None:
            parts(cells)
        else:
            cells.run(train_for="1 epochs")  # first allocations
            whole_cells(cells, every_seconds=options.cell, pairs=options.pairs)


if __name__ == "__main__":
    main()
