"""Where numbers come from, as plain facts by name, and in which facts two origins differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nnbench.records.record import Record
from nnbench.records.results import Provenance

Facts = Mapping[str, str]

# what can change a number; a machine's name and memory cannot
_MACHINE = ("device", "device_name", "cuda", "cudnn", "driver", "threads", "tf32", "deterministic")
_RUN = ("nnbench_version", "config_sha256", "tier", "seeds", "tuning_seeds")
_HASHES = ("training code", "data ", "config_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A fact that differs between two origins; None: unknown on that side."""

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
    # the record of older code lacks settings that have been added since
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
