"""Where the numbers come from: run, machines, versions, datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnbench.report.figures.canvas import Image
from nnbench.report.table import Table, make_table
from nnbench.text.rounding import duration_text

Json = Mapping[str, Any]
_MOST_CLASSES = 20  # with a column each
_FLAGS = {
    "deterministic": "deterministic algorithms", "tf32": "TF32"
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetView:
    """One dataset: what it is, how large, how balanced, and how it looks."""

    title: str
    anchor: str
    facts: tuple[tuple[str, str], ...]
    picture: Image | None
    counts: Table | None


def provenance_tables(provenance: Json) -> tuple[Table, ...]:
    """The run, each machine, each set of versions."""
    return (
        make_table("The run", ("What", "Value"), rows=_run(provenance), text=("Value",)),
        _machines(provenance["machines"]),
        _versions(provenance["versions"]),
    )


def _machines(machines: Sequence[Json]) -> Table:
    """The host's name tells machines apart; of a single one it tells nothing."""
    names = {"device_name": "Device", "device": "Kind", "platform": "Platform"}
    if len(machines) > 1:
        names["hostname"] = "Host"
    rows = [
        [
            *(str(machine[key]) for key in names),
            str(machine["cores"]),
            memory_text(machine),
            str(machine["threads"]),
            str(machine["cells"]),
        ]
        for machine in machines
    ]
    columns = (*names.values(), "Cores", "Memory", "Threads a job", "Cells")
    return make_table("Machines", columns, rows=rows, text=tuple(names.values()))


def memory_text(machine: Json) -> str:
    """The machine's memory, rounded as it is sold."""
    memory = machine["memory_gb"]
    return "–" if memory is None else f"{memory:.0f}\u00a0GB"


def _versions(versions: Sequence[Json]) -> Table:
    names = list(dict.fromkeys(key for entry in versions for key in entry if key != "cells"))
    rows = [
        [*(str(entry.get(name) or "–") for name in names), str(entry["cells"])]
        for entry in versions
    ]
    return make_table("Versions", (*names, "cells"), rows=rows)


def _run(provenance: Json) -> list[tuple[str, str]]:
    run, dirty = provenance["run"], provenance["git_dirty"]
    commit = provenance["git_commit"] or "none: not a commit of a repository"
    memory = run["peak_memory_mb"]
    return [
        ("nnbench", provenance["nnbench_version"]),
        ("Commit", f"{commit} with uncommitted changes" if dirty else commit),
        ("Config and claims, SHA-256", provenance["config_sha256"]),
        ("First cell started", run["first_start"] or "–"),
        ("Last cell ended", run["last_end"] or "–"),
        ("Wall time, at least one cell running", duration_text(run["wall_seconds"])),
        ("Time of all cells together", duration_text(run["busy_seconds"])),
        ("… of it training", duration_text(run["train_seconds"])),
        ("… of it evaluation", duration_text(run["evaluate_seconds"])),
        ("… of it loading data", duration_text(run["load_seconds"])),
        ("Peak memory of a cell", "–" if memory is None else f"{memory:,.0f}\u00a0MB"),
        *_resumed(run),
        *((_FLAGS.get(name, name), _on_off(value)) for name, value in provenance["flags"].items()),
    ]


def _resumed(run: Json) -> list[tuple[str, str]]:
    count = run.get("resumed")
    text = "Cells that were interrupted and went on from a checkpoint"
    return [(text, str(count))] if count else []


def _on_off(flag: bool | Sequence[bool]) -> str:
    """A flag, or all values that it had in the cells."""
    values = [flag] if isinstance(flag, bool) else flag
    return ", ".join("on" if value else "off" for value in values) or "–"


def dataset_views(
    datasets: Sequence[Json], *, pictures: Mapping[str, Image]
) -> tuple[DatasetView, ...]:
    """Each dataset of the manifest; one that could not be read says why."""
    return tuple(_dataset_view(dataset, pictures.get(dataset["anchor"])) for dataset in datasets)


def _dataset_view(dataset: Json, picture: Image | None) -> DatasetView:
    problem = dataset.get("error")
    return DatasetView(
        title=dataset.get("title", dataset["name"]),
        anchor=dataset["anchor"],
        facts=(("Problem", problem),) if problem else tuple(_facts(dataset)),
        picture=picture,
        counts=None if problem or not dataset["class_counts"] else _balance(dataset),
    )


def _facts(dataset: Json) -> list[tuple[str, str]]:
    kinds = {"fixed": "fixed samples", "generated": "generated anew for each seed"}
    sizes = ", ".join(f"{size:,} {part}" for part, size in dataset["sizes"].items())
    facts = [
        ("Source", dataset["source"]),
        ("Licence", dataset["licence"]),
        ("Kind", kinds.get(dataset["kind"], dataset["kind"])),
        ("Input", " × ".join(map(str, dataset["input_shape"]))),
        _answer(dataset),
        ("Samples", sizes),
    ]
    sums = [(f"SHA-256 of {part}", digest) for part, digest in dataset["sha256"].items()]
    return facts + sums


def _answer(dataset: Json) -> tuple[str, str]:
    """What is to be predicted."""
    if dataset["task"] == "regression":
        parts = (dataset["target_name"], dataset["target_unit"])
        return "Target", ", ".join(part for part in parts if part) or "a number"
    return "Classes", str(len(dataset["class_names"]))


def _balance(dataset: Json) -> Table:
    names = dataset["class_names"]
    caption = f"{dataset['title']}: samples of each class"
    if len(names) > _MOST_CLASSES:
        ends = [
            [part, f"{min(counts):,}", f"{max(counts):,}"]
            for part, counts in dataset["class_counts"].items()
        ]
        return make_table(caption, ("Part", "Fewest", "Most"), rows=ends)
    rows = [
        [part, *(f"{count:,}" for count in counts)]
        for part, counts in dataset["class_counts"].items()
    ]
    return make_table(caption, ("Part", *names), rows=rows)
