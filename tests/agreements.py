"""What a report says of the same thing in text, table, figure and provenance, and where it disagrees with itself."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator

from nnbench.records.results import ClaimResult, Finding, Results
from nnbench.report.anchors import Anchors, anchors_of
from nnbench.report.tables import level_name
from nnbench.text.vocabulary import claim_chip

_FAR = 3.0
Rows = list[list[str]]


def words(source: str) -> str:
    """What is read of some HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source)).split())


def tables(source: str) -> dict[str, Rows]:
    """The tables by their captions: a row of headings, then the others."""
    found = {}
    for table in re.findall(r"<table.*?</table>", source, flags=re.DOTALL):
        caption = re.search(r"<caption>(.*?)</caption>", table, flags=re.DOTALL)
        rows = re.findall(r"<tr.*?</tr>", table, flags=re.DOTALL)
        cells = [re.findall(r"<(?:th|td)[ >].*?</(?:th|td)>", row, flags=re.DOTALL) for row in rows]
        found[words(caption[1]) if caption else ""] = [
            [words(cell) for cell in row] for row in cells
        ]
    return found


def named(found: dict[str, Rows], start: str) -> Rows:
    return next((rows for caption, rows in found.items() if caption.startswith(start)), [])


def column(rows: Rows, heading: str) -> dict[str, str]:
    """A column by the rows' names."""
    at = (
        next((i for i, name in enumerate(rows[0]) if name.startswith(heading)), None)
        if rows
        else None
    )
    return {} if at is None else {row[0]: row[at] for row in rows[1:]}


def disagreements(results: Results, source: str) -> Iterator[str]:
    """Everything in which a page contradicts itself."""
    anchors, page = anchors_of(results), source.partition("<main")[2]
    yield from _counts(results, page)
    yield from _provenance(results, page)
    for claim in results.claims:
        own = _cut(page, f'<article class="claim" id="{anchors.claims[claim.id]}"', "</article>")
        if not own:
            continue
        yield from (f"{claim.id}: {what}" for what in _verdict(claim, anchors, own, source))
        for finding in claim.results:
            section = _cut(
                own, f'<div class="result" id="{anchors.of(claim, finding)}"', '<div class="result"'
            )
            yield from (
                f"{claim.id} {finding.key}: {what}"
                for what in _finding(claim, finding, section, page)
            )


def _cut(source: str, start: str, end: str) -> str:
    return source.partition(start)[2].partition(end)[0]


def _counts(results: Results, page: str) -> Iterator[str]:
    """The first lines count what the matrix shows."""
    said = words(_cut(page, '<p class="counted">Here', "</p>"))
    shown = Counter(claim_chip(c).counted for c in results.claims if not c.control)
    for word, count in shown.items():
        if f"{count} {word}" not in said:
            yield f"the first lines do not say {count} {word}"
    rows = len(re.findall(r"<tr[^>]* data-claim=", page))
    if rows != len(results.claims):
        yield f"the matrix has {rows} rows for {len(results.claims)} claims"


def _verdict(claim: ClaimResult, anchors: Anchors, own: str, source: str) -> Iterator[str]:
    """Heading, answer, matrix and list of contents say the same word."""
    chip, anchor = claim_chip(claim), anchors.claims[claim.id]
    row = _cut(source, f'data-claim="{anchor}"', "</tr>")
    ringed = re.findall(r'<span class="mark ringed">(.*?)decides', row, flags=re.DOTALL)
    listed = re.search(rf'<li><a href="#{re.escape(anchor)}">(.*?)</a>', source)
    places = {
        "heading": words(_cut(own, "<h4", "</h4>").partition(">")[2]),
        "answer": words(_cut(own, "<dt>Here</dt>", "</dd>")),
        "matrix": words(ringed[0] if ringed else row),
        "contents": f"{chip.word} {words(listed[1])}"
        if listed and chip.symbol in listed[1]
        else "",
    }
    for place, text in places.items():
        if chip.word not in text:
            yield f"the {place} does not say {chip.word!r}"
    if len({finding.verdict for finding in claim.results}) > 1 and 'class="note"' not in row:
        yield "its verdicts differ, and the matrix does not say which decides"


def _finding(claim: ClaimResult, finding: Finding, section: str, page: str) -> Iterator[str]:
    found = tables(section)
    levels = next((rows for rows in found.values() if "Diverged" in rows[0]), [])
    measured, runs = column(levels, "Measured"), column(levels, "Runs")
    diverged, each = column(levels, "Diverged"), named(found, "Each run")
    figures = " ".join(re.findall(r'(?:alt|aria-label)="([^"]*)"', section))
    for level in finding.levels:
        name = level_name(level)
        values = column(each, name).values()
        told = " ".join(measured.get(name, "").split())
        if f"{level.level} {told}" not in words(figures) and not level.not_measured:
            yield f"{name}: the figure does not say {told}"
        if sum(value not in ("–", "missing") for value in values) != int(
            runs[name].partition("/")[0]
        ):
            yield f"{name}: {runs[name]} runs, and another number of values"
        crossed = sum("diverged" in value for value in values)
        if level.n and crossed != int(diverged[name].partition("/")[0]):
            yield f"{name}: {diverged[name]} diverged, and {crossed} values that say so"
    yield from _explained(finding, words(section))
    yield from _listed_failures(claim, finding, page)


def _explained(finding: Finding, text: str) -> Iterator[str]:
    """What looks like a contradiction says why it is none."""
    for level in finding.levels:
        mean, chance = level.mean or 0.0, finding.chance or 0.0
        worse = finding.lower_is_better and chance and mean > _FAR * chance
        if worse and not level.diverged and "though no run diverged" not in text:
            yield f"{level.level}: {mean:.3g} beside an untrained {chance:.3g} and no divergence"
        losses = [v for v in (level.curves or {}).get("validation_loss", ()) if v]
        if mean and losses and finding.metric in ("test_loss", "train_loss"):
            far = not 1 / _FAR <= losses[-1] / mean <= _FAR
            if far and "arithmetic means of validation losses" not in text:
                yield f"{level.level}: its curve ends at {losses[-1]:.3g} beside {mean:.3g}"


def _listed_failures(claim: ClaimResult, finding: Finding, page: str) -> Iterator[str]:
    failed = named(tables(_cut(page, '<section id="failures"', "</section>")), "Runs that diverged")
    for level in finding.levels:
        listed = any(row[0] == claim.title and row[2] == level.level for row in failed)
        if (level.diverged or level.capped or level.failed) and not listed:
            yield f"{level.level}: its failed runs are not among those of the page"


def _provenance(results: Results, page: str) -> Iterator[str]:
    """What levels say of packages and threads stands in the provenance, too; cells add up."""
    section = words(_cut(page, '<section id="provenance"', "</section>"))
    made = results.provenance
    for claim in results.claims:
        for level in (level for finding in claim.results for level in finding.levels):
            versions = level.facts.get("versions")
            for name, version in (versions if isinstance(versions, dict) else {}).items():
                if f"{name} {version}" not in section:
                    yield f"{claim.id} {level.level}: {name} {version} is not in the provenance"
            if "threads" in level.facts and claim.title not in section:
                yield f"{claim.id} {level.level}: its threads are not in the provenance"
    for what, parts in (
        ("machines", [m.cells for m in made.machines]),
        ("versions", [v["cells"] for v in made.versions]),
    ):
        if parts and sum(map(int, parts)) != made.run.cells:  # type: ignore[arg-type]
            yield f"{made.run.cells} cells, of which the {what} name {parts}"
