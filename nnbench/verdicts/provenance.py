"""The report's provenance: machines, versions, time and data of the run, out of its records."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from nnbench import __version__
from nnbench.cells.cell import canonical, dataset_of
from nnbench.datasets.prepared.store import load_samples, read_manifest
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan
from nnbench.records.store import dataset_folder

Cells = Mapping[str, Mapping[str, Any]]
COLOURED = 10  # samples of coloured images: three times the numbers of grey ones
_DATASET_FACTS = (
    "name", "title", "source", "licence", "kind", "task", "target_name", "target_unit", "class_names",
)  # fmt: skip
_PARTS = ("load", "train", "evaluate")  # of a training; other experiments spend theirs otherwise


def run_provenance(plan: Plan, cells: Cells, results: Path) -> dict[str, Any]:
    """Everything that the records say about how the numbers were made."""
    newest = max(cells.values(), key=lambda cell: cell["ended"], default=None)
    return {
        "nnbench_version": __version__,
        "git_commit": newest["git_commit"] if newest else None,
        "git_dirty": newest["git_dirty"] if newest else None,
        "config": plan.config.model_dump(mode="json"),
        "tier": plan.config.tier,
        "seeds": plan.config.seeds,
        "tuning_seeds": plan.config.tuning_seeds,
        "generated": newest["ended"] if newest else None,
        "run": _run(cells),
        "machines": _distinct(cell["machine"] for cell in cells.values()),
        "versions": _distinct(cell["versions"] for cell in cells.values()),
        "flags": {  # on only where every cell was deterministic, on where any cell used TF32
            "deterministic": bool(cells)
            and all(c["machine"].get("deterministic", False) for c in cells.values()),
            "tf32": any(c["machine"].get("tf32", False) for c in cells.values()),
        },
        "datasets": [_dataset(results, name) for name in plan.datasets()],
    }


def _run(cells: Cells) -> dict[str, Any]:
    intervals = [tuple(map(_time, (cell["started"], cell["ended"]))) for cell in cells.values()]
    parts = [cell["seconds"] or {} for cell in cells.values()]
    peaks = [cell["peak_memory_mb"] for cell in cells.values() if cell["peak_memory_mb"]]
    return {
        "cells": len(cells),
        "first_start": min((c["started"] for c in cells.values()), default=None),
        "last_end": max((c["ended"] for c in cells.values()), default=None),
        "wall_seconds": covered_seconds(intervals),
        # a clock that went back in between says nothing
        "busy_seconds": sum(max(0.0, end - start) for start, end in intervals),
        "resumed": sum(bool(cell.get("resumed")) for cell in cells.values()),
        **{f"{name}_seconds": sum(p.get(name, 0.0) for p in parts) for name in _PARTS},
        "other_seconds": sum(s for p in parts for name, s in p.items() if name not in _PARTS),
        "peak_memory_mb": max(peaks, default=None),
    }


def machine_texts(cells: Iterable[Mapping[str, Any]]) -> list[str]:
    """The distinct hardware of some cells, as in: ``Example CPU, 2 cores``."""
    texts = (f"{m['device_name']}, {m['cores']} cores" for m in (c["machine"] for c in cells))
    return list(dict.fromkeys(texts))


def _time(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def covered_seconds(intervals: Iterable[tuple[float, ...]]) -> float:
    """The length of the union of intervals: time with at least one cell running.

    A pause between two parts of an interrupted run does not count.
    """
    total, reach = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reach))
        reach = max(reach, end)
    return total


def _distinct(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each distinct description once, with the number of cells that it holds for."""
    found: dict[str, Mapping[str, Any]] = {}
    counts: Counter[str] = Counter()
    for item in items:
        key = canonical(item)
        found[key] = item
        counts[key] += 1
    return [{**found[key], "cells": count} for key, count in counts.most_common()]


def _unprepared(name: str) -> dict[str, Any]:
    """What is known of a dataset whose files are missing or damaged."""
    dataset = dataset_of(name)
    return {
        "name": name,
        "title": f"{dataset.title} (not prepared)",
        "source": dataset.source,
        "licence": dataset.licence,
        "kind": dataset.kind,
        **{key: getattr(dataset, key) for key in ("task", "target_name", "target_unit")},
        "class_names": list(dataset.class_names),
        "input_shape": list(dataset.input_shape),
        "sizes": {},
        "class_counts": {},
        "sha256": {},
        "reference_checksum": None,
        "samples": [],
    }


def _pixels(inputs: npt.NDArray[Any]) -> list[Any]:
    """An image as whole numbers from 0 to 255: rows, or channels of rows where it has colours."""
    scale = 1.0 if inputs.dtype.kind == "u" else 255.0
    pixels = (inputs.astype(float) * scale).round().astype(int)
    whole: list[Any] = (pixels if len(pixels) == 3 else pixels[0]).tolist()
    return whole


def _values(inputs: npt.NDArray[Any]) -> list[float]:
    return [float(f"{value:.4g}") for value in inputs.ravel().tolist()]


def _dataset(results: Path, name: str) -> dict[str, Any]:
    """A dataset's manifest with a few samples for the picture."""
    folder = dataset_folder(results, name)
    try:
        manifest, samples = read_manifest(folder), load_samples(folder)
    except NnbenchError as error:
        return {**_unprepared(name), "error": error.what}
    pairs = list(zip(samples.inputs, samples.labels.tolist(), strict=True))
    if len(manifest.input_shape) == 3:
        grey = manifest.input_shape[0] == 1
        shown = [{"label": y, "pixels": _pixels(x)} for x, y in pairs[: None if grey else COLOURED]]
    else:
        shown = [{"label": y, "values": _values(x)} for x, y in pairs]
    facts = manifest.to_dict()
    return {
        **{k: facts[k] for k in _DATASET_FACTS},
        "input_shape": list(facts["input_shape"]),
        "sizes": facts["sizes"],
        "class_counts": facts["class_counts"],
        "sha256": facts["files"],
        "reference_checksum": facts["reference_checksum"],
        "samples": shown,
    }
