"""The report's provenance: machines, versions, time and data of the run, out of its records."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nnbench import __version__
from nnbench.cells.cell import canonical, dataset_of
from nnbench.datasets.prepared.store import load_samples, read_manifest
from nnbench.datasets.prepared.told import read_told
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan
from nnbench.records.origin import (
    DatasetFacts,
    MeasuredOn,
    MissingCell,
    Provenance,
    RunFacts,
    Sample,
)
from nnbench.records.record import Record
from nnbench.records.store import dataset_folder
from nnbench.verdicts.evidence import Records

COLOURED = 10  # samples of coloured images: three times the numbers of grey ones
_PHASES = ("load", "train", "evaluate")  # of a training; other experiments have their own
D = TypeVar("D", bound=Mapping[str, object])


def run_provenance(plan: Plan, records: Records, *, config_sha256: str) -> Provenance:
    """Everything that the records say about how the numbers were made."""
    found = [record for blocks in records.blocks.values() for record in blocks]
    newest = max(found, key=lambda record: record.ended, default=None)
    machines = _distinct([(r.cell.id, r.machine.model_dump()) for r in found])
    versions = _distinct([(r.cell.id, {**r.versions, "compiler": r.compiler}) for r in found])
    config = plan.config
    return Provenance(
        nnbench_version=__version__,
        git_commit=newest.git_commit if newest else None,
        git_dirty=newest.git_dirty if newest else None,
        config=config.model_dump(mode="json"),
        config_sha256=config_sha256,
        tier=config.tier,
        seeds=config.seeds,
        tuning_seeds=config.tuning_seeds,
        generated=newest.ended if newest else None,
        run=_run(found),
        machines=tuple(MeasuredOn.model_validate({**m, "cells": n}) for m, n in machines),
        versions=tuple({**v, "cells": n} for v, n in versions),
        flags={  # on only where every cell was deterministic, on where any cell used TF32
            "deterministic": bool(found) and all(r.machine.deterministic for r in found),
            "tf32": any(r.machine.tf32 for r in found),
        },
        datasets=tuple(_dataset(Path(config.results), name) for name in plan.datasets()),
        rejected_records=records.rejected,
        missing_cells=_missing(plan, records),
    )


def _missing(plan: Plan, records: Records) -> tuple[MissingCell, ...]:
    claims: dict[str, set[str]] = {cell: set() for cell in plan.cells if cell in records.missing}
    for use in plan.all_uses():
        for cell in claims.keys() & set(use.cells):
            claims[cell].add(use.claim)
    return tuple(
        MissingCell(cell=cell, claims=tuple(sorted(own)), reason=records.missing[cell])
        for cell, own in claims.items()
    )


def _run(records: list[Record]) -> RunFacts:
    time = dt.datetime.fromisoformat
    intervals = [(time(r.started).timestamp(), time(r.ended).timestamp()) for r in records]
    spent = [record.seconds for record in records]
    peaks = [record.peak_memory_mb for record in records if record.peak_memory_mb]
    return RunFacts(
        cells=len({record.cell.id for record in records}),
        first_start=min((record.started for record in records), default=None),
        last_end=max((record.ended for record in records), default=None),
        wall_seconds=covered_seconds(intervals),
        # a clock that went back in between says nothing
        busy_seconds=sum(max(0.0, end - start) for start, end in intervals),
        not_reproducible=tuple(sorted({r.cell.id for r in records if r.not_reproducible})),
        resumed=len({record.cell.id for record in records if record.resumed}),
        **{f"{name}_seconds": sum(s.get(name, 0.0) for s in spent) for name in _PHASES},
        other_seconds=sum(t for s in spent for name, t in s.items() if name not in _PHASES),
        peak_memory_mb=max(peaks, default=None),
    )


def machine_texts(records: Iterable[Record]) -> tuple[str, ...]:
    """The distinct hardware of some records, as in: ``Example CPU, 2 cores``."""
    machines = (record.machine for record in records)
    return tuple(dict.fromkeys(f"{m.device_name}, {m.cores} cores" for m in machines))


def covered_seconds(intervals: Iterable[tuple[float, float]]) -> float:
    """The length of the union of intervals: time with at least one cell running.

    A pause between two runs of an interrupted pipeline does not count.
    """
    total, reach = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reach))
        reach = max(reach, end)
    return total


def _distinct(items: Sequence[tuple[str, D]]) -> list[tuple[D, int]]:
    """Each distinct description once, with the number of cells it holds for; most cells first."""
    found = {canonical(item): item for _, item in items}
    holding = dict.fromkeys((canonical(item), cell_id) for cell_id, item in items)
    return [(found[key], n) for key, n in Counter(key for key, _ in holding).most_common()]


def _pixels(inputs: npt.NDArray[np.generic]) -> object:
    """An image as whole numbers from 0 to 255: rows, or channels of rows where it has colours."""
    scale = 1.0 if inputs.dtype.kind == "u" else 255.0
    pixels = (inputs.astype(float) * scale).round().astype(int)
    return (pixels if len(pixels) == 3 else pixels[0]).tolist()


def _samples(folder: Path, shape: tuple[int, ...]) -> tuple[Sample, ...]:
    """A few samples for the picture."""
    samples = load_samples(folder)
    pairs = list(zip(samples.inputs, samples.labels.tolist(), strict=True))
    if len(shape) == 3:
        most = None if shape[0] == 1 else COLOURED
        return tuple(Sample(label=y, pixels=_pixels(x)) for x, y in pairs[:most])
    rounded = [tuple(float(f"{v:.4g}") for v in x.astype(float).ravel()) for x, _ in pairs]
    return tuple(Sample(label=y, values=x) for x, (_, y) in zip(rounded, pairs, strict=True))


def _dataset(results: Path, name: str) -> DatasetFacts:
    """What is prepared of a dataset; its declaration alone where files are missing or damaged."""
    try:
        return facts_in(dataset_folder(results, name))
    except NnbenchError as error:
        declared = {key: getattr(dataset_of(name), key) for key in _DECLARED}
        declared |= {"name": name, "title": f"{declared['title']} (not prepared)"}
        none: dict[str, Any] = {"sizes": {}, "class_counts": {}, "sha256": {}, "samples": ()}
        return DatasetFacts(**declared, **none, error=error.what)


def facts_in(folder: Path) -> DatasetFacts:
    """What the prepared files in a folder say of a dataset; NnbenchError if they are missing or damaged."""
    manifest = read_manifest(folder)
    return DatasetFacts(
        **{key: getattr(manifest, key) for key in _DECLARED},
        sizes=dict(manifest.sizes),
        class_counts={part: tuple(counts) for part, counts in manifest.class_counts.items()},
        sha256=dict(manifest.files),
        samples=_samples(folder, manifest.input_shape),
        **read_told(folder).model_dump(),
    )


_DECLARED = (
    "name", "title", "source", "licence", "kind", "task", "target_name", "target_unit", "class_names",
    "input_shape",
)  # fmt: skip
