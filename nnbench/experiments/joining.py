"""What was measured in parts, put together: groups of replicates, and blocks of seeds. No torch here."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from nnbench.experiments.measured import BySample, Curves, Measured, Metrics, Row

Whole = TypeVar("Whole", bound=Measured)


def together(parts: Sequence[Whole], counts: Sequence[int] | None = None) -> Whole:
    """Groups or blocks of replicates, in the order of their seeds, as if they had been trained at once.

    Whatever does not belong to single replicates (timings, facts, notes) is taken from the last part:
    the clock of a later group has run since the first one. ``counts``: replicates of each, if not its runs.
    """
    if len(parts) == 1:
        return parts[0]
    sizes = [len(part.runs) for part in parts] if counts is None else counts
    return parts[-1].model_copy(
        update={
            "runs": {seed: run for part in parts for seed, run in part.runs.items()},
            "samples": _all_samples([part.samples for part in parts]),
            "curves": _side_by_side([part.curves for part in parts], sizes),
            "steps": max((part.steps for part in parts if part.steps is not None), default=None),
            "untrained": _means([part.untrained for part in parts], sizes),
            "stopped_epochs": _joined([part.stopped_epochs for part in parts]),
            "pretrain": _joined([part.pretrain for part in parts]),
        }
    )


def _all_samples(parts: Sequence[BySample | None]) -> BySample | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return BySample.model_construct(
        losses={seed: text for part in known for seed, text in part.losses.items()},
        hits={seed: text for part in known for seed, text in part.hits.items()},
        groups=known[0].groups,
    )


def _side_by_side(curves: Sequence[Curves | None], counts: Sequence[int]) -> Curves | None:
    """Curves of several parts; one that ended earlier has no values after that."""
    epochs = max((curve.epochs for curve in curves if curve is not None), key=len, default=None)
    if epochs is None:
        return None

    def rows(name: str) -> tuple[Row, ...]:
        blocks: list[tuple[Row, ...]] = [getattr(curve, name, ()) for curve in curves]
        return tuple(
            tuple(
                value
                for block, count in zip(blocks, counts, strict=True)
                for value in (block[point] if point < len(block) else (None,) * count)
            )
            for point in range(len(epochs) if any(blocks) else 0)
        )

    names = set(Curves.model_fields) - {"epochs"}
    return Curves(epochs=epochs, **{name: rows(name) for name in names})


def _means(scores: Sequence[Metrics | None], counts: Sequence[int]) -> Metrics | None:
    """Means over all replicates out of those of the parts that have any."""
    known = [(score, n) for score, n in zip(scores, counts, strict=True) if score is not None]
    found: Metrics = {}
    for name in known[0][0] if known else ():
        values = [(score[name], n) for score, n in known if score.get(name) is not None]
        total = sum(n for _, n in values)
        found[name] = sum((v or 0.0) * n for v, n in values) / total if total else None
    return found if known else None


def _joined(facts: Sequence[Mapping[str, object] | None]) -> dict[str, object] | None:
    """Lists are concatenated and counts of failures added; all else is as the first part states it."""
    result: dict[str, object] = {}
    for name, value in ((n, v) for fact in facts if fact is not None for n, v in fact.items()):
        before = result.get(name)
        if isinstance(value, list) and isinstance(before, list):
            result[name] = [*before, *value]
        elif name == "diverged" and isinstance(value, int) and isinstance(before, int):
            result[name] = before + value
        else:
            result.setdefault(name, value)
    return result or None
