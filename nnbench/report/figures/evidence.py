"""The evidence map as a poster: every claim in every context, by colour and glyph."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from nnbench.records.general import ContextResult
from nnbench.records.results import ClaimResult
from nnbench.report import evidence
from nnbench.report.anchors import Anchors
from nnbench.report.evidence import Map, Row, Shows
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image, element, number
from nnbench.report.general import described
from nnbench.text.generality import counted
from nnbench.text.vocabulary import TONES, Chip, claim_chip, general_chip

_TITLE, _HERE, _WORD, _CELL, _ROW, _GROUP = 372.0, 28.0, 100.0, 13.0, 19.0, 26.0
_KEY, _EDGE = 30.0, 8.0
_TITLE_CHARACTERS = 66


def evidence_map(
    claims: Sequence[ClaimResult], contexts: Sequence[ContextResult], anchors: Anchors
) -> Image | None:
    """A row per claim, a column per context; None where no claim has contexts, or too many do."""
    found = evidence.map_of(claims, contexts)
    if found is None:
        return None
    places = _places(found.contexts, _EDGE + _TITLE + _HERE + _WORD)
    y = _KEY + 12 + max(canvas.text_width(title, canvas.SMALL) for title, _ in found.columns())
    shapes = [_key(_EDGE), _heads(found.contexts, places, y - 4)]
    for title, own in found.documents():
        shapes.append(canvas.text(_EDGE, y + 18, title, font_weight="700"))
        y += _GROUP
        for row in own:
            known = ((name, c) for name, c in found.contexts.items() if name in row.shows)
            cells = [(places[name], context, row.shows[name]) for name, context in known]
            shapes.append(_linked(row, anchors, _row(row, cells, y)))
            y += _ROW
    box = (max(places.values()) + _CELL + _EDGE, y + _EDGE)
    return Image(body="".join(shapes), box=box, alt=_alt(found), scale=1.0)


def _places(columns: Mapping[str, ContextResult], left: float) -> dict[str, float]:
    """Where each column starts: a gap stands between data sets."""
    places, x = {}, left
    for _, own in groupby(columns.values(), key=lambda context: context.dataset_title):
        for context in own:
            places[context.name] = x
            x += _CELL
        x += 4
    return places


def _alt(found: Map) -> str:
    shown = Counter(shows.chip.word for row in found.rows for shows in row.shows.values())
    said = ", ".join(f"{count} {word}" for word, count in shown.most_common())
    measured = sum(bool(row.shows) for row in found.rows)
    return f"{counted(measured, 'claim')} in their contexts: {said}."


# --- the parts


def _key(x: float) -> str:
    """What the glyphs mean."""
    shapes = []
    for mark in evidence.key():
        words = mark.chip.word
        shapes.append(_cell(mark.chip, (x, 8.0), 15.0, ""))
        shapes.append(canvas.text(x + 20, 20, words, fill=canvas.MUTED, size=canvas.SMALL))
        x += 34 + canvas.text_width(words, canvas.SMALL)
    return "".join(shapes)


def _heads(columns: Mapping[str, ContextResult], places: Mapping[str, float], y: float) -> str:
    """The names of the columns: data sets, written upwards."""
    style: canvas.Style = {"fill": canvas.MUTED, "size": canvas.SMALL}
    start = _EDGE + _TITLE
    named = ((_EDGE, "Claim"), (start, "Here"), (start + 34, "In general"))
    shapes = [canvas.text(x, y, words, **style) for x, words in named]
    for title, own in groupby(columns, key=lambda name: columns[name].dataset_title):
        names = list(own)
        x = (places[names[0]] + places[names[-1]] + _CELL) / 2 + 4
        turn = f"rotate(-90 {number(x)} {number(y)})"
        shapes.append(canvas.text(x, y, title, transform=turn, **style))
    return "".join(shapes)


def _linked(row: Row, anchors: Anchors, inner: str) -> str:
    """A row leads to its claim."""
    return element("a", inner, href=f"#{anchors.claims[row.claim.id]}")


def _row(row: Row, cells: Sequence[tuple[float, ContextResult, Shows]], y: float) -> str:
    title = canvas.shortened(row.claim.title, _TITLE_CHARACTERS)
    middle = _EDGE + _TITLE + 12
    here, rule = claim_chip(row.claim), y + _ROW - 0.5
    shapes = [
        canvas.line((_EDGE, rule), (_EDGE + _TITLE + _HERE + _WORD - 8, rule), canvas.GRID, 0.6),
        canvas.text(_EDGE, y + 13.5, title),
        _symbol(here, middle, y + 13.5),
        _word(row.claim, _EDGE + _TITLE + 34, y + 13.5),
        *(
            _cell(shows.chip, (x, y + 2), _CELL - 1, described(context, row.claim.general))
            for x, context, shows in cells
        ),
    ]
    return "".join(shapes)


def _symbol(chip: Chip, x: float, y: float) -> str:
    style: canvas.Style = {
        "fill": TONES[chip.tone][0],
        "text_anchor": "middle",
        "font_weight": "700",
    }
    return element(
        "g", canvas.titled(f"here: {chip.word}"), canvas.text(x, y, chip.symbol, **style)
    )


def _word(claim: ClaimResult, x: float, y: float) -> str:
    chip = general_chip(claim)
    if chip is None:
        return canvas.text(x, y, "here alone", fill=canvas.MUTED, size=canvas.SMALL)
    words = str(chip).replace("absent or reversed", "absent")
    return canvas.text(x, y, words, fill=TONES[chip.tone][0], size=canvas.SMALL)


def _cell(chip: Chip, place: tuple[float, float], size: float, said: str) -> str:
    """A glyph on its colour; on grey where nothing is clear, in its colour on grey where nothing differs."""
    (x, y), tone = place, TONES[chip.tone][0]
    fill, ink = {
        "?": (canvas.GRID, canvas.MUTED), "·": (canvas.GRID, canvas.MUTED), "≈": (canvas.GRID, tone)
    }.get(chip.symbol, (tone, canvas.PLATE))  # fmt: skip
    box = element("rect", x=x, y=y, width=size, height=15.0, fill=fill)
    style: canvas.Style = {"fill": ink, "size": canvas.SMALL, "text_anchor": "middle"}
    glyph = canvas.text(x + size / 2, y + 11.5, chip.symbol, **style)
    return element("g", *([canvas.titled(said)] if said else []), box, glyph)
