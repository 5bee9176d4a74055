"""Where numbers come from, as plain facts by name, and in what two origins differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnbench.audit.published import Provenance

Facts = dict[str, str]

# what can change a number; a machine's name and memory cannot
_MACHINE = ("device", "device_name", "cuda", "cudnn", "driver", "threads", "tf32", "deterministic")
_RUN = ("nnbench_version", "config_sha256", "tier", "seeds", "tuning_seeds")


def record_facts(record: Mapping[str, Any]) -> Facts:
    """What a record tells about versions, device, code and data; what it does not tell is left out."""
    machine, cell = _section(record, "machine"), _section(record, "cell")
    found = _named("", _section(record, "versions"))
    found |= _named("", {name: machine.get(name) for name in (*_MACHINE, "platform")})
    found |= _named("setting ", _section(cell, "settings"))
    found |= _named("data ", _section(record, "data"))
    code = {"training code": cell.get("code"), "threads of the cell": cell.get("threads")}
    return found | _named("", code) | commit_fact(record)


def report_facts(provenance: Provenance) -> Facts:
    """What a report's provenance tells about the whole run: each fact in all its values."""
    told = provenance.model_dump(mode="json")
    found = _named("", {name: told[name] for name in _RUN}) | commit_fact(told)
    machines, versions = provenance.machines, provenance.versions
    found |= {name: _all(machines, name) for name in (*_MACHINE, "platform")}
    packages = sorted({name for entry in versions for name in entry} - {"cells", "nnbench"})
    found |= {name: _all(versions, name) for name in packages}
    for dataset in provenance.datasets:
        sums = sorted(map(str, _section(dataset, "sha256").values()))
        found[f"data {dataset.get('name')}"] = " ".join(sums)
    return {name: value for name, value in found.items() if value}


def commit_fact(origin: Mapping[str, Any]) -> Facts:
    """The commit, and whether the checkout had changes."""
    commit, dirty = origin.get("git_commit"), origin.get("git_dirty")
    return {"commit": f"{commit}{' with changes' if dirty else ''}"} if commit else {}


def differing(a: Mapping[str, str], b: Mapping[str, str]) -> list[dict[str, str | None]]:
    """The facts that are not the same on both sides, and their values; None: it is not told."""
    names = dict.fromkeys((*a, *b))
    return [
        {"what": name, "a": a.get(name), "b": b.get(name)}
        for name in names
        if a.get(name) != b.get(name)
    ]


def difference_text(difference: Mapping[str, str | None]) -> str:
    """As in: ``torch 2.14.0 -> 2.15.0``."""
    sides = [_short(difference["what"] or "", difference[side]) for side in ("a", "b")]
    return f"{difference['what']} {sides[0]} -> {sides[1]}"


def _short(what: str, value: str | None) -> str:
    if value is None:
        return "(not told)"
    hashes = what == "training code" or what.startswith(("data ", "config_sha256"))
    if hashes:
        return value[:8]
    return f"{value[:8]}{value[40:]}" if what == "commit" else value


def _named(prefix: str, values: Mapping[str, Any]) -> Facts:
    return {f"{prefix}{name}": str(value) for name, value in values.items() if value is not None}


def _all(entries: Sequence[Mapping[str, Any]], name: str) -> str:
    values = dict.fromkeys(str(e[name]) for e in entries if e.get(name) is not None)
    return ", ".join(sorted(values))


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}
