"""Made-up projects of any size: documents, claims and levels, each level a cell of its own; and records for them.

Run: python -m benchmarks.made_up FOLDER CELLS [--levels 10] [--records]
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import yaml

from nnbench.cells.cell import Cell
from nnbench.claims.config import read_config
from nnbench.experiments.measured import Curves, Run
from nnbench.plan.plan import make_plan
from nnbench.records.record import Machine, Record
from nnbench.records.store import record_path, write_record

LEVELS, CLAIMS = 10, 50  # of a claim, of a document
EPOCHS, CLASSES = 20, 10
MACHINE = Machine(
    device_name="made up", device="cpu", platform="made up", hostname="made-up", cores=2, threads=1, memory_gb=8.0
)  # fmt: skip


def write_project(folder: Path, *, cells: int, levels: int = LEVELS) -> Path:
    """A config and its documents, of so many different cells in all; returns the config's path."""
    (folder / "config").mkdir(parents=True)
    names = []
    claims = [range(first, min(first + levels, cells)) for first in range(0, cells, levels)]
    for number, first in enumerate(range(0, len(claims), CLAIMS)):
        names.append(f"config/doc{number}.yaml")
        own = {
            f"c{at}": _claim(numbers) for at, numbers in enumerate(claims[first : first + CLAIMS])
        }
        document = {
            "document": f"doc{number}",
            "title": f"Document {number}",
            "file": "made-up.txt",
            "claims": own,
        }
        text = yaml.dump(
            document, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False
        )
        (folder / names[-1]).write_text(text)
    config = folder / "config/config.yaml"
    config.write_text(yaml.safe_dump({"documents": names, "seeds": 5}))
    return config


def _claim(numbers: range) -> dict[str, object]:
    """One claim; no two numbers are the same training."""
    levels = {f"lr {n}": {"lr": round(1e-4 * (1.0 + 1e-3 * n), 9)} for n in numbers}
    return {
        "title": f"Learning rates from {numbers[0]} on differ", "quote": "the learning rate matters",
        "kind": "differs", "margin": 0.05, "metric": "test_loss", "datasets": {"digits": {}}, "levels": levels,
        "experiment": "Trained at each learning rate.", "limits": "Made up.",
    }  # fmt: skip


def write_records(folder: Path, config: Path) -> int:
    """A made-up record for every block that the config plans, below ``folder``; returns how many."""
    plan = make_plan(read_config(str(config)), root=folder)
    blocks = list(plan.blocks())
    for cell, seeds in blocks:
        path = record_path(folder / plan.config.results, cell, seeds)
        write_record(path, _record(plan.cells[cell], seeds))
    return len(blocks)


def _record(cell: Cell, seeds: tuple[int, ...]) -> Record:
    draw = random.Random(cell.id)  # noqa: S311 - not for secrets
    curve = tuple(tuple(draw.uniform(0.1, 1.0) for _ in seeds) for _ in range(EPOCHS))
    moment = "2026-01-01T00:00:00+00:00"
    return Record(
        runs={str(seed): Run(status="ok", metrics=dict(_metrics(draw))) for seed in seeds},
        seconds={"load": 0.1, "train": 8.0, "evaluate": 0.2},
        curves=Curves(
            epochs=tuple(map(float, range(1, EPOCHS + 1))),
            train_loss=curve, validation_loss=curve, validation_accuracy=curve,
        ),
        untrained={"test_loss": 2.3, "test_accuracy": 0.1},
        parameters=9_610, classes=CLASSES, test_samples=360, steps=1_000, stacked=True,
        samples_per_second=1e5, cell=cell, seeds=seeds, started=moment, ended=moment, machine=MACHINE,
        versions={"python": "3", "torch": "2"}, git_commit=None, git_dirty=None, peak_memory_mb=500.0,
    )  # fmt: skip


def _metrics(draw: random.Random) -> Iterator[tuple[str, float]]:
    for part in ("train", "validation", "test"):
        yield f"{part}_loss", draw.uniform(0.2, 0.3)
        yield f"{part}_accuracy", draw.uniform(0.85, 0.95)
    for name in range(CLASSES):
        yield f"test_accuracy@class {name}", draw.uniform(0.7, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cells", type=int)
    parser.add_argument("--levels", type=int, default=LEVELS, help="of a claim")
    parser.add_argument("--records", action="store_true", help="write a record for each cell, too")
    options = parser.parse_args()
    config = write_project(options.folder, cells=options.cells, levels=options.levels)
    records = write_records(options.folder, config) if options.records else 0
    print(f"{options.folder}: {options.cells:,} cells, {records:,} records")


if __name__ == "__main__":
    main()
