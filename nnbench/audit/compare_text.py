"""What ``nnbench compare`` found, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnbench.audit.console import columns, counted
from nnbench.audit.noise import MEANS
from nnbench.audit.origins import difference_text
from nnbench.text.rounding import p_text, signed_percent, value_text

MOST_REASONS = 3  # of a level; --json has all
Entry = Mapping[str, Any]


def compare_text(found: Entry, *, names: tuple[str, str]) -> str:
    """A readable account: verdicts, levels, what was left out, provenance, and a sentence."""
    parts = [
        _heads(found, names),
        _verdicts(found["verdicts"]),
        _levels([entry for entry in found["levels"] if entry["outcome"] == "moved"]),
        list(_left_out(found)),
        _provenance(found["provenance"]),
        [summary(found)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def summary(found: Entry) -> str:
    """One sentence."""
    counts, levels = found["summary"], found["summary"]["levels"]
    changed = counted(counts["verdicts_changed"], "verdict")
    moved = counted(levels["moved"], "level")
    rest = ", ".join(
        f"{number} {outcome}" for outcome, number in levels.items() if number and outcome != "moved"
    )
    if not found["differs"]:
        return f"Nothing changed beyond noise in {counted(counts['claims'], 'claim')} ({rest})."
    return f"{changed} changed, {moved} moved beyond noise ({rest or 'no others'})."


def _heads(found: Entry, names: tuple[str, str]) -> list[str]:
    rows = []
    for side, name in zip(("a", "b"), names, strict=True):
        about = found[side]
        commit = (about["git_commit"] or "no commit")[:8]
        seeds = "" if about["seeds"] is None else f"{about['seeds']} seeds"
        dirty = " with changes" if about["git_dirty"] else ""
        rows.append((side.upper(), name, about["generated"] or "", commit + dirty, seeds))
    return columns(rows, indent=0)


def _verdicts(verdicts: Sequence[Entry]) -> list[str]:
    lines = []
    for entry in verdicts:
        lines.append(f"  {entry['claim']}: {_verdict_change(entry)}{_note(entry)}")
        for result in entry["results"]:
            skipped = f" (not counted: {result['skipped']})" if result["skipped"] else ""
            lines.append(f"    {_place(result)}: {_verdict_change(result)}{skipped}")
    return ["Verdicts that changed", *lines] if lines else []


def _note(entry: Entry) -> str:
    if not entry["counted"]:
        return f" (not counted: {entry['skipped']})" if entry["skipped"] else " (not counted)"
    moved = entry["levels_moved"]
    return f" ({counted(moved, 'level')} moved)" if moved else " (its levels are within noise)"


def _verdict_change(entry: Entry) -> str:
    a, b = (entry[side] or "no verdict" for side in ("a", "b"))
    return f"{a} in both" if a == b else f"{a} -> {b}"


def _place(entry: Entry) -> str:
    return ", ".join(filter(None, (entry["dataset"], entry["track"], entry["variant"])))


def _levels(moved: Sequence[Entry]) -> list[str]:
    if not moved:
        return []
    head = ("claim", "where", "level", "metric", "A", "B", "change", "p (Holm)")
    rows = [head, *(_level_row(entry) for entry in moved)]
    table = columns(rows)
    lines = [table[0]]
    for entry, line in zip(moved, table[1:], strict=True):
        more = len(entry["reasons"]) - MOST_REASONS
        shown = "; ".join(entry["reasons"][:MOST_REASONS]) + (f"; {more} more" if more > 0 else "")
        lines += [line, f"    may be: {shown}"]
    return ["Levels that moved beyond noise", *lines]


def _level_row(entry: Entry) -> tuple[str, ...]:
    means = (value_text(entry[f"mean_{side}"], entry["unit"]) for side in ("a", "b"))
    p = "exact" if entry["p_holm"] is None else p_text(entry["p_holm"])
    return entry["claim"], _place(entry), entry["level"], entry["metric"], *means, _change(entry), p


def _change(entry: Entry) -> str:
    if entry["test"] != MEANS and entry["test"] is not None:
        return f"{entry['test']} runs"
    if entry["percent"] is not None:
        return signed_percent(entry["percent"])
    sign = "+" if (entry["difference"] or 0.0) > 0 else ""
    return sign + value_text(entry["difference"], entry["unit"])


def _left_out(found: Entry) -> Iterator[str]:
    for side in ("a", "b"):
        if names := found[f"only_{side}"]:
            yield f"Claims in {side.upper()} only: {', '.join(names)}"
    by_status: dict[str, list[str]] = {}
    for entry in found["measured_in_one"]:
        by_status.setdefault(f"{entry['a']} in A, {entry['b']} in B", []).append(entry["claim"])
    for status, claims in by_status.items():
        yield f"{status[:1].upper()}{status[1:]}: {', '.join(claims)}"
    for entry in found["levels_in_one"]:
        yield f"{entry['claim']}, {_place(entry)}: level {entry['level']} in {entry['in'].upper()} only"
    skipped = [entry for entry in found["levels"] if entry["outcome"] == "skipped"]
    places = dict.fromkeys(
        (entry["claim"], _place(entry), entry["reasons"][0]) for entry in skipped
    )
    for claim, place, reason in places:
        yield f"{claim}, {place}: skipped, {reason}"
    for entry in found["levels"]:
        if entry["outcome"] == "not comparable":
            why = entry["reasons"][0] if entry["reasons"] else "fewer than two runs"
            yield f"{entry['claim']}, {_place(entry)}, {entry['level']}: not comparable ({why})"


def _provenance(differences: Sequence[Entry]) -> list[str]:
    lines = [f"  {difference_text(difference)}" for difference in differences]
    return ["What else differs", *lines] if lines else []
