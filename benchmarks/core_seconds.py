"""Where the core-seconds of a finished run went, by what it left: records, the logs of its cells, Snakemake's log.

Run: python -m benchmarks.core_seconds [FOLDER]     the longest run of a project folder
It only reads. Snakemake's log has whole seconds, so what rests on it is right within a second per job.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from nnbench.experiments.base import experiment_of

TRAINING = "training and timing"
PARTS = {
    TRAINING: "steps of optimisers, searches, times that are measured (these count for all cores)",
    "evaluation": "of validation and test samples",
    "data": "drawn or read by cells, and prepared",
    "compilation": "and what else a block of seeds does around its measurements, such as importing PyTorch",
    "start-up": "of processes: Python, PyTorch, checks of code and data",
    "Snakemake": "before the first job and after the last, with nothing else running",
    "tables and report": "aggregate, judge, report",
    "idle": "cores without a job, and jobs that wait while a time is measured",
}
OF_RECORDS = {"evaluate": "evaluation", "load": "data"}  # the rest is training
READERS = ("aggregate", "judge", "report")
_STAMP = re.compile(r"\[(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\]")
_RULE = re.compile(r"(?:local)?rule (\w+):|Finished jobid: (\d+) |Error in rule \w+:")
_JOB = re.compile(r"    jobid: (\d+)")
_CORES = re.compile(r"Provided cores: (\d+)")
_BLOCK = re.compile(r"nnbench: seeds .*: measured in ([\d.]+) s")


class Span(NamedTuple):
    """From when until when, in seconds since the epoch."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def common(self, other: Span) -> float:
        """Seconds that both have."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))


@dataclass(slots=True)
class Log:
    """What Snakemake's log says of a run."""

    cores: int = 1
    jobs: list[tuple[str, Span]] = field(default_factory=list)
    """Rule and span of each job that ended."""


def read_log(lines: Iterable[str]) -> Log:
    """A log of Snakemake 9."""
    log, at, rule, job = Log(), 0.0, "", ""
    begun: dict[str, tuple[str, float]] = {}
    for line in lines:
        if found := _STAMP.match(line):
            at, job = _moment(found[1], "%a %b %d %H:%M:%S %Y"), ""
        elif found := _CORES.match(line):
            log.cores, job = int(found[1]), ""
        elif found := _RULE.match(line):
            rule, job = found[1] or "", found[2] or ""
        elif found := _JOB.match(line):
            job = found[1]
        else:
            continue
        if job and rule:
            begun[job] = rule, at
        elif job in begun:  # its end, or its failure
            name, start = begun.pop(job)
            log.jobs.append((name, Span(start, at)))
    return log


def longest_log(folder: Path) -> tuple[Path, Span]:
    """The log of a folder's longest run, and when that was."""
    logs = folder.glob(".snakemake/log/*.snakemake.log")
    spans = {path: Span(_named(path), path.stat().st_mtime) for path in logs}
    longest = max(spans, key=lambda path: spans[path].seconds)
    return longest, spans[longest]


def _named(path: Path) -> float:
    return _moment(path.name[:24], "%Y-%m-%dT%H%M%S.%f")


def _moment(text: str, form: str) -> float:
    return datetime.strptime(text, form).astimezone().timestamp()


def records_of(folder: Path, run: Span) -> Iterator[dict[str, Any]]:
    """The records that were written during a run."""
    for path in folder.glob("results/cells/*/record-*.json"):
        record = json.loads(path.read_bytes())["record"]
        if run.start <= _span(record).end <= run.end:
            yield record


def blocks_seconds(folder: Path, cells: Iterable[str]) -> dict[str, float]:
    """Cell -> wall seconds inside its blocks, by its log."""
    return {
        cell: sum(
            float(found[1])
            for path in folder.glob(f"results/cells/{cell}/seeds-*.log")
            for found in _BLOCK.finditer(path.read_text(encoding="utf-8", errors="replace"))
        )
        for cell in cells
    }


def parts(
    log: Log, run: Span, records: Sequence[dict[str, Any]], blocks: dict[str, float]
) -> dict[str, float]:
    """Core-seconds by part; they sum to the whole time of all cores."""
    found, inside = dict.fromkeys(PARTS, 0.0), Counter[str]()
    alone = [_span(record) for record in records if is_alone(record)]
    found[TRAINING] = log.cores * sum(span.seconds for span in alone)
    for record in records:
        cell = record["cell"]["id"]
        if is_alone(record):
            inside[cell] += _span(record).seconds
            continue
        for purpose, seconds in record["seconds"].items():
            found[OF_RECORDS.get(purpose, TRAINING)] += seconds
            inside[cell] += seconds
    found["compilation"] = sum(max(0.0, blocks[cell] - inside[cell]) for cell in blocks)
    busy = Counter[str]()
    for rule, span in log.jobs:  # but not while another one measures a time
        busy[rule] += span.seconds - sum(map(span.common, alone))
    measured = sum(inside.values()) - sum(span.seconds for span in alone)
    found["start-up"] = busy["cell"] - measured - found["compilation"]
    found["data"] += busy["prepare"]
    found["tables and report"] = sum(busy[rule] for rule in READERS)
    spans = [span for _, span in log.jobs]
    found["Snakemake"] = (
        max(0.0, min(spans).start - run.start) + run.end - max(s.end for s in spans)
    )
    found["idle"] = log.cores * run.seconds - sum(found.values())
    return found


def is_alone(record: dict[str, Any]) -> bool:
    """Whether a record measures time, on all cores."""
    return experiment_of(record["cell"]["settings"]["experiment"]).alone


def _span(record: dict[str, Any]) -> Span:
    return Span(*(datetime.fromisoformat(record[at]).timestamp() for at in ("started", "ended")))


def show(folder: Path) -> None:
    """Print a run's parts as a table in Markdown."""
    path, run = longest_log(folder)
    with path.open(encoding="utf-8", errors="replace") as lines:
        log = read_log(lines)
    records = list(records_of(folder, run))
    blocks = blocks_seconds(folder, {record["cell"]["id"] for record in records})
    whole = log.cores * run.seconds
    jobs = sum(rule == "cell" for rule, _ in log.jobs)
    print(
        f"{path.name}: {len(records)} blocks of {len(blocks)} cells in {jobs} jobs, {run.seconds:.0f} s on {log.cores} cores"
    )
    print("\n| part | core-seconds | share | |\n|---|---|---|---|")
    for part, seconds in parts(log, run, records, blocks).items():
        print(f"| {part} | {seconds:.0f} | {seconds / whole:.1%} | {PARTS[part]} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    show(parser.parse_args().folder)


if __name__ == "__main__":
    main()
