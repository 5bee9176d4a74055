"""What is known about a measurement: its runs, and the facts that its numbers may depend on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from nnbench.audit.noise import MISSING, OK, Pair, SeedRun, pair_of
from nnbench.records.origin import Provenance
from nnbench.records.record import Record

Facts = Mapping[str, str]

RUN_FACTS = ("nnbench_version", "config_sha256", "tier", "seeds", "tuning_seeds")
# what can change a number; a machine's name and memory cannot
_MACHINE = (
    "device", "device_name", "cuda", "cudnn", "driver", "threads", "tf32", "deterministic",
    "platform",
)  # fmt: skip
# covered by the cells' ids or the verdicts; all other facts can move a number
_NO_CAUSE = (*RUN_FACTS, "commit")
NOTHING_TOLD = "nothing that the results tell: the same cells, versions and machine"
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


def causes(facts: Sequence[Difference], dataset: str) -> list[str]:
    """The facts that may have moved a number on a dataset."""
    data = f"data {dataset}"
    return [
        fact.text
        for fact in facts
        if fact.what not in _NO_CAUSE and (fact.what == data or not fact.what.startswith("data "))
    ]


def report_facts(provenance: Provenance) -> Facts:
    """What a report's provenance says about the whole run."""
    machines, versions = provenance.machines, provenance.versions
    datasets = [dataset for dataset in provenance.datasets if dataset.sha256]
    packages = sorted({name for entry in versions for name in entry} - {"cells", "nnbench"})
    return _joined(
        [
            *((name, getattr(provenance, name)) for name in RUN_FACTS),
            ("commit", _commit(provenance)),
            *((name, getattr(machine, name)) for name in _MACHINE for machine in machines),
            *((name, entry.get(name)) for name in packages for entry in versions),
            *((f"data {d.name}", " ".join(sorted(d.sha256.values()))) for d in datasets),
        ]
    )


def _record_facts(record: Record) -> list[tuple[str, object]]:
    """Versions, device, settings, data and code."""
    cell = record.cell
    # a record of older code lacks the settings that were added later
    settings = cell.settings.model_dump(mode="json", include=cell.settings.model_fields_set)
    return [
        *record.versions.items(),
        ("compiler", record.compiler),
        *((name, getattr(record.machine, name)) for name in _MACHINE),
        *((f"setting {name}", value) for name, value in settings.items()),
        *((f"data {name}", digest) for name, digest in record.data.items()),
        ("training code", cell.code),
        ("threads of the cell", cell.threads),
        ("commit", _commit(record)),
    ]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """The value that differs most, relative to the larger of the two."""

    relative: float
    metric: str
    seed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known about one measurement."""

    runs: Mapping[str, Mapping[str, SeedRun]]  # by metric and seed
    facts: Facts  # what its numbers may depend on
    hardware: tuple[str, ...]  # processor or GPU, and cores: times on others are not compared
    # one per block of seeds; none for a report, which has only some of the seeds and facts
    records: tuple[Record, ...] = ()

    @property
    def failure(self) -> str | None:
        """Why a block has no runs, if so."""
        return next((record.failure for record in self.records if record.failure), None)

    @property
    def not_reproducible(self) -> str | None:
        """Why its numbers are others each time, if so."""
        reasons = (record.not_reproducible for record in self.records)
        return next(filter(None, reasons), None)

    def pairs_with(self, now: Self) -> dict[str, Pair]:
        """For every metric that was measured then, its runs then and now."""
        found = {}
        for name, old in self.runs.items():
            new = now.runs.get(name, {})
            seeds = sorted({*old, *new} if self.records else old)
            a, b = (tuple(_comparable(side, seed) for seed in seeds) for side in (old, new))
            negative = any((run.value or 0.0) < 0 for run in (*a, *b))
            found[name] = pair_of(name, a, b, scale="raw" if negative else None)
        return found

    def largest_difference(self, now: Self) -> Largest | None:
        """The largest relative difference of a single value; None if no value is on both sides."""
        found = [
            Largest(
                relative=abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0, metric=name, seed=seed
            )
            for name, runs in now.runs.items()
            for seed, run in runs.items()
            if (then := self.runs.get(name, {}).get(seed))
            if (a := then.value) is not None and (b := run.value) is not None
        ]
        return max(found, key=lambda value: (value.relative, value.metric), default=None)


def _comparable(runs: Mapping[str, SeedRun], seed: str) -> SeedRun:
    """Without a value, a run is missing; of a diverged one, only the status counts."""
    run = runs.get(seed, SeedRun(seed, MISSING, None))
    if run.status == "diverged":
        return run._replace(value=None)
    return run._replace(status=MISSING) if run.value is None and run.status == OK else run


def from_records(records: Sequence[Record]) -> Known:
    """What a cell's records tell, one per block of seeds."""
    runs = {seed: run for record in records for seed, run in record.runs.items()}
    machines = [record.machine for record in records]
    return Known(
        runs={
            name: {s: SeedRun(s, run.status, run.metrics.get(name)) for s, run in runs.items()}
            for name in sorted({name for run in runs.values() for name in run.metrics})
        },
        facts=_joined(fact for record in records for fact in _record_facts(record)),
        hardware=tuple(sorted({f"{m.device_name}, {m.cores} cores" for m in machines})),
        records=tuple(records),
    )
