"""The command line: what the rules call, and ``plan`` for people."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nnbench.cli.arguments import parser
from nnbench.errors import NnbenchError

if TYPE_CHECKING:
    from nnbench.cells.cell import Cell
    from nnbench.claims.config import Config

TROUBLE = 2  # as diff(1) and argparse have it; 1 says that what was compared differs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on are printed without a traceback."""
    options = parser().parse_args(arguments)
    try:
        status = COMMANDS[options.command](options)
    except NnbenchError as error:
        print(f"nnbench: error: {error}", file=sys.stderr)
        return TROUBLE
    except BrokenPipeError:  # as in `nnbench plan --json | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"nnbench: error: {error}", file=sys.stderr)
        return TROUBLE
    except KeyboardInterrupt:
        print("nnbench: interrupted", file=sys.stderr)
        return 130
    return status or 0


def _plan(options: argparse.Namespace) -> None:
    from nnbench.cli.overview import cells_as_json, plan_table  # noqa: PLC0415 - commands load what they need
    from nnbench.plan.plan import make_plan  # noqa: PLC0415

    plan = make_plan(_config(options))
    print(cells_as_json(plan) if options.json else plan_table(plan, cores=options.cores))


def _prepare(options: argparse.Namespace) -> None:
    from nnbench.jobs.job import prepare_dataset  # noqa: PLC0415

    prepare_dataset(
        options.name, options.folder, data_folder=options.data_folder, download=options.download
    )


def _run(options: argparse.Namespace) -> None:
    from nnbench.cells.cell import read_cell  # noqa: PLC0415
    from nnbench.jobs.job import Job, mark_done, run_job, seeds_and_blocks  # noqa: PLC0415
    from nnbench.processes import end_with_parent  # noqa: PLC0415
    from nnbench.records.store import dataset_folder  # noqa: PLC0415

    if options.end_with_parent:
        end_with_parent()
    job = Job(
        results=options.results,
        data=options.data,
        device=options.device,
        cores=options.cores,
        jobs_per_gpu=options.jobs_per_gpu or 1,
        reuse=options.reuse,
        checkpoint_seconds=options.checkpoint_seconds,
    )
    seeds = options.seeds
    if options.cell.lstrip().startswith("{"):
        cell = read_cell(options.cell)
        given = {"--seeds": seeds, "--results": job.results, "--data": job.data}
        if missing := [name for name, value in given.items() if value is None]:
            raise NnbenchError(f"a cell given as JSON needs {', '.join(missing)}", todo="add it")
    else:
        config = _config(options)
        cell, planned = _planned(options.cell, config)
        seeds = seeds or planned
        job = replace(
            job,
            results=job.results or Path(config.results),
            data=job.data or dataset_folder(Path(config.results), cell.dataset),
            jobs_per_gpu=options.jobs_per_gpu or config.jobs_per_gpu,
            device=job.device or config.device,
        )
    job = replace(job, data=_folder(job.data), device=job.device or "auto")
    run_job(cell, seeds_and_blocks(seeds, options.blocks), job)
    if not options.blocks:
        mark_done(job.results, cell.id, seeds)


def _planned(name: str, config: Config) -> tuple[Cell, int]:
    """A planned cell by its id or the beginning of it, and how many seeds of it are planned.

    Raises:
        NnbenchError: No cell or several cells begin so.
    """
    from nnbench.plan.plan import make_plan  # noqa: PLC0415

    plan = make_plan(config)
    found = [cell for cell_id, cell in plan.cells.items() if cell_id.startswith(name)]
    if len(found) != 1:
        raise NnbenchError(
            f"{len(found)} planned cells begin with {name!r}",
            todo="take an id from `nnbench plan --json`",
        )
    return found[0], plan.seeds[found[0].id]


def _folder(data: Path) -> Path:
    return data.parent if data.name == "manifest.json" else data


def _aggregate(options: argparse.Namespace) -> None:
    from nnbench.plan.plan import make_plan  # noqa: PLC0415
    from nnbench.verdicts.judge import gather  # noqa: PLC0415
    from nnbench.verdicts.tables import write_tables  # noqa: PLC0415

    plan = make_plan(_config(options))
    write_tables(gather(plan), Path(plan.config.results) / "aggregate")


def _judge(options: argparse.Namespace) -> None:
    from nnbench.plan.plan import make_plan  # noqa: PLC0415
    from nnbench.verdicts.judge import gather, judge, write_results  # noqa: PLC0415
    from nnbench.verdicts.tables import write_tables  # noqa: PLC0415

    plan = make_plan(_config(options))
    evidence = gather(plan)
    write_tables(evidence, Path(plan.config.results) / "aggregate")
    write_results(judge(plan, evidence), Path(plan.config.reports) / "results.json")


def _report(options: argparse.Namespace) -> None:
    from nnbench.report import read_results, write_report  # noqa: PLC0415

    folder = Path(_config(options).reports)
    write_report(read_results(folder / "results.json"), folder)


def _compare(options: argparse.Namespace) -> int:
    from nnbench.audit.compare import compare  # noqa: PLC0415
    from nnbench.audit.compare_text import compare_text  # noqa: PLC0415
    from nnbench.audit.published import read_published  # noqa: PLC0415

    found = compare(read_published(options.a), read_published(options.b))
    text = compare_text(found, names=(str(options.a), str(options.b)))
    print(json.dumps(found, indent=1) if options.json else text)
    return int(found["differs"])


def _audit(options: argparse.Namespace) -> int:
    from nnbench.audit.audit import audit, finished  # noqa: PLC0415
    from nnbench.audit.report import reported  # noqa: PLC0415
    from nnbench.audit.text import audit_text  # noqa: PLC0415
    from nnbench.jobs.provenance import cores_there  # noqa: PLC0415

    config = _config(options)
    there = (
        reported(options.report, config)
        if options.report
        else finished(config, everything=options.all)
    )
    found = audit(
        there,
        config,
        cells=options.cells,
        seed=secrets.randbits(31) if options.seed is None else options.seed,
        device=options.device or config.device,
        cores=options.cores or cores_there(),
        say=lambda text: print(f"nnbench: {text}", file=sys.stderr),
    )
    print(json.dumps(found, indent=1) if options.json else audit_text(found))
    return int(found["differs"])


def _schemas(options: argparse.Namespace) -> None:
    from nnbench.claims.config import json_schemas  # noqa: PLC0415

    options.folder.mkdir(parents=True, exist_ok=True)
    for name, schema in json_schemas().items():
        text = json.dumps(schema, indent=2, sort_keys=True) + "\n"
        (options.folder / f"{name}.schema.json").write_text(text, encoding="utf-8")


def _config(options: argparse.Namespace) -> Config:
    from nnbench.claims.config import read_config  # noqa: PLC0415

    return read_config(options.config, *options.configfile)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int | None]] = {
    "plan": _plan,
    "prepare": _prepare,
    "run": _run,
    "aggregate": _aggregate,
    "judge": _judge,
    "report": _report,
    "compare": _compare,
    "audit": _audit,
    "schemas": _schemas,
}
