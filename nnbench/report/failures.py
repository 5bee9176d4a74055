"""What failed and what was not run, as tables: nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnbench.report.table import Link, Table, make_table
from nnbench.text.rounding import duration_text
from nnbench.text.vocabulary import where_text
from nnbench.text.wording import cost

Json = Mapping[str, Any]
_FAILURES = ("diverged", "capped", "failed")


def failure_tables(claims: Sequence[Json], provenance: Json) -> list[Table]:
    """Failed runs, missing cells, rejected records and claims not run; those that there are."""
    tables = (
        _failed_runs(claims),
        _missing(provenance["missing_cells"]),
        _rejected(provenance["rejected_records"]),
        _not_run(claims),
    )
    return [table for table in tables if table.rows]


def _failed_runs(claims: Sequence[Json]) -> Table:
    rows = [
        [
            Link(text=claim["title"], target=result["anchor"]),
            where_text(result),
            level["level"],
            *_failed_counts(level),
        ]
        for claim in claims
        for result in claim["results"]
        for level in result["levels"]
        if any(level[key] for key in _FAILURES)
    ]
    caption = "Runs that diverged, were stopped at their cap, or left nothing"
    columns = ("Claim", "On", "Level", "Diverged", "Capped", "Missing", "Cost of the cell")
    return make_table(caption, columns, rows=rows, text=("On", "Level"))


def _failed_counts(level: Json) -> list[str]:
    planned, seconds = level["planned"], level["train_seconds"]
    numbers = [level[key] for key in _FAILURES]
    counts = [f"{number}/{planned}" if number else "–" for number in numbers]
    return [*counts, duration_text(seconds)]


def _missing(cells: Sequence[Json]) -> Table:
    rows = [[cell["cell"], ", ".join(cell["claims"]), cell["reason"]] for cell in cells]
    columns = ("Cell", "Claims", "Reason")
    return make_table("Planned cells without a record", columns, rows=rows, text=columns)


def _rejected(records: Sequence[Json]) -> Table:
    rows = [[record["cell"], record["reason"]] for record in records]
    return make_table("Records that were not used", ("Cell", "Reason"), rows=rows, text=("Reason",))


def _not_run(claims: Sequence[Json]) -> Table:
    missing = [claim for claim in claims if claim["status"] == "not run"]
    rows = [
        [
            Link(text=c["title"], target=c["anchor"]),
            c["document_title"],
            c["reason"] or "–",
            "–" if c["cost_seconds"] is None else cost(c["cost_seconds"]),
        ]
        for c in missing
    ]
    columns = ("Claim", "Document", "Reason", "Estimated cost")
    return make_table("Claims that this run did not measure", columns, rows=rows, text=columns)
