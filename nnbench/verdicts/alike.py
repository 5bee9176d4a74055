"""Levels that are one and the same run: whatever they differ in had no effect on the training.

The plan refuses what it can know (``plan.effects``); an own part that ignores a setting shows here. Levels that
tie in the judged metric alone are two runs, and are judged.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from nnbench.experiments.measured import Run
from nnbench.records.record import Record
from nnbench.verdicts.evidence import Records
from nnbench.verdicts.measurements import LevelRuns

Pair = frozenset[str]
_CURVES = ("train_loss", "validation_loss", "validation_accuracy")


def alike(*places: Sequence[LevelRuns], records: Records) -> set[Pair]:
    """Pairs of levels with equal curves and metrics, to the bit, in every run that both have in every place.

    A place is a dataset on a track, or a context. Levels may well lead to the same training in one context, which
    is no effect there; equal in all of them they have none to measure.
    """
    equal: set[Pair] = set()
    different: set[Pair] = set()
    for levels in places:
        for pair, same in _compared(levels, records):
            (equal if same else different).add(pair)
    return equal - different


def _compared(levels: Sequence[LevelRuns], records: Records) -> Iterator[tuple[Pair, bool]]:
    """Each pair, and whether it is one run; not levels that read different places of one training, nor picks."""
    found = {}
    for use in [level.use for level in levels]:
        record = records.joined(use.cells[0], seeds=use.seeds)
        if record and record.curves and len(use.cells) == 1:
            found[use.level] = (use.at, _trainings(record))
    for a, b in itertools.combinations(found, 2):
        if found[a][0] == found[b][0]:
            yield frozenset((a, b)), _equal(found[a][1], found[b][1])


def alike_text(pair: Pair) -> str:
    """What is said of such a pair."""
    a, b = sorted(pair)
    return (
        f"{a} and {b} are one and the same run: their curves are equal to the last bit, so that what they "
        "differ in has no effect"
    )


_Training = tuple[Run, tuple[object, ...]]


def _trainings(record: Record) -> Mapping[int, _Training]:
    """By seed, the runs that did not diverge (these have no numbers to compare) with their curves."""
    curves = record.curves
    assert curves is not None
    rows = [getattr(curves, name) for name in _CURVES]
    return {
        seed: (run, (curves.epochs, *(tuple(point[i] for point in row) for row in rows)))
        for i, seed in enumerate(record.seeds)
        if (run := record.runs.get(str(seed))) and run.status != "diverged"
    }


def _equal(a: Mapping[int, _Training], b: Mapping[int, _Training]) -> bool:
    if not a or a.keys() != b.keys():
        return False
    return all(_same(*a[seed], *b[seed]) for seed in a)


def _same(run: Run, curves: object, other: Run, others: object) -> bool:
    measured = run.metrics.keys() & other.metrics.keys()  # one may have further probes
    return curves == others and all(run.metrics[n] == other.metrics[n] for n in measured)
