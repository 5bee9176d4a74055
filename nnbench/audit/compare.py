"""``nnbench compare``: two ``results.json`` side by side, and what of it is more than noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nnbench.audit.noise import Change, Pair, changes, runs_of
from nnbench.audit.origins import difference_text, differing, report_facts
from nnbench.audit.published import Claim, Level, Published, Result
from nnbench.errors import NnbenchError
from nnbench.metrics import METRICS, percent_change

OUTCOMES = ("identical", "within noise", "moved", "not comparable", "skipped")
# what the cells' own ids, or the verdicts, answer for; all other facts can move a number
_NO_CAUSE = ("nnbench_version", "config_sha256", "tier", "seeds", "tuning_seeds", "commit")
_MEASURED = ("judged", "measured")
_NO_REASON = "nothing that the results tell: the same cells, versions and machine"

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Both:
    """One result, on both sides."""

    claim: str
    a: Result
    b: Result

    @property
    def skipped(self) -> str | None:
        """Why its numbers are not compared, if they are not."""
        if self.a.metric != self.b.metric or self.a.scale != self.b.scale:
            return f"it reads {self.a.metric} in A and {self.b.metric} in B"
        if self.a.timing and set(self.a.machines) != set(self.b.machines):
            machines = [" and ".join(r.machines) or "no machine" for r in (self.a, self.b)]
            return f"times of other hardware: {machines[0]} in A, {machines[1]} in B"
        return None

    @property
    def no_verdict(self) -> str | None:
        """Why its verdicts are not compared, if they are not."""
        if {level.level for level in self.a.levels} != {level.level for level in self.b.levels}:
            return "other levels in A and B"
        return self.skipped

    @property
    def where(self) -> Entry:
        dataset, track, variant = self.a.place
        return {"claim": self.claim, "dataset": dataset, "track": track, "variant": variant}


def compare(a: Published, b: Published) -> Entry:
    """What differs between two runs, as plain data for ``--json`` and for ``compare_text``.

    Raises:
        NnbenchError: No result stands in both, or a value on a log scale is below zero.
    """
    claims = {claim.id: claim for claim in a.claims}, {claim.id: claim for claim in b.claims}
    shared = [(claims[0][name], claims[1][name]) for name in claims[0] if name in claims[1]]
    both = [pair for one, other in shared for pair in _shared_results(one, other)]
    if not both:
        raise NnbenchError(
            "nothing to compare: no claim was measured in both on the same dataset",
            todo="give two reports of the same claims",
        )
    facts = differing(report_facts(a.provenance), report_facts(b.provenance))
    levels = [*_skipped_levels(both), *_compared_levels(both, facts)]
    verdicts = [entry for one, other in shared if (entry := _verdict(one, other, levels))]
    counts = Counter(entry["outcome"] for entry in levels)
    changed = sum(entry["counted"] for entry in verdicts)
    return {
        "a": _about(a),
        "b": _about(b),
        "differs": bool(changed or counts["moved"]),
        "summary": {
            "claims": len({pair.claim for pair in both}),
            "verdicts_changed": changed,
            "levels": {outcome: counts[outcome] for outcome in OUTCOMES},
        },
        "only_a": [name for name in claims[0] if name not in claims[1]],
        "only_b": [name for name in claims[1] if name not in claims[0]],
        "measured_in_one": list(_measured_in_one(shared)),
        "verdicts": verdicts,
        "levels": levels,
        "levels_in_one": [entry for pair in both for entry in _levels_in_one(pair)],
        "provenance": facts,
    }


def _about(results: Published) -> Entry:
    return results.provenance.model_dump(
        mode="json", include={"generated", "git_commit", "git_dirty", "seeds"}
    )


def _shared_results(a: Claim, b: Claim) -> Iterator[_Both]:
    others = {result.place: result for result in b.results}
    for result in a.results:
        if result.place in others:
            yield _Both(claim=a.id, a=result, b=others[result.place])


def _measured_in_one(shared: Sequence[tuple[Claim, Claim]]) -> Iterator[Entry]:
    for a, b in shared:
        if (a.status in _MEASURED) != (b.status in _MEASURED):
            yield {"claim": a.id, "a": a.status, "b": b.status}


# --- levels


def _shared_levels(both: _Both) -> Iterator[tuple[Level, Level]]:
    others = {level.level: level for level in both.b.levels}
    for level in both.a.levels:
        if level.level in others:
            yield level, others[level.level]


def _levels_in_one(both: _Both) -> Iterator[Entry]:
    names = [[level.level for level in result.levels] for result in (both.a, both.b)]
    for side, own, other in (("a", *names), ("b", *names[::-1])):
        for name in own:
            if name not in other:
                yield {**both.where, "level": name, "in": side}


def _skipped_levels(results: Sequence[_Both]) -> Iterator[Entry]:
    for both in results:
        if both.skipped:
            for a, b in _shared_levels(both):
                yield _entry(both, a, b, outcome="skipped", reasons=[both.skipped])


def _compared_levels(
    results: Sequence[_Both], facts: Sequence[Mapping[str, Any]]
) -> Iterator[Entry]:
    found = [(both, a, b) for both in results if not both.skipped for a, b in _shared_levels(both)]
    compared = changes({index: _pair(*item) for index, item in enumerate(found)})
    for index, (both, a, b) in enumerate(found):
        change = compared[index]
        same = change.outcome == "identical"
        reasons = [] if same else list(_reasons(a, b, facts, dataset=both.a.dataset))
        yield _entry(both, a, b, **_numbers(change, both), reasons=reasons)


def _pair(both: _Both, a: Level, b: Level) -> Pair:
    metric = METRICS.get(both.a.metric)
    # blocks of one run share the state of the machine and differ less than two runs do
    margin = metric.margin_on_scale() if metric and both.a.timing else 0.0
    pair = Pair(
        a=runs_of(a.values, a.seed_status),
        b=runs_of(b.values, b.seed_status),
        scale=both.a.scale,
        exact=both.a.unit == "count",
        margin=margin,
    )
    if both.a.scale == "log" and any((run.value or 0.0) < 0 for run in (*pair.a, *pair.b)):
        raise NnbenchError(
            f"{both.claim}, level {a.level!r}: a value below zero has no logarithm",
            todo="compare files that `nnbench judge` wrote",
        )
    return pair


def _numbers(change: Change, both: _Both) -> Entry:
    difference = change.difference if both.a.scale == "log" else None
    percent = None if difference is None else percent_change(difference)
    return {**asdict(change), "percent": percent}


def _entry(both: _Both, a: Level, b: Level, **more: Any) -> Entry:
    blank = dict.fromkeys(("mean_a", "mean_b", "difference", "percent", "test", "p", "p_holm"))
    known = [sum(value is not None for value in level.values.values()) for level in (a, b)]
    return {
        **both.where,
        "level": a.level,
        "metric": both.a.metric,
        "unit": both.a.unit,
        "scale": both.a.scale,
        "n_a": known[0],
        "n_b": known[1],
        **blank,
        **more,
    }


def _reasons(
    a: Level, b: Level, facts: Sequence[Mapping[str, Any]], *, dataset: str
) -> Iterator[str]:
    """What may have moved a level, the surest first."""
    own = list(_own_reasons(a, b))
    around = [
        difference_text(fact)
        for fact in facts
        if fact["what"] not in _NO_CAUSE
        and (not fact["what"].startswith("data ") or fact["what"] == f"data {dataset}")
    ]
    yield from own or around or [_NO_REASON]
    yield from around if own else []


def _own_reasons(a: Level, b: Level) -> Iterator[str]:
    for side, level in (("A", a), ("B", b)):
        if level.not_measured:
            yield f"not measured in {side}: {level.not_measured}"
    if set(a.cells) == set(b.cells):
        return  # a cell's id stands for settings, seeds and code
    settings = [
        f"{name} {a.settings[name]} -> {b.settings[name]}"
        for name in a.settings
        if name in b.settings and a.settings[name] != b.settings[name]
    ]
    yield from settings
    if set(a.values) != set(b.values):
        yield f"{len(a.values)} -> {len(b.values)} seeds"
    elif not settings:
        yield "training code (other cells, with the same settings and seeds)"


# --- verdicts


def _verdict(a: Claim, b: Claim, levels: Sequence[Entry]) -> Entry | None:
    """How a claim's verdicts changed; None if they did not, or if one side did not measure it."""
    results = [_result_verdict(both) for both in _shared_results(a, b)]
    moved = [entry for entry in results if entry["a"] != entry["b"]]
    measured = all(claim.status in _MEASURED for claim in (a, b))
    if not measured or (a.verdict == b.verdict and not moved):
        return None
    deciding = [{result.place for result in side.results if result.decides} for side in (a, b)]
    other = None if deciding[0] == deciding[1] else "other results decide in A and B"
    skipped = other or next((r["skipped"] for r in results if r["decides"] and r["skipped"]), None)
    own = [entry for entry in levels if entry["claim"] == a.id]
    counted = (a.verdict != b.verdict and not skipped) or any(entry["counted"] for entry in moved)
    return {
        "claim": a.id,
        "a": a.verdict,
        "b": b.verdict,
        "counted": counted,
        "skipped": skipped,
        "levels_moved": sum(entry["outcome"] == "moved" for entry in own),
        "results": moved,
    }


def _result_verdict(both: _Both) -> Entry:
    return {
        **both.where,
        "decides": both.a.decides or both.b.decides,
        "a": both.a.verdict,
        "b": both.b.verdict,
        "counted": both.no_verdict is None,
        "skipped": both.no_verdict,
    }
