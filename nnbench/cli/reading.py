"""From records to tables, verdicts and the report: ``nnbench aggregate``, ``judge``, ``report``, ``show``, ``open``."""

from __future__ import annotations

import argparse
import fnmatch
import json
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from nnbench.cli.options import Commands, add_claims, add_command, add_config, read
from nnbench.errors import NnbenchError

if TYPE_CHECKING:
    from nnbench.claims.config import Config
    from nnbench.plan.plan import Plan


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    for name, text, call in (
        ("aggregate", "Records to tables (results/aggregate).", _aggregate),
        ("judge", "Records to reports/results.json.", _judge),
        ("look", "With seeds: auto: whether pairs are settled or take more seeds.", _look),
    ):
        command = add_command(commands, name, text, call)
        add_config(command)
        meant = "what the run was started with, as JSON; another plan is refused (default: any)"
        command.add_argument("--started", metavar="JSON", help=meant)
    report = add_command(
        commands, "report", "reports/results.json to HTML, Markdown and CSV.", _report
    )
    add_config(report)
    report.add_argument(
        "--now",
        action="store_true",
        help="judge what is measured so far, also while a run goes on, into a folder of its own",
    )
    show = add_command(commands, "show", "Show claims with their measured tables.", _show)
    add_claims(show)
    add_report(show)
    add_report(add_command(commands, "open", "Open the report in a browser.", _open))


def add_report(command: argparse.ArgumentParser) -> None:
    """``--report``."""
    command.add_argument(
        "--report",
        type=Path,
        default=Path("reports"),
        help="the report's folder (default: reports)",
    )


def _plan_of_the_run(options: argparse.Namespace) -> Plan:
    """The plan, which is that with which the run was started, if one is told."""
    from nnbench.plan.plan import make_plan  # noqa: PLC0415
    from nnbench.plan.started import Started, check_started  # noqa: PLC0415
    from nnbench.schema import parse  # noqa: PLC0415

    plan = make_plan(read(options))
    if options.started:
        check_started(plan, parse(Started, json.loads(options.started), where="--started"))
    return plan


def _aggregate(options: argparse.Namespace) -> None:
    from nnbench.claims.selection import tables_folder  # noqa: PLC0415 - commands load what they need
    from nnbench.verdicts.judge import gather  # noqa: PLC0415
    from nnbench.verdicts.tables import write_tables  # noqa: PLC0415

    plan = _plan_of_the_run(options)
    folder = tables_folder(plan.config)
    write_tables(gather(plan), folder)
    print(f"wrote {folder}")


def _judge(options: argparse.Namespace) -> None:
    from nnbench.verdicts.judge import judge, write_results  # noqa: PLC0415

    plan = _plan_of_the_run(options)
    path = Path(plan.config.reports) / "results.json"
    write_results(judge(plan), path)
    print(f"wrote {path}")


def _look(options: argparse.Namespace) -> None:
    from nnbench.plan.looks import looks_code, looks_path, write_looks  # noqa: PLC0415
    from nnbench.verdicts.looks import look  # noqa: PLC0415

    plan = _plan_of_the_run(options)
    write_looks(plan.config, look(plan.config, code=looks_code()))
    print(f"wrote {looks_path(plan.config)}")


def _report(options: argparse.Namespace) -> None:
    from nnbench.records.results import read_results  # noqa: PLC0415
    from nnbench.report.terminal import closing  # noqa: PLC0415
    from nnbench.report.write import write_report  # noqa: PLC0415

    config = read(options)
    folder = _judged_now(config) if options.now else Path(config.reports)
    write_report(read_results(folder / "results.json"), folder)
    print(*closing(folder), sep="\n")


def _judged_now(config: Config) -> Path:
    """Judge what is measured so far; the folder of its ``results.json``."""
    from nnbench.claims.selection import now_folder  # noqa: PLC0415
    from nnbench.plan.plan import make_plan  # noqa: PLC0415
    from nnbench.verdicts.judge import judge, write_results  # noqa: PLC0415

    folder = now_folder(config)
    write_results(judge(make_plan(config), so_far=True), folder / "results.json")
    return folder


def _show(options: argparse.Namespace) -> None:
    from nnbench.errors import unknown_name  # noqa: PLC0415
    from nnbench.records.results import read_results  # noqa: PLC0415
    from nnbench.report.terminal import claim_text, headline  # noqa: PLC0415

    results = read_results(options.report / "results.json")
    known = [claim.id for claim in results.claims]
    shown: dict[str, None] = {}
    for pattern in options.claims:
        if not (found := fnmatch.filter(known, pattern)):
            raise unknown_name("claim", pattern, known)
        shown.update(dict.fromkeys(found))
    texts = [claim_text(results, claim, options.report) for claim in shown]
    print("\n\n\n".join(texts) if texts else "\n".join(headline(results)))


def _open(options: argparse.Namespace) -> None:
    page = (options.report / "index.html").resolve()
    if not page.exists():
        raise NnbenchError(f"{page}: no report", todo="make one: `snakemake --cores 8`")
    print(page)
    if not webbrowser.open(page.as_uri()):
        print("no browser here: copy the file, which needs no other, to a machine with one")
