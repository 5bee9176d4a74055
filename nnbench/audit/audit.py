"""``nnbench audit``: a random sample of finished cells, measured again and held against before.

Each cell is measured in a scratch folder and a process of its own, as Snakemake does. However that ends,
it leaves no files and no processes behind.
"""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from nnbench.audit.known import Difference, Known, Largest, differing, from_records
from nnbench.audit.noise import Change, changes
from nnbench.audit.restudied import AuditedStudy, audited_study
from nnbench.audit.subjects import Block, Found, LeftOut, Subject, Task, and_more
from nnbench.cells.cell import block_name
from nnbench.cells.cost import runs_alone
from nnbench.claims.config import Config
from nnbench.datasets.prepared.store import MANIFEST
from nnbench.errors import NnbenchError
from nnbench.jobs.locks import to_log
from nnbench.processes import Child, Ended, last_lines, run_children
from nnbench.records.record import Record
from nnbench.records.store import RejectedRecordError, dataset_folder, read_record, record_path

Outcome = Literal["identical", "within noise", "drifted", "not comparable", "failed"]
_TO_THE_BIT = ("runs", "curves", "search", "missing")  # of a record
BAD = ("drifted", "failed")
NOTHING = "nothing that is recorded: the same code, versions, device and data"
# as long as the training code is the same, a commit or nnbench's own version moves no number
_NO_CAUSE = ("commit", "nnbench")
# set as Snakemake sets them for its jobs, so that numpy's libraries sum in the same order
_THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")
_Key = tuple[str, tuple[Block, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What became of a task: the new records, or none and the last lines that its process wrote."""

    records: tuple[Record, ...] = ()
    output: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedCell:
    """What became of a cell: outcome, reasons, and how its numbers changed (A is then, B is now)."""

    cell: str
    source: str
    name: str
    outcome: Outcome
    reasons: tuple[str, ...]
    largest: Largest | None
    metrics: Mapping[str, Change]
    differs: tuple[Difference, ...]
    seconds: float
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found, as ``--json`` prints it; ``docs/audit.md`` explains the fields."""

    seed: int
    known: int
    differs: bool
    summary: Mapping[str, int]
    cells: tuple[AuditedCell, ...]
    studies: tuple[AuditedStudy, ...]
    unreadable: tuple[LeftOut, ...]
    cannot_be_run_again: tuple[LeftOut, ...]


def audit(found: Found, config: Config, *, cells: int, seed: int, device: str, cores: int) -> Audit:
    """Measure a random sample of cells again, in all finished blocks of seeds; analyse all studies again.

    ``seed`` is that of the draw; the cores are for all cells together. NnbenchError if there is
    nothing to audit.
    """
    if not (found.subjects or found.unreadable):
        raise _nothing(found, config)
    drawn = sample(found.subjects, cells, seed=seed)
    reruns = measure_again(drawn, config, device=device, cores=cores)
    audited = tuple(judged(drawn, reruns))
    studies = tuple(map(audited_study, found.studies))
    counts = Counter[str](cell.outcome for cell in audited)
    outcomes = {*counts, *(study.outcome for study in studies)}
    return Audit(
        seed=seed,
        known=len(found.subjects),
        differs=bool(found.unreadable or outcomes.intersection(BAD)),
        summary={outcome: counts[outcome] for outcome in get_args(Outcome)},
        cells=audited,
        studies=studies,
        unreadable=found.unreadable,
        cannot_be_run_again=found.refused,
    )


def _nothing(found: Found, config: Config) -> NnbenchError:
    if found.refused:
        got = and_more([f"{entry.source}: {entry.why}" for entry in found.refused])
        todo = "audit something that today's config, code and schema still support"
        return NnbenchError("no cell can be measured again", got=got, todo=todo)
    got = f"no record in {config.results}/cells"
    todo = "run the pipeline first, or audit a published report with --report"
    return NnbenchError("no finished cell to audit", got=got, todo=todo)


def sample(subjects: Sequence[Subject], size: int, *, seed: int) -> list[Subject]:
    """Some of the subjects, in their own order."""
    drawn = np.random.default_rng(seed).permutation(len(subjects))[:size]
    return [subjects[index] for index in sorted(drawn.tolist())]


def judged(subjects: Sequence[Subject], reruns: Sequence[Rerun]) -> Iterator[AuditedCell]:
    """The outcome of each subject; the tests of all their metrics are one family."""
    again = [from_records(rerun.records) for rerun in reruns]
    pairs = {
        (index, metric): pair
        for index, (subject, now) in enumerate(zip(subjects, again, strict=True))
        if now.records and _why_not_compared(subject, now) is None
        for metric, pair in subject.then.pairs_with(now).items()
    }
    found = changes(pairs)
    for index, (subject, rerun, now) in enumerate(zip(subjects, reruns, again, strict=True)):
        changed = {metric: change for (i, metric), change in found.items() if i == index}
        yield _audited(subject, rerun, now, changed)


def _audited(
    subject: Subject, rerun: Rerun, now: Known, changed: Mapping[str, Change]
) -> AuditedCell:
    known = now.facts if subject.then.records else subject.then.facts
    here = {name: value for name, value in now.facts.items() if name in known}
    differs = differing(subject.then.facts, here) if now.records else ()
    outcome, reasons = _outcome(subject, rerun, now, changed)
    if outcome in ("drifted", "within noise"):
        code = any(difference.what == "training code" for difference in differs)
        causes = [d.text for d in differs if code or d.what not in _NO_CAUSE]
        reasons += [*subject.notes, *causes] or [NOTHING]
    return AuditedCell(
        cell=subject.cell.id,
        source=subject.source,
        name=subject.name,
        outcome=outcome,
        reasons=tuple(reasons),
        largest=subject.then.largest_difference(now),
        metrics=changed,
        differs=differs,
        seconds=rerun.seconds,
        output=rerun.output,
    )


def _why_not_compared(subject: Subject, now: Known) -> str | None:
    if runs_alone(subject.cell) and set(subject.then.hardware) != set(now.hardware):
        then, here = (" and ".join(side.hardware) for side in (subject.then, now))
        return f"times of other hardware: {then or 'not told'}, here {here}"
    if subject.then.failure:
        return f"it failed before: {subject.then.failure}"
    if reason := now.not_reproducible:  # an old record may say so to be left alone
        return f"not reproducible: {reason}"
    return None


def _outcome(
    subject: Subject, rerun: Rerun, now: Known, changed: Mapping[str, Change]
) -> tuple[Outcome, list[str]]:
    """What became of a cell, and what is wrong with it."""
    if not now.records:
        return "failed", [rerun.output]
    if now.failure and not subject.then.failure:
        return "failed", [now.failure]
    if reason := _why_not_compared(subject, now):
        return "not comparable", [reason]
    return _compared(subject.then, now, changed)


def _compared(then: Known, now: Known, changed: Mapping[str, Change]) -> tuple[Outcome, list[str]]:
    def named(outcome: str) -> str:
        return ", ".join(name for name, change in changed.items() if change.outcome == outcome)

    if gone := [name for name in changed if name not in now.runs]:
        why = [f"{name}: {r}" for record in now.records for name, r in record.missing.items()]
        return "drifted", [f"{', '.join(gone)} not measured any more", *dict.fromkeys(why)]
    if moved := named("moved"):
        return "drifted", [f"{moved} moved"]
    if named("within noise"):
        return "within noise", []
    if few := "no metric" if not changed else named("not comparable"):
        return "not comparable", [f"{few}: fewer than two runs on a side"]
    pairs = list(zip(then.records, now.records, strict=False))  # none of a report
    differ = [n for n in _TO_THE_BIT if any(getattr(a, n) != getattr(b, n) for a, b in pairs)]
    return ("within noise", [f"{', '.join(differ)} differ"]) if differ else ("identical", [])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setup:
    """Where and with what to measure."""

    config: Config
    device: str
    cores: int
    scratch: Path

    def data(self, dataset: str) -> Path:
        return dataset_folder(Path(self.config.results), dataset)

    def cores_for(self, task: Task) -> int:
        return self.cores if runs_alone(task.cell) else task.cell.threads

    def child(self, *arguments: str, threads: int) -> Child:
        limits = {f"{name}_NUM_THREADS": str(threads) for name in _THREADS}
        environment = {**os.environ, **limits, "TMPDIR": str(self.scratch)}
        return Child(command=(sys.executable, "-m", "nnbench", *arguments), environment=environment)


def measure_again(tasks: Sequence[Task], config: Config, *, device: str, cores: int) -> list[Rerun]:
    """Measure anew: as many cells at once as the cores allow, then one by one those that time.

    Missing datasets are prepared first, where the config says. After Ctrl-C all processes have ended.
    """
    # a process of a killed session may still be dying while its files are removed
    with tempfile.TemporaryDirectory(prefix="nnbench-audit-", ignore_cleanup_errors=True) as folder:
        setup = _Setup(config=config, device=device, cores=cores, scratch=Path(folder))
        broken = _prepare({task.cell.dataset for task in tasks}, setup)
        # several old cells may be one and the same today
        distinct = {task.key: task for task in tasks if task.cell.dataset not in broken}.values()
        found = _run([task for task in distinct if not runs_alone(task.cell)], setup)
        found |= _run([task for task in distinct if runs_alone(task.cell)], setup)
    return [broken.get(task.cell.dataset) or found[task.key] for task in tasks]


def _prepare(names: Iterable[str], setup: _Setup) -> dict[str, Rerun]:
    """Prepare the datasets that are not; what becomes of the cells of those that cannot be."""
    missing = [name for name in sorted(names) if not (setup.data(name) / MANIFEST).exists()]
    options = ["--data-folder", setup.config.data_folder]
    options += ["--download"] if setup.config.download else []
    children = []
    for name in missing:
        to_log(f"preparing {name}")
        command = ("prepare", name, str(setup.data(name)), *options)
        children.append(setup.child(*command, threads=setup.cores))
    ends = zip(missing, run_children(children), strict=True)
    return {name: Rerun(output=_last_words(ended)) for name, ended in ends if ended.failure}


def _run(tasks: Sequence[Task], setup: _Setup) -> dict[_Key, Rerun]:
    def say(index: int, ended: Ended) -> None:
        how = "failed" if ended.failure else "measured again"
        to_log(f"cell {tasks[index].cell.id}: {how} in {ended.seconds:.0f} s")

    # a folder of results per task: two may measure blocks of the same cell
    folders = [setup.scratch / f"{task.cell.id}-{n}" for n, task in enumerate(tasks)]
    children = [_job(task, setup, to=folder) for task, folder in zip(tasks, folders, strict=True)]
    most = max(map(setup.cores_for, tasks), default=1)
    ends = run_children(children, at_once=max(1, setup.cores // most), ended=say)
    found = zip(tasks, folders, ends, strict=True)
    return {task.key: _rerun(task, folder, ended) for task, folder, ended in found}


def _job(task: Task, setup: _Setup, *, to: Path) -> Child:
    cores = setup.cores_for(task)
    return setup.child(
        *("run", task.cell.to_json(), "--seeds", str(task.blocks[-1][-1] + 1)),
        *("--blocks", *map(block_name, task.blocks)),
        *("--results", str(to), "--data", str(setup.data(task.cell.dataset))),
        *("--device", setup.device, "--cores", str(cores)),
        *("--jobs-per-gpu", str(setup.config.jobs_per_gpu), "--end-with-parent"),
        threads=cores,
    )


def _rerun(task: Task, folder: Path, ended: Ended) -> Rerun:
    if ended.failure:
        return Rerun(output=_last_words(ended), seconds=ended.seconds)
    try:
        paths = [record_path(folder, task.cell.id, block) for block in task.blocks]
        return Rerun(records=tuple(map(read_record, paths)), seconds=ended.seconds)
    except RejectedRecordError as error:
        return Rerun(output=error.reason, seconds=ended.seconds)


def _last_words(ended: Ended) -> str:
    return "\n".join(last_lines(f"{ended.output}\n{ended.errors}")) or str(ended.failure)
