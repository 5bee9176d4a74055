"""The pipeline around the training: start-up of a job, an idle run, a plan of 10,000 cells.

Run: python -m benchmarks.pipeline            start-up and the large plan, in a scratch folder
     python -m benchmarks.pipeline --idle     an idle run in this folder, after a finished run
     python -m benchmarks.pipeline --growth   planning at 100 to 100,000 cells, as a table and exponents
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.scratch import project, timed

CELLS = 10_000
SIZES = (100, 1_000, 10_000, 100_000)


def start_up() -> None:
    """A cell of one step, from the start of its process to its end: an upper bound of the start-up."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project(folder, {"a": {}, "b": {"lr": 0.01}}, train_for="1 steps")
        run = [sys.executable, "-m", "nnbench"]
        plan = subprocess.run(
            [*run, "plan", "--json"], cwd=folder, capture_output=True, text=True, check=True
        )
        cell = plan.stdout.splitlines()[0]
        timed([*run, "prepare", "digits", "data"], folder)
        seconds = [
            timed(
                [
                    *run,
                    "run",
                    cell,
                    "--seeds",
                    "5",
                    "--results",
                    "results",
                    "--data",
                    "data",
                    "--device",
                    "cpu",
                ],
                folder,
            )
            for _ in range(5)
        ]
    print(
        f"start-up and one step: {statistics.median(seconds):.2f} s (limit 3 s until the first step)"
    )


def large_plan() -> None:
    """Plan and dry run of 10,000 cells."""
    levels: dict[str, dict[str, object]] = {f"{i}": {"lr": 1e-4 + i * 1e-6} for i in range(CELLS)}
    with tempfile.TemporaryDirectory() as scratch:
        project(Path(scratch), levels, train_for="1 epochs")
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run", "--quiet"]
        planned = timed([sys.executable, "-m", "nnbench", "plan"], Path(scratch))
        dry = timed(snakemake, Path(scratch))
    print(f"{CELLS:,} cells: nnbench plan {planned:.1f} s, dry run {dry:.1f} s (limit 8 s)")


def growth() -> None:
    """Seconds and memory of `nnbench plan` by size; the exponent between each size and the one before."""
    from benchmarks.made_up import write_project

    print(f"{'cells':>8} {'seconds':>8} {'MB':>6} {'exponent':>9}")
    before: tuple[int, float] | None = None
    for cells in SIZES:
        with tempfile.TemporaryDirectory() as scratch:
            write_project(Path(scratch), cells=cells)
            seconds = timed([sys.executable, "-m", "nnbench", "plan"], Path(scratch))
        # of the largest child so far, which is this one
        megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        exponent = "" if before is None else f"{_exponent(before, (cells, seconds)):.2f}"
        print(f"{cells:>8,} {seconds:>8.2f} {megabytes:>6.0f} {exponent:>9}")
        before = cells, seconds


def _exponent(small: tuple[int, float], large: tuple[int, float]) -> float:
    """The power of the size that the seconds grow with between two points."""
    return math.log(large[1] / small[1]) / math.log(large[0] / small[0])


def idle_run() -> None:
    """A run with nothing to do, in this folder."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    seconds = [timed(command, Path.cwd()) for _ in range(3)]
    print(f"a run with nothing to do: {statistics.median(seconds):.2f} s (limit 3 s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    if options.idle:
        idle_run()
    elif options.growth:
        growth()
    else:
        start_up()
        large_plan()


if __name__ == "__main__":
    main()
