"""Learning curves of a cell: means over its runs, with the interval of the validation loss (pandas)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from scipy import stats

from nnbench.records.record import Record
from nnbench.verdicts.rules import finite

CURVE_POINTS = 60  # as many as a figure can show
CURVES = ("train_loss", "validation_loss", "validation_accuracy")


def curve_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """The curves of all cells, one below the other; ``records`` by cell id, blocks joined."""
    frames = [
        table.assign(cell=cell_id)
        for cell_id, record in records.items()
        if (table := mean_curves(record)) is not None
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"cell": []})


def mean_curves(record: Record | None) -> pd.DataFrame | None:
    """Mean of each curve over the runs that did not diverge, with its 95 % t interval.

    Where all of them diverged, over all. None where there are no curves.
    """
    if record is None or record.curves is None:
        return None
    runs = [record.runs.get(str(seed)) for seed in record.seeds]
    kept = [i for i, run in enumerate(runs) if run is not None and run.status != "diverged"]
    table = pd.DataFrame({"epochs": record.curves.epochs})
    for name in CURVES:
        rows = getattr(record.curves, name)
        if not rows:
            continue
        values = pd.DataFrame(rows, dtype=float)
        values = values[kept] if kept else values
        table[name] = values.mean(axis=1)
        if name == "validation_loss":
            half = _t95(values.count(axis=1)) * values.sem(axis=1)
            table[f"{name}_low"], table[f"{name}_high"] = table[name] - half, table[name] + half
    return table


def shown_curves(record: Record | None) -> dict[str, tuple[float | None, ...]] | None:
    """The curves as the results state them: few points, five digits."""
    table = mean_curves(record)
    if table is None or table.empty:
        return None
    count = min(len(table), CURVE_POINTS)  # equally spaced, both ends among them
    points = [round(i * (len(table) - 1) / max(count - 1, 1)) for i in range(count)]
    return {
        str(name): tuple(finite(float(f"{value:.5g}")) for value in table[name].iloc[points])
        for name in table.columns
    }


def _t95(counts: pd.Series[int]) -> pd.Series[float]:
    """The two-sided 95 % quantile of Student's t with n - 1 degrees of freedom; NaN below two."""
    freedom = (counts - 1).where(counts > 1)
    return pd.Series(stats.t.ppf(0.975, freedom), index=counts.index)
