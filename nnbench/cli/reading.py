"""``nnbench aggregate``, ``judge`` and ``report``: from records to tables, verdicts and the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from nnbench.cli.options import Commands, add_command, add_config, read


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    for name, text, call in (
        ("aggregate", "Records to tables (results/aggregate).", _aggregate),
        ("judge", "Records to tables and to reports/results.json.", _judge),
        ("report", "reports/results.json to HTML, Markdown and CSV.", _report),
    ):
        add_config(add_command(commands, name, text, call))


def _aggregate(options: argparse.Namespace) -> None:
    from nnbench.plan.plan import make_plan  # noqa: PLC0415 - commands load what they need
    from nnbench.verdicts.judge import gather  # noqa: PLC0415
    from nnbench.verdicts.tables import write_tables  # noqa: PLC0415

    plan = make_plan(read(options))
    write_tables(gather(plan), Path(plan.config.results) / "aggregate")


def _judge(options: argparse.Namespace) -> None:
    from nnbench.plan.plan import make_plan  # noqa: PLC0415
    from nnbench.verdicts.judge import gather, judge, write_results  # noqa: PLC0415
    from nnbench.verdicts.tables import write_tables  # noqa: PLC0415

    plan = make_plan(read(options))
    evidence = gather(plan)
    write_tables(evidence, Path(plan.config.results) / "aggregate")
    write_results(judge(plan, evidence), Path(plan.config.reports) / "results.json")


def _report(options: argparse.Namespace) -> None:
    from nnbench.records.results import read_results  # noqa: PLC0415
    from nnbench.report.write import write_report  # noqa: PLC0415

    folder = Path(read(options).reports)
    write_report(read_results(folder / "results.json"), folder)
