"""What Snakemake's main process costs a run of real, cheap cells: its share of the CPU time, which load does not change.

Run: python -m benchmarks.main_process [CELLS …] [--cores 2] [--minutes BATCH_MINUTES]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.scratch import HERE, project, spent

CELLS = (256, 2_000)


def measure(cells: int, *, cores: int, options: list[str]) -> None:
    """Print one row."""
    levels: dict[str, dict[str, object]] = {f"{n}": {"lr": 1e-4 + n * 1e-6} for n in range(cells)}
    snakemake = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder, levels, train_for="1 epochs", seeds=5)
        target = "results/aggregate/measurements.csv"
        found = spent([*snakemake, target, *options], folder, environment=HERE)
        jobs = sum(1 for _ in folder.glob(".snakemake/metadata/*")) - 5  # of the tables
    print(
        f"{cells:,} cells on {cores} cores: {jobs} jobs; main process {found.own:.1f} s of CPU of "
        f"{found.own + found.children:.0f} s: {found.share:.1%} (limit 2 %)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cells", type=int, nargs="*", default=CELLS)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--minutes", help="the config's batch_minutes")
    options = parser.parse_args()
    config = ["--config", f"batch_minutes={options.minutes}"] if options.minutes else []
    for cells in options.cells:
        measure(cells, cores=options.cores, options=config)


if __name__ == "__main__":
    main()
