"""What follows the claims: failures, then where the numbers come from (run, machines, versions, data)."""

from collections.abc import Iterator, Mapping, Sequence

from nnbench.claims.outcomes import NOT_TESTABLE
from nnbench.records.general import ContextFailure
from nnbench.records.level import LevelResult
from nnbench.records.origin import DatasetFacts, MeasuredOn, Provenance
from nnbench.records.results import ClaimResult
from nnbench.records.said import ChangeResult
from nnbench.report.anchors import Anchors
from nnbench.report.pages import Page
from nnbench.report.tables import Cell, Link, Table
from nnbench.text.rounding import duration_text
from nnbench.text.vocabulary import VERDICTS, where_text
from nnbench.text.wording import cost

_MOST_CLASSES = 20  # with a column each
_FLAGS = {"deterministic": "deterministic algorithms", "tf32": "TF32"}
_OWN = "Threads and packages of claims that measure these themselves"
_KINDS = {"fixed": "fixed samples", "generated": "generated anew for each seed"}


def plain(text: str) -> str:
    """A message as the page shows it: what a terminal sets in backticks stands for itself."""
    return text.replace("`", "")


# --- what failed and what was not run


def failure_tables(page: Page, anchors: Anchors) -> tuple[Table, ...]:
    """Failed runs, missing cells, rejected records, claims not testable and not run, where there are any."""
    claims, provenance = page.evidence, page.results.provenance
    missing = [[c.cell, ", ".join(c.claims), c.reason] for c in provenance.missing_cells]
    rejected = [[record.cell, record.reason] for record in provenance.rejected_records]
    if page.document:  # cells may be of several documents
        missing = rejected = []
    columns = ("Cell", "Claims", "Reason")
    tables = (
        _failed_runs(claims, anchors),
        _failed_in_contexts(page, anchors),
        Table("Planned cells without a record", columns, rows=missing, text=columns),
        Table("Records that were not used", ("Cell", "Reason"), rows=rejected, text=("Reason",)),
        _not_testable(claims, anchors),
        _not_run(claims, anchors),
    )
    return tuple(table for table in tables if table.rows)


def _failed_runs(claims: Sequence[ClaimResult], anchors: Anchors) -> Table:
    rows: list[list[Cell]] = [
        [
            Link(text=claim.title, target=anchors.of(claim, finding)),
            where_text(finding),
            level.level,
            *_failures(level),
            duration_text(level.train_seconds),
        ]
        for claim in claims
        for finding in claim.results
        for level in finding.levels
        if level.diverged or level.capped or level.failed
    ]
    caption = "Runs that diverged, were stopped at their cap, or left nothing"
    columns = ("Claim", "On", "Level", "Diverged", "Capped", "Missing", "Cost of the cell")
    return Table(caption, columns, rows=rows, text=("On", "Level"))


def _failed_in_contexts(page: Page, anchors: Anchors) -> Table:
    titles = {context.name: context.dataset_title for context in page.results.contexts}
    rows: list[list[Cell]] = [
        [
            Link(text=claim.title, target=anchors.contexts[claim.id]),
            f"{one.context}, {titles.get(one.context, '')}",
            one.level,
            *_failures(one),
        ]
        for claim in page.evidence
        if claim.general
        for one in claim.general.failures
    ]
    columns = ("Claim", "Context", "Level", "Diverged", "Capped", "Missing")
    return Table("The same in contexts", columns, rows=rows, text=("Context", "Level"))


def _failures(level: LevelResult | ContextFailure) -> Iterator[str]:
    """How many of the planned runs diverged, were capped, and are missing."""
    for number in (level.diverged, level.capped, level.failed):
        yield f"{number}/{level.planned}" if number else "–"


def _not_testable(claims: Sequence[ClaimResult], anchors: Anchors) -> Table:
    rows: list[list[Cell]] = [
        [Link(text=claim.title, target=anchors.of(claim, finding)), finding.verdict_reason or "–"]
        for claim in claims
        for finding in claim.results
        if finding.decides and finding.verdict == NOT_TESTABLE
    ]
    columns = ("Claim", "Reason")
    return Table("Claims that this machine cannot decide", columns, rows=rows, text=columns)


def _not_run(claims: Sequence[ClaimResult], anchors: Anchors) -> Table:
    rows: list[list[Cell]] = [
        [
            Link(text=claim.title, target=anchors.claims[claim.id]),
            claim.document_title,
            plain(claim.reason or "–"),
            "–" if claim.cost_seconds is None else cost(claim.cost_seconds),
        ]
        for claim in claims
        if not claim.taken
    ]
    columns = ("Claim", "Document", "Reason", "Estimated cost")
    return Table("Claims that this run did not measure", columns, rows=rows, text=columns)


# --- what was changed after a result


def is_another(change: ChangeResult, claim: ClaimResult) -> bool:
    """Whether a change made the verdict another one."""
    return change.verdict in VERDICTS and change.verdict != _after(change, claim)


def _after(change: ChangeResult, claim: ClaimResult) -> str | None:
    """The verdict of the specification that a change made: what the next change found, or today's."""
    later = [one for one in claim.changes if one.version > change.version]
    return min(later, key=lambda one: one.version).verdict if later else claim.verdict


def changes_table(claims: Sequence[ClaimResult], anchors: Anchors) -> Table | None:
    """Each change of a claim's specification after a result of it had been seen, other verdicts first."""
    changes = [(claim, change) for claim in claims if claim.taken for change in claim.changes]
    rows: list[list[Cell]] = [
        [
            Link(text=claim.title, target=anchors.claims[claim.id]),
            *(
                VERDICTS.get(said or "", said or "–")
                for said in (change.verdict, _after(change, claim))
            ),
            change.what,
            change.why,
            f"{change.version}, {change.date}".replace("-", "\u2011"),
        ]
        for claim, change in sorted(changes, key=lambda c: not is_another(c[1], c[0]))
    ]
    columns = ("Claim", "Before", "After", "What was changed", "Why", "Version")
    caption = (
        "Specifications that were changed after a result had been seen; changed verdicts first"
    )
    return Table(caption, columns, rows=rows, text=columns) if rows else None


# --- where the numbers come from


def provenance_tables(
    provenance: Provenance, claims: Sequence[ClaimResult] = (), anchors: Anchors | None = None
) -> tuple[Table, ...]:
    """The run, each machine, each set of versions, and what cells of some claims had beside these."""
    tables = (
        Table("The run", ("What", "Value"), rows=list(_run(provenance)), text=("Value",)),
        _machines(provenance.machines),
        _versions(provenance),
        _own(claims, anchors),
    )
    return tuple(table for table in tables if table.rows or table.caption != _OWN)


def _run(provenance: Provenance) -> Iterator[tuple[str, str]]:
    run = provenance.run
    commit = provenance.git_commit or "none: not a commit of a repository"
    memory = run.peak_memory_mb
    yield "nnbench", provenance.nnbench_version
    yield "Commit", f"{commit} with uncommitted changes" if provenance.git_dirty else commit
    yield "Config and claims, SHA-256", provenance.config_sha256
    yield "First cell started", run.first_start or "–"
    yield "Last cell ended", run.last_end or "–"
    yield "Wall time, at least one cell running", duration_text(run.wall_seconds)
    yield "Time of all cells together", duration_text(run.busy_seconds)
    yield "… of which training", duration_text(run.train_seconds)
    yield "… of which evaluation", duration_text(run.evaluate_seconds)
    yield "… of which loading data", duration_text(run.load_seconds)
    yield "Peak memory of a cell", "–" if memory is None else f"{memory:,.0f}\u00a0MB"
    if run.resumed:
        yield "Cells that were interrupted and went on from a checkpoint", str(run.resumed)
    if run.not_reproducible:
        yield "Cells whose own parts give other numbers each time", ", ".join(run.not_reproducible)
    for name, flag in provenance.flags.items():
        values = [flag] if isinstance(flag, bool) else flag  # all that it had in the cells
        text = ", ".join("on" if value else "off" for value in values) or "–"
        yield _FLAGS.get(name, name), text


def _machines(machines: Sequence[MeasuredOn]) -> Table:
    """The host's name tells machines apart; of a single one it tells nothing."""
    columns = {
        "Device": [machine.device_name for machine in machines],
        "Kind": [machine.device for machine in machines],
        "Platform": [machine.platform for machine in machines],
        "Host": [machine.hostname for machine in machines],
        "Cores": [str(machine.cores) for machine in machines],
        "Memory": [memory_text(machine) for machine in machines],
        "Threads of a training": [str(machine.threads) for machine in machines],
        "Cells": [f"{machine.cells:,}" for machine in machines],
    }
    if len(machines) < 2:
        del columns["Host"]
    return Table.of("Machines", columns, text=("Device", "Kind", "Platform", "Host"))


def memory_text(machine: MeasuredOn) -> str:
    """The machine's memory, rounded as it is sold."""
    return "–" if machine.memory_gb is None else f"{machine.memory_gb:.0f}\u00a0GB"


def _own(claims: Sequence[ClaimResult], anchors: Anchors | None) -> Table:
    """Threads and packages that the levels of a claim say of themselves: frameworks run in processes of their own."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for claim in claims:
        for level in (level for finding in claim.results for level in finding.levels):
            said = _threads_of(level.facts), _packages_of(level.facts)
            if any(said):
                found.setdefault((claim.id, *said), []).append(level.level)
    titles = {claim.id: claim.title for claim in claims}
    rows: list[list[Cell]] = [
        [
            Link(text=titles[i], target=anchors.claims[i]) if anchors else titles[i],
            ", ".join(dict.fromkeys(levels)),
            threads or "as above",
            packages or "as above",
        ]
        for (i, threads, packages), levels in found.items()
    ]
    columns = ("Claim", "Levels", "Threads", "Packages")
    return Table(_OWN, columns, rows=rows, text=columns)


def _threads_of(facts: Mapping[str, object]) -> str:
    threads, processes = facts.get("threads_per_process"), facts.get("processes")
    if threads and processes:
        return f"{processes} × {threads}"
    return str(facts.get("threads") or "")


def _packages_of(facts: Mapping[str, object]) -> str:
    versions = facts.get("versions")
    named = dict(versions) if isinstance(versions, Mapping) else {}
    if "torchvision" in facts:
        named["torchvision"] = facts["torchvision"]
    return ", ".join(f"{name} {version}" for name, version in named.items())


def _versions(provenance: Provenance) -> Table:
    versions = provenance.versions
    names = dict.fromkeys(key for entry in versions for key in entry if key != "cells")
    columns = [*names, "cells"]
    rows = [[str(entry.get(name) or "–") for name in columns] for entry in versions]
    return Table("Versions", columns, rows=rows)


# --- the data


def dataset_facts(dataset: DatasetFacts) -> Iterator[tuple[str, str]]:
    """What a dataset is and how large; of one that could not be read, why."""
    if dataset.error:
        yield "Problem", dataset.error
        return
    yield "Source", dataset.source
    yield "Licence", dataset.licence
    yield "Kind", _KINDS.get(dataset.kind, dataset.kind)
    yield "Input", " × ".join(map(str, dataset.input_shape))
    if dataset.task == "regression":
        target = ", ".join(filter(None, (dataset.target_name, dataset.target_unit)))
        yield "Target", target or "a number"
    else:
        yield "Classes", str(len(dataset.class_names))
    yield "Samples", ", ".join(f"{size:,} {split}" for split, size in dataset.sizes.items())
    if dataset.order:
        yield "Order", dataset.order
    for note in dataset.notes:
        yield "Note", note
    for split, digest in dataset.sha256.items():
        yield f"SHA-256 of {split}", digest


def class_table(dataset: DatasetFacts) -> Table | None:
    """How many samples each class has; the fewest and the most, where there are many classes."""
    names, splits = dataset.class_names, dataset.class_counts.items()
    if dataset.error or not splits:
        return None
    caption = f"{dataset.title}: samples of each class"
    if len(names) > _MOST_CLASSES:
        ends = [[split, f"{min(counts):,}", f"{max(counts):,}"] for split, counts in splits]
        return Table(caption, ("Split", "Fewest", "Most"), rows=ends)
    rows = [[split, *(f"{count:,}" for count in counts)] for split, counts in splits]
    return Table(caption, ("Split", *names), rows=rows)
