"""Why to believe it: how much was measured, what failed, what was changed late, and what keeps the numbers honest."""

from collections.abc import Iterator, Sequence

from nnbench.records.results import ClaimResult, Results
from nnbench.report.appendix import is_another
from nnbench.report.page import controls_text, facts
from nnbench.report.tables import Cell, Link
from nnbench.text.generality import counted


def belief(results: Results) -> Iterator[tuple[str, Cell]]:
    """How much was measured, what failed, and what keeps the numbers honest."""
    made = results.provenance
    known = dict(facts(results))
    runs, diverged, missing = _runs(results.claims)
    counted_out = f"{_or_none(diverged)} diverged, {_or_none(missing)} lost"
    yield "Runs", f"{runs:,} in the claims’ own settings; {counted_out}"
    if lost := _in_contexts(results.claims):
        yield "Runs in contexts", lost
    yield "All cells", f"{known['Runs']}; a cell is a level with its settings and its data"
    if results.contexts:
        datasets = len({context.dataset for context in results.contexts})
        yield "Contexts", f"{len(results.contexts)} on {counted(datasets, 'data set')}"
    if controls := controls_text(results):
        yield "Claims of known outcome", controls
    yield "Fixed before the run", f"claims, seeds and margins: SHA-256 {made.config_sha256[:12]}…"
    yield from _not_fixed(results.claims)
    yield (
        "Measured again",
        "the same machine and packages give the same numbers to the bit, but for times; nnbench audit checks it",
    )
    yield "Where and when", f"{known['Machine']}; measured in {known['Wall time']}; {known['Date']}"


def _not_fixed(claims: Sequence[ClaimResult]) -> Iterator[tuple[str, Cell]]:
    """How many claims were changed after a result of theirs, and how many got more seeds."""
    changed = sum(bool(claim.changes) for claim in claims if claim.taken)
    more = sum(claim.seeds_times > 1 for claim in claims if claim.taken)
    if changed:
        another = sum(
            any(is_another(c, claim) for c in claim.changes) for claim in claims if claim.taken
        )
        text = (
            f"the specification of {counted(changed, 'claim')}, of which {another} got another verdict: "
            "what, why, and both verdicts"
        )
        yield "Changed after a result was seen", Link(text=text, target="changed")
    if more:
        yield (
            "More seeds than the others",
            f"{counted(more, 'claim')}, mostly because a result was near a threshold",
        )


def _in_contexts(claims: Sequence[ClaimResult]) -> str:
    """How many runs in contexts diverged or left nothing; nothing where there are no contexts."""
    general = [claim.general for claim in claims if claim.general]
    failures = [one for result in general for one in result.failures]
    diverged, missing = (sum(getattr(f, name) for f in failures) for name in ("diverged", "failed"))
    where = len({one.context for one in failures if one.diverged})
    said = f"{diverged:,} diverged, in {counted(where, 'context')}" if diverged else "none diverged"
    lost = f"{missing:,} lost" if missing else "none lost"
    return f"{said}; {lost} (a run that several claims share counts for each)" if general else ""


def _or_none(count: int) -> str:
    return f"{count:,} of them" if count else "none"


def _runs(claims: Sequence[ClaimResult]) -> tuple[int, int, int]:
    """Runs of the claims' own settings, those that diverged and those that left nothing; shared ones count once."""
    levels = {
        level.cell or (claim.id, finding.key, level.level): level
        for claim in claims
        for finding in claim.results
        for level in finding.levels
    }.values()
    counts = [(level.planned, level.diverged, level.failed) for level in levels]
    planned, diverged, failed = (
        (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    )
    return planned, diverged, failed
