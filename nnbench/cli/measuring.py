"""``nnbench prepare`` and ``nnbench run``: what the DAG's jobs do."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nnbench.cli.options import (
    Commands,
    add_command,
    add_config,
    add_device,
    claim_ids,
    needed,
    read,
    seconds,
    status_of,
    whole,
)
from nnbench.cli.running import run_claims
from nnbench.errors import NnbenchError

if TYPE_CHECKING:
    from nnbench.cells.cell import Cell
    from nnbench.claims.config import Config


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    prepare = add_command(commands, "prepare", "Prepare one dataset.", _prepare)
    prepare.add_argument("name")
    prepare.add_argument("folder", type=Path)
    prepare.add_argument("--data-folder", type=Path, default=Path("data"))
    prepare.add_argument("--download", action="store_true", help="fetch missing files")
    text = "what the data were when they were planned, as JSON; other data are refused (default: as now)"
    prepare.add_argument("--planned", metavar="SOURCE", help=text)

    text = "Measure claims and show their tables; or measure one cell and write its records."
    run = add_command(commands, "run", text, _run)
    add_config(run)
    run.add_argument(
        "what",
        nargs="+",
        metavar="CLAIM|CELL",
        help="claims, such as loss/activation or 'loss/*'; or one cell: its document as JSON, or the id (or "
        "its beginning) of a planned cell",
    ).completer = claim_ids  # type: ignore[attr-defined]  # argcomplete looks for it
    run.add_argument("--seeds", type=whole, help="how many (default: as many as are planned)")
    run.add_argument(
        "--blocks",
        nargs="+",
        default=[],
        metavar="FIRST-LAST",
        help="only these blocks of five seeds, as in 5-9 (default: all)",
    )
    _add_job(run)

    text = "Measure the cells of a batch, one after the other, as a run's jobs do."
    batch = add_command(commands, "batch", text, _batch)
    batch.add_argument("batch", type=Path, metavar="FILE", help="which cells, as the run wrote it")
    add_device(batch)
    batch.add_argument("--cores", type=whole, help="CPU cores for each (default: all)")
    batch.add_argument("--jobs-per-gpu", type=whole, default=1, help="jobs that share a GPU")


def _add_job(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--results", type=Path, help="where its records go (default: the config's results folder)"
    )
    run.add_argument("--data", type=Path, help="the prepared dataset's manifest or folder")
    add_device(run)
    run.add_argument("--cores", type=whole, help="CPU cores for it (default: all)")
    run.add_argument(
        "--jobs-per-gpu", type=whole, help="jobs that share a GPU (default: the config's)"
    )
    run.add_argument(
        "--checkpoint-seconds",
        type=seconds,
        metavar="SECONDS",
        help="how often a training is saved, at most, for the next job to go on from (default: 60)",
    )
    run.add_argument(
        "--reuse", action="store_true", help="leave blocks alone that have a valid record"
    )
    run.add_argument(
        "--end-with-parent",
        action="store_true",
        help="end, saving its state, when the process that started it is gone (Snakemake's jobs do)",
    )


def _prepare(options: argparse.Namespace) -> None:
    from nnbench.datasets.prepared.source import parse_source  # noqa: PLC0415 - commands load what they need
    from nnbench.jobs.job import prepare_dataset  # noqa: PLC0415

    prepare_dataset(
        options.name,
        options.folder,
        data_folder=options.data_folder,
        download=options.download,
        planned=options.planned and parse_source(options.planned, where="--planned"),
    )


def _batch(options: argparse.Namespace) -> None:
    from nnbench.jobs.batches import read_batch  # noqa: PLC0415
    from nnbench.jobs.one_by_one import measure_each  # noqa: PLC0415
    from nnbench.processes import end_with_parent  # noqa: PLC0415

    end_with_parent()
    batch, results = read_batch(options.batch), options.batch.parent.parent
    measure = partial(
        _run_planned,
        results=results,
        device=options.device or "auto",
        cores=options.cores,
        jobs_per_gpu=options.jobs_per_gpu,
    )
    measure_each(batch.cells, results, measure, partial(_make_ready, batch.cells, results))
    options.batch.with_suffix(".done").touch()


def _make_ready(cells: Iterable[str], results: Path) -> None:
    """Import PyTorch and what measures, load compiled code, look at versions, at what trains and what checks records: once."""
    import nnbench.jobs.job  # noqa: F401, PLC0415
    from nnbench.engine.native.build import compiler_here, native  # noqa: PLC0415
    from nnbench.experiments.run import import_measure  # noqa: PLC0415
    from nnbench.jobs import provenance  # noqa: PLC0415
    from nnbench.jobs.marks import checking_code  # noqa: PLC0415
    from nnbench.jobs.planned import read_planned  # noqa: PLC0415
    from nnbench.jobs.unchanged import check_planned  # noqa: PLC0415

    if compiler_here():  # otherwise the cell's own process tells it
        native()
    checking_code()
    for look in (provenance.versions, provenance.git_state, provenance.machine):
        look()
    for planned in filter(None, (read_planned(results, cell) for cell in cells)):
        with suppress(NnbenchError, OSError):  # the cell's own process tells it
            check_planned(planned.cell, Path(planned.data).parent)
            import_measure(planned.cell.settings.experiment)


def _run_planned(
    cell_id: str,
    seeds: int,
    *,
    results: Path,
    device: str,
    cores: int | None = None,
    jobs_per_gpu: int = 1,
) -> int:
    """Measure a cell as it was planned when the run was started; an exit status."""
    from nnbench.cells.fingerprint import forget_if_edited  # noqa: PLC0415
    from nnbench.jobs.job import Job, run_job, seeds_and_blocks  # noqa: PLC0415
    from nnbench.jobs.marks import mark_done  # noqa: PLC0415
    from nnbench.jobs.planned import read_planned  # noqa: PLC0415
    from nnbench.processes import end_with_parent  # noqa: PLC0415

    def measure() -> None:
        end_with_parent()
        forget_if_edited()
        if (planned := read_planned(results, cell_id)) is None:
            what = f"cell {cell_id}: what was planned is missing"
            raise NnbenchError(what, todo="start snakemake again: it plans anew")
        job = Job(
            results=results,
            data=Path(planned.data).parent,
            device=device,
            cores=cores,
            jobs_per_gpu=jobs_per_gpu,
            reuse=True,
        )
        run_job(planned.cell, seeds_and_blocks(seeds, ()), job)
        mark_done(results, cell_id, seeds)

    return status_of(measure)


def _run(options: argparse.Namespace) -> int:
    """What is named by a path such as ``loss/activation`` are claims."""
    if not options.what[0].lstrip().startswith("{") and any("/" in name for name in options.what):
        return run_claims(options.what, options)
    if len(options.what) > 1:
        raise NnbenchError(
            "one cell at a time",
            got=" ".join(options.what),
            todo="name one cell, or claims, such as loss/activation",
        )
    _run_cell(options.what[0], options)
    return 0


def _run_cell(name: str, options: argparse.Namespace) -> None:
    from nnbench.cells.cell import read_cell  # noqa: PLC0415
    from nnbench.jobs.job import Job, run_job, seeds_and_blocks  # noqa: PLC0415
    from nnbench.jobs.marks import mark_done  # noqa: PLC0415
    from nnbench.processes import end_with_parent  # noqa: PLC0415
    from nnbench.records.store import dataset_folder  # noqa: PLC0415

    if options.end_with_parent:
        end_with_parent()
    results, data, seeds = options.results, options.data, options.seeds
    where, shared = options.device or "auto", options.jobs_per_gpu or 1
    if name.lstrip().startswith("{"):  # as Snakemake calls it: no config is read
        cell = read_cell(name)
        needed(seeds=seeds, results=results, data=data)
    else:
        config = read(options)
        cell, planned = _planned(name, config)
        seeds, results = seeds or planned, results or Path(config.results)
        data = data or dataset_folder(Path(config.results), cell.dataset)
        where = options.device or config.device
        shared = options.jobs_per_gpu or config.jobs_per_gpu
    job = Job(
        results=results,
        data=data.parent if data.name == "manifest.json" else data,
        device=where,
        cores=options.cores,
        jobs_per_gpu=shared,
        reuse=options.reuse,
        checkpoint_seconds=options.checkpoint_seconds,
    )
    run_job(cell, seeds_and_blocks(seeds, options.blocks), job)
    if not options.blocks:
        mark_done(results, cell.id, seeds)


def _planned(name: str, config: Config) -> tuple[Cell, int]:
    """A planned cell by its id or the beginning of it, and how many seeds of it are planned.

    Raises:
        NnbenchError: No cell or several cells begin so.
    """
    from nnbench.jobs.planned import no_longer_planned  # noqa: PLC0415
    from nnbench.plan.plan import make_plan  # noqa: PLC0415

    plan = make_plan(config)
    found = [cell for cell_id, cell in plan.cells.items() if cell_id.startswith(name)]
    if not found and len(name) == len(next(iter(plan.cells), name)):
        raise no_longer_planned(Path(config.results), name)
    if len(found) != 1:
        raise NnbenchError(
            f"{len(found)} planned cells begin with {name!r}",
            todo="take an id from `nnbench plan --json`",
        )
    return found[0], plan.seeds[found[0].id]
