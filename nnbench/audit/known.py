"""What is known about a measurement: its runs, and the facts that its numbers may depend on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nnbench.audit.noise import MISSING, OK, Pair, SeedRun, timing_margin
from nnbench.metrics import METRICS
from nnbench.records.origin import Provenance
from nnbench.records.record import Record

Facts = Mapping[str, str]

# what can change a number; a machine's name and memory cannot
_MACHINE = ("device", "device_name", "cuda", "cudnn", "driver", "threads", "tf32", "deterministic")
_RUN = ("nnbench_version", "config_sha256", "tier", "seeds", "tuning_seeds")
_HASHES = ("training code", "data ", "config_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A fact that differs between two measurements; None: unknown on that side."""

    what: str
    a: str | None
    b: str | None

    @property
    def text(self) -> str:
        """As in: ``torch 2.14.0 -> 2.15.0``."""
        return f"{self.what} {self._short(self.a)} -> {self._short(self.b)}"

    def _short(self, value: str | None) -> str:
        if value is None:
            return "(not told)"
        if self.what.startswith(_HASHES):
            return value[:8]
        return f"{value[:8]}{value[40:]}" if self.what == "commit" else value


def differing(a: Facts, b: Facts) -> tuple[Difference, ...]:
    """The facts that are not the same on both sides."""
    names = [name for name in dict.fromkeys((*a, *b)) if a.get(name) != b.get(name)]
    return tuple(Difference(what=name, a=a.get(name), b=b.get(name)) for name in names)


def record_facts(records: Sequence[Record]) -> Facts:
    """Versions, device, settings, data and code of a cell's records."""
    return _joined(fact for record in records for fact in _record_facts(record))


def _record_facts(record: Record) -> Iterator[tuple[str, object]]:
    cell = record.cell
    yield from record.versions.items()
    yield from ((name, getattr(record.machine, name)) for name in (*_MACHINE, "platform"))
    # a record of older code lacks the settings that were added later
    settings = cell.settings.model_dump(mode="json", include=cell.settings.model_fields_set)
    yield from ((f"setting {name}", value) for name, value in settings.items())
    yield from ((f"data {name}", digest) for name, digest in record.data.items())
    yield from (("training code", cell.code), ("threads of the cell", cell.threads))
    yield "commit", _commit(record)


def report_facts(provenance: Provenance) -> Facts:
    """What a report's provenance says about the whole run."""
    return _joined(_report_facts(provenance))


def _report_facts(provenance: Provenance) -> Iterator[tuple[str, object]]:
    yield from ((name, getattr(provenance, name)) for name in _RUN)
    yield "commit", _commit(provenance)
    for name in (*_MACHINE, "platform"):
        yield from ((name, getattr(machine, name)) for machine in provenance.machines)
    own = sorted({name for entry in provenance.versions for name in entry} - {"cells", "nnbench"})
    yield from ((name, entry.get(name)) for name in own for entry in provenance.versions)
    for dataset in provenance.datasets:
        yield f"data {dataset.name}", " ".join(sorted(dataset.sha256.values())) or None


def _commit(origin: Record | Provenance) -> str | None:
    """The commit, and whether the checkout had changes."""
    dirty = " with changes" if origin.git_dirty else ""
    return f"{origin.git_commit}{dirty}" if origin.git_commit else None


def _joined(facts: Iterable[tuple[str, object]]) -> Facts:
    """Each known fact with all its values."""
    values: dict[str, set[str]] = {}
    for name, value in facts:
        if value is not None:
            values.setdefault(name, set()).add(str(value))
    return {name: ", ".join(sorted(texts)) for name, texts in values.items()}


# --- runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known about one measurement.

    Attributes:
        runs: By metric; a run without the metric has no value.
        facts: What its numbers may depend on.
        hardware: Processor or GPU, and cores: times on different hardware are not compared.
        records: One per block of seeds; none for a report, which has only some of the seeds and facts.
    """

    runs: Mapping[str, tuple[SeedRun, ...]]
    facts: Facts
    hardware: tuple[str, ...]
    records: tuple[Record, ...] = ()

    @property
    def failure(self) -> str | None:
        """Why a block has no runs, if so."""
        return next((record.failure for record in self.records if record.failure), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """The value that differs most, relative to the larger of the two."""

    relative: float
    metric: str
    seed: str


def from_records(records: Sequence[Record]) -> Known:
    """What a cell's records tell, one per block of seeds."""
    runs = {seed: run for record in records for seed, run in record.runs.items()}
    machines = [record.machine for record in records]
    return Known(
        runs={
            name: tuple(SeedRun(seed, r.status, r.metrics.get(name)) for seed, r in runs.items())
            for name in sorted({name for run in runs.values() for name in run.metrics})
        },
        facts=record_facts(records),
        hardware=tuple(sorted({f"{m.device_name}, {m.cores} cores" for m in machines})),
        records=tuple(records),
    )


def pairs_of(then: Known, now: Known) -> dict[str, Pair]:
    """For every metric that was measured then, its runs then and now."""
    found = {}
    for name, old in then.runs.items():
        new = now.runs.get(name, ())
        seeds = sorted({run.seed for run in ((*old, *new) if then.records else old)})
        found[name] = _pair(name, _side(old, seeds), _side(new, seeds))
    return found


def _pair(name: str, a: tuple[SeedRun, ...], b: tuple[SeedRun, ...]) -> Pair:
    metric = METRICS.get(name.partition("@")[0])
    positive = all((run.value or 0.0) >= 0 for run in (*a, *b))
    return Pair(
        a=a,
        b=b,
        scale="log" if metric and metric.scale == "log" and positive else "raw",
        exact=metric is not None and metric.unit == "count",
        margin=timing_margin(metric),
    )


def _side(runs: Sequence[SeedRun], seeds: Sequence[str]) -> tuple[SeedRun, ...]:
    known = {run.seed: run for run in runs}
    return tuple(_comparable(known.get(seed, SeedRun(seed, MISSING, None))) for seed in seeds)


def _comparable(run: SeedRun) -> SeedRun:
    """Without a value, a run is missing; of a diverged one, only the status counts."""
    if run.status == "diverged":
        return run._replace(value=None)
    return run._replace(status=MISSING) if run.value is None and run.status == OK else run


def largest_difference(then: Known, now: Known) -> Largest | None:
    """The largest relative difference of a single value; None if no value is on both sides."""
    before = {(name, run.seed): run.value for name, runs in then.runs.items() for run in runs}
    found = [
        Largest(relative=_relative(a, run.value), metric=name, seed=run.seed)
        for name, runs in now.runs.items()
        for run in runs
        if (a := before.get((name, run.seed))) is not None and run.value is not None
    ]
    return max(found, key=lambda value: (value.relative, value.metric), default=None)


def _relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0
