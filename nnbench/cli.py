"""The command line: what the rules call, and ``plan`` for people."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnbench import __version__
from nnbench.errors import NnbenchError

DEFAULT_CONFIG = "config/config.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on are printed without a traceback."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except NnbenchError as error:
        print(f"nnbench: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # as in `nnbench plan --json | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"nnbench: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nnbench: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnbench", description="Measures what documents claim about neural networks."
    )
    parser.add_argument("--version", action="version", version=f"nnbench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, function: Any, text: str, *, config: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=function)
        if config:
            sub.add_argument(
                "--config",
                default=DEFAULT_CONFIG,
                metavar="FILE",
                help=f"a config file, or its content as JSON (default: {DEFAULT_CONFIG})",
            )
            sub.add_argument(
                "--configfile",
                action="append",
                default=[],
                metavar="FILE",
                help="a file laid over it, as Snakemake's --configfile; can be repeated",
            )
        return sub

    plan = command(
        "plan", _plan, "Show claims, cells, what is done, what would run, and for how long."
    )
    plan.add_argument("--json", action="store_true", help="every cell's document, one a line")
    plan.add_argument("--cores", type=_cores, default=None, help="cores to estimate the time for")

    prepare = command("prepare", _prepare, "Prepare one dataset.", config=False)
    prepare.add_argument("name")
    prepare.add_argument("folder", type=Path)
    prepare.add_argument("--data-folder", type=Path, default=Path("data"))
    prepare.add_argument("--download", action="store_true", help="fetch missing files")

    run = command("run", _run, "Measure one cell and write its record.")
    run.add_argument(
        "cell", help="a cell's document as JSON, or the id (or its beginning) of a planned cell"
    )
    run.add_argument(
        "--record", type=Path, help="where to write (default: its place in the results)"
    )
    run.add_argument("--data", type=Path, help="the prepared dataset's manifest or folder")
    run.add_argument(
        "--device", type=_device, help="auto, cpu, cuda, cuda:N or mps (default: the config's)"
    )

    run.add_argument("--cores", type=_cores, default=None, help="CPU cores for it (default: all)")

    command("aggregate", _aggregate, "Records to tables (results/aggregate).")
    command("judge", _judge, "Tables to reports/results.json.")
    command("report", _report, "reports/results.json to HTML, Markdown and CSV.")
    schemas = command(
        "schemas", _schemas, "Write the JSON schemas of the config files.", config=False
    )
    schemas.add_argument("folder", type=Path, nargs="?", default=Path("workflow/schemas"))
    return parser


def _cores(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, got {text!r}")
    return int(text)


def _device(text: str) -> str:
    from nnbench.config import DEVICE  # noqa: PLC0415

    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"auto, cpu, cuda, cuda:N or mps, got {text!r}")
    return text


def _plan(options: argparse.Namespace) -> None:
    from nnbench.overview import cells_as_json, plan_table  # noqa: PLC0415 - commands load what they need
    from nnbench.plan import make_plan  # noqa: PLC0415

    plan = make_plan(_config(options))
    print(cells_as_json(plan) if options.json else plan_table(plan, cores=options.cores))


def _prepare(options: argparse.Namespace) -> None:
    from nnbench.job import prepare_dataset  # noqa: PLC0415

    prepare_dataset(
        options.name, options.folder, data_folder=options.data_folder, download=options.download
    )


def _run(options: argparse.Namespace) -> None:
    from nnbench.job import planned_cell, read_cell, run_job  # noqa: PLC0415
    from nnbench.provenance import cores_there  # noqa: PLC0415
    from nnbench.records import dataset_folder, record_path  # noqa: PLC0415

    cores = options.cores or cores_there()
    if options.cell.lstrip().startswith("{") and options.record and options.data and options.device:
        cell = read_cell(options.cell)  # as Snakemake calls it: no config is read
        data = _folder(options.data)
        run_job(cell, options.record, data=data, device=options.device, cores=cores)
        return
    config = _config(options)
    results = Path(config.results)
    cell = planned_cell(options.cell, config)
    run_job(
        cell,
        options.record or record_path(results, cell["id"]),
        data=_folder(options.data or dataset_folder(results, cell["dataset"])),
        device=options.device or config.device,
        cores=cores,
    )


def _folder(data: Path) -> Path:
    return data.parent if data.name == "manifest.json" else data


def _aggregate(options: argparse.Namespace) -> None:
    from nnbench.aggregate import aggregate  # noqa: PLC0415
    from nnbench.plan import make_plan  # noqa: PLC0415

    plan = make_plan(_config(options))
    aggregate(plan, Path(plan.config.results))


def _judge(options: argparse.Namespace) -> None:
    from nnbench.judge import judge_all  # noqa: PLC0415
    from nnbench.plan import make_plan  # noqa: PLC0415

    plan = make_plan(_config(options))
    judge_all(plan, Path(plan.config.results), Path(plan.config.reports) / "results.json")


def _report(options: argparse.Namespace) -> None:
    from nnbench.report import write_report  # noqa: PLC0415

    folder = Path(_config(options).reports)
    path = folder / "results.json"
    try:
        results = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise NnbenchError(
            f"{path}: cannot be read ({error})", todo="run `nnbench judge` first"
        ) from error
    write_report(results, folder)


def _schemas(options: argparse.Namespace) -> None:
    from nnbench.config import json_schemas  # noqa: PLC0415

    options.folder.mkdir(parents=True, exist_ok=True)
    for name, schema in json_schemas().items():
        text = json.dumps(schema, indent=2, sort_keys=True) + "\n"
        (options.folder / f"{name}.schema.json").write_text(text, encoding="utf-8")


def _config(options: argparse.Namespace) -> Any:
    from nnbench.config import read_config  # noqa: PLC0415

    return read_config(options.config, *options.configfile)
