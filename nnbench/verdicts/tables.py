"""The measurements as files in ``results/aggregate``, for a reader's own tools (pandas, Parquet).

``measurements.csv`` and ``.parquet`` are the tidy table, ``contexts.csv`` and ``.parquet`` that of contexts, ``candidates.csv`` has the
candidates of picks, ``curves.csv`` the mean learning curves of each cell, and ``records.sha256`` says what
records they were made of. ``docs/measurements.md`` explains their columns.
"""

import io
from pathlib import Path

from nnbench.records.store import MADE_OF, records_sha256, write_atomically
from nnbench.verdicts.findings import Evidence
from nnbench.verdicts.levels import curve_table
from nnbench.verdicts.measurements import candidates, in_contexts, measurements


def write_tables(evidence: Evidence, folder: Path) -> None:
    """Write the tables of what was read; the same records give the same bytes."""
    plan = evidence.plan
    tidy = {
        "measurements": measurements(evidence.levels),
        "contexts": in_contexts(evidence.levels),
    }
    tables = {
        **tidy,
        "candidates": candidates(evidence.levels),
        "curves": curve_table(plan, evidence.records),
    }
    for name, table in tables.items():
        text = table.to_csv(index=False, lineterminator="\n")
        write_atomically(folder / f"{name}.csv", text.encode())
    for name, table in tidy.items():
        file = io.BytesIO()
        table.to_parquet(file, engine="pyarrow", index=False)
        write_atomically(folder / f"{name}.parquet", file.getvalue())
    made_of = records_sha256(Path(plan.config.results), plan.blocks())
    write_atomically(folder / MADE_OF, made_of.encode() + b"\n")
