"""The records of a plan: read, checked, and the blocks of each cell joined."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from nnbench.cells.cell import block_name, blocks_of
from nnbench.experiments.joining import together
from nnbench.plan.plan import Plan
from nnbench.records.origin import Rejected
from nnbench.records.record import Record
from nnbench.records.store import RejectedRecordError, read_record, record_path

NO_RECORD = "no record: its job failed or has not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The records of a plan's cells, by cell id."""

    blocks: Mapping[str, tuple[Record, ...]]  # in the order of their seeds, where there are any
    rejected: tuple[Rejected, ...]
    missing: Mapping[str, str]  # why a cell lacks runs of whole blocks
    _joined: dict[tuple[str, int], Record] = field(default_factory=dict, repr=False)

    def of(self, cell_id: str, *, seeds: int) -> tuple[Record, ...]:
        """The blocks of a cell that hold some of its first ``seeds`` seeds."""
        return tuple(r for r in self.blocks.get(cell_id, ()) if r.seeds[0] < seeds)

    def joined(self, cell_id: str, *, seeds: int) -> Record | None:
        """The same as one record; None where there is none."""
        found = self.of(cell_id, seeds=seeds)
        key = cell_id, len(found)
        if found and key not in self._joined:
            self._joined[key] = joined(found)
        return self._joined.get(key)


def read_records(plan: Plan, results: Path) -> Records:
    """The records of all planned blocks, which were rejected, and what is missing."""
    blocks: dict[str, tuple[Record, ...]] = {}
    rejected: list[Rejected] = []
    missing: dict[str, str] = {}
    for cell_id, count in plan.seeds.items():
        found: list[Record] = []
        reasons: dict[str, str] = {}
        for seeds in blocks_of(count):
            path = record_path(results, cell_id, seeds)
            try:
                record = read_record(path) if path.exists() else None
            except RejectedRecordError as error:
                rejected.append(Rejected(cell=cell_id, reason=error.reason))
                reasons[block_name(seeds)] = error.reason
                continue
            if record is not None:
                found.append(record)
            if reason := NO_RECORD if record is None else record.failure:
                reasons[block_name(seeds)] = reason
        if found:
            blocks[cell_id] = tuple(found)
        if reasons:
            missing[cell_id] = _why(reasons, blocks=len(blocks_of(count)))
    return Records(blocks=blocks, rejected=tuple(rejected), missing=missing)


def _why(reasons: Mapping[str, str], *, blocks: int) -> str:
    """Why blocks have no runs; which ones, unless that is so of all for one reason."""
    if len(reasons) == blocks and len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return "; ".join(f"seeds {block}: {reason}" for block, reason in reasons.items())


def joined(blocks: Sequence[Record]) -> Record:
    """The blocks of one cell as one record.

    Runs, curves and stopped epochs are placed side by side in the order of their seeds; seconds are
    summed; speeds are weighted by training time and an untrained predictor's scores by seeds; memory is
    the most that any block took. Whatever is chosen or described once per cell is the first block's.
    """
    if len(blocks) == 1:
        return blocks[0]
    whole = together(blocks, [len(block.seeds) for block in blocks])
    phases = dict.fromkeys(name for block in blocks for name in block.seconds)
    return whole.model_copy(
        update={
            "seeds": tuple(seed for block in blocks for seed in block.seeds),
            "missing": {at: why for block in reversed(blocks) for at, why in block.missing.items()},
            "facts": reduce(_added, (block.facts for block in blocks)),
            "notes": tuple(dict.fromkeys(note for block in blocks for note in block.notes)),
            "seconds": {name: sum(b.seconds.get(name, 0.0) for b in blocks) for name in phases},
            "failure": None if whole.runs else blocks[0].failure,
            "samples_per_second": _speed(blocks),
            "peak_memory_mb": _most(block.peak_memory_mb for block in blocks),
            "device_peak_memory_mb": _most(block.device_peak_memory_mb for block in blocks),
            "out_of_memory": tuple(size for block in blocks for size in block.out_of_memory),
            **{name: _first(getattr(block, name) for block in blocks) for name in _ONCE},
        }
    )


_ONCE = (
    "search", "settings_used", "parameters", "classes", "test_samples", "stacked", "not_reproducible",
)  # fmt: skip


def _added(first: Any, later: Any) -> Any:
    """What ``first`` states, and what only ``later`` does, at any depth: some facts are by seed."""
    if not isinstance(first, dict) or not isinstance(later, dict):
        return first
    new = {key: _added(first.get(key, value), value) for key, value in later.items()}
    return {**first, **new}


def _speed(blocks: Sequence[Record]) -> float | None:
    """Samples per second of all blocks: each block's counts as long as it trained."""
    known = [(b.samples_per_second, b.seconds.get("train", 0.0)) for b in blocks]
    speeds = [(speed, time) for speed, time in known if speed is not None]
    total = sum(time for _, time in speeds)
    if not total:
        return sum(speed for speed, _ in speeds) / len(speeds) if speeds else None
    return sum(speed * time for speed, time in speeds) / total


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _first(values: Iterable[object]) -> object:
    return next((value for value in values if value is not None), None)
