"""The evidence map: every claim in every context, by colour and glyph; as a poster and for a phone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from nnbench.records.general import ContextEffect, ContextResult, Shown
from nnbench.records.results import ClaimResult
from nnbench.report.anchors import Anchors
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image, element, escaped, number
from nnbench.report.general import leading
from nnbench.text.vocabulary import GENERAL, TONES, Chip, claim_chip, general_chip, shown_chip

_LEGEND: tuple[Shown, ...] = ("as claimed", "small", "equal", "unclear", "reversed")
_TITLE, _HERE, _WORD, _CELL, _ROW, _GROUP = 372.0, 28.0, 100.0, 13.0, 19.0, 26.0  # of the poster
_HEAD, _KEY, _EDGE, _SLANT = 92.0, 30.0, 8.0, 44.0  # the last name leans to the right
_TITLE_CHARACTERS, _NARROW_CHARACTERS, _NARROW_HEADING = 66, 66, 50
_NARROW_ROW, _NARROW_WORD, _WIDEST_CELL = 40.0, 92.0, 21.0
_MOST = 200  # claims; of more no map can be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A claim and what each of its contexts shows of its leading pair, by context."""

    claim: ClaimResult
    effects: Mapping[str, ContextEffect]

    @property
    def order(self) -> tuple[int, float]:
        """The most general first, then by the share of contexts that show it; without contexts last."""
        general = self.claim.general
        if general is None:
            return len(GENERAL), 0.0
        good = sum(e.shown in ("as claimed", "small", "holds") for e in self.effects.values())
        return list(GENERAL).index(general.word), -good / max(len(self.effects), 1)


def rows_of(claims: Sequence[ClaimResult]) -> list[Row]:
    """The claims that were judged or have contexts, by document, the most general first."""
    shown = [_row(claim) for claim in claims if claim.verdict or claim.general]
    by_document = groupby(shown, key=lambda row: row.claim.document)
    return [row for _, own in by_document for row in sorted(own, key=lambda row: row.order)]


def _row(claim: ClaimResult) -> Row:
    pair = leading(claim.general) if claim.general else None
    return Row(claim=claim, effects={e.context: e for e in pair.effects} if pair else {})


def evidence_map(
    claims: Sequence[ClaimResult], contexts: Sequence[ContextResult], anchors: Anchors
) -> Image | None:
    """The poster: a row per claim, a column per context; None where no claim has contexts, or too many do."""
    rows, columns = _table(claims, contexts)
    if not columns or len(rows) > _MOST:
        return None
    left = _EDGE + _TITLE + _HERE + _WORD
    places = _places(columns, left)
    y, shapes = _KEY + _HEAD, [_key(_EDGE), _heads(columns, places)]
    for title, own in groupby(rows, key=lambda row: row.claim.document_title):
        shapes.append(_heading(title, y + 18))
        y += _GROUP
        for row in own:
            cells = [(places[c], columns[c], e) for c, e in row.effects.items() if c in places]
            shapes.append(_linked(row, anchors, _poster_row(row, cells, y)))
            y += _ROW
    width = max(places.values()) + _CELL + _SLANT
    return Image(body="".join(shapes), box=(width, y + _EDGE), alt=_alt(rows), scale=1.0)


def narrow_map(
    claims: Sequence[ClaimResult], contexts: Sequence[ContextResult], anchors: Anchors
) -> Image | None:
    """The same for a phone: below each claim's title its own contexts, side by side."""
    rows, columns = _table(claims, contexts)
    if not columns or len(rows) > _MOST:
        return None
    y, shapes = 2 * _KEY, [_key(_EDGE, wrap=True)]
    for title, own in groupby(rows, key=lambda row: row.claim.document_title):
        shapes.append(_heading(canvas.shortened(title, _NARROW_HEADING), y + 20))
        y += _GROUP + 4
        for row in own:
            shapes.append(_linked(row, anchors, _narrow_row(row, columns, y)))
            y += _NARROW_ROW
    return Image(body="".join(shapes), box=(canvas.WIDTH, y + _EDGE), alt=_alt(rows))


def _table(
    claims: Sequence[ClaimResult], contexts: Sequence[ContextResult]
) -> tuple[list[Row], dict[str, ContextResult]]:
    """The rows, and the contexts that they use, those on the same data side by side, the most used first."""
    rows = rows_of(claims)
    used = Counter(name for row in rows for name in row.effects)
    on = Counter[str]()
    for context in contexts:
        on[context.dataset_title] += used[context.name]
    order = sorted(
        (c for c in contexts if used[c.name]),
        key=lambda c: (-on[c.dataset_title], c.dataset_title, -used[c.name]),
    )
    return rows, {context.name: context for context in order}


def _places(columns: Mapping[str, ContextResult], left: float) -> dict[str, float]:
    """Where each column starts: a gap stands between data sets."""
    places, x = {}, left
    for _, own in groupby(columns.values(), key=lambda context: context.dataset):
        for context in own:
            places[context.name] = x
            x += _CELL
        x += 4
    return places


def _alt(rows: Sequence[Row]) -> str:
    found = Counter(shown_chip(e.shown).word for row in rows for e in row.effects.values())
    said = ", ".join(f"{count} {word}" for word, count in found.most_common())
    return f"{len(rows)} claims in their contexts: {said}."


# --- the parts


def _key(x: float, *, wrap: bool = False) -> str:
    """What the glyphs mean."""
    shapes, y, start = [], 8.0, x
    for shown in _LEGEND:
        chip = shown_chip(shown)
        width = 24 + canvas.text_width(chip.word, canvas.SMALL)
        if wrap and x + width > canvas.WIDTH:
            x, y = start, y + 22
        shapes.append(_cell(chip, (x, y), 15.0, ""))
        shapes.append(canvas.text(x + 20, y + 12, chip.word, fill=canvas.MUTED, size=canvas.SMALL))
        x += width + 10
    return "".join(shapes)


def _heads(columns: Mapping[str, ContextResult], places: Mapping[str, float]) -> str:
    """The names of the columns: data sets, written upwards."""
    y, shapes = _KEY + _HEAD - 4, []
    style: canvas.Style = {"fill": canvas.MUTED, "size": canvas.SMALL}
    for x, words in (
        (_EDGE, "Claim"),
        (_EDGE + _TITLE, "Here"),
        (_EDGE + _TITLE + 34, "In general"),
    ):
        shapes.append(canvas.text(x, y, words, **style))
    for title, own in groupby(columns, key=lambda name: columns[name].dataset_title):
        names = list(own)
        x = (places[names[0]] + places[names[-1]] + _CELL) / 2 + 4
        turn = f"rotate(-55 {number(x)} {number(y)})"
        shapes.append(canvas.text(x, y, canvas.shortened(title, 18), transform=turn, **style))
    return "".join(shapes)


def _heading(title: str, y: float) -> str:
    return canvas.text(_EDGE, y, title, font_weight="700")


def _linked(row: Row, anchors: Anchors, inner: str) -> str:
    """A row leads to its claim, and says what a filter may ask of it."""
    claim = row.claim
    return element(
        "a", inner, class_="claim", href=f"#{anchors.claims[claim.id]}", data_claim=claim.id,
        data_document=claim.document, data_verdict=claim_chip(claim).word,
        data_general=claim.general.word if claim.general else "",
    )  # fmt: skip


def _poster_row(
    row: Row, cells: Sequence[tuple[float, ContextResult, ContextEffect]], y: float
) -> str:
    title = canvas.shortened(row.claim.title, _TITLE_CHARACTERS)
    middle = _EDGE + _TITLE + 12
    here, rule = claim_chip(row.claim), y + _ROW - 0.5
    shapes = [
        canvas.line((_EDGE, rule), (_EDGE + _TITLE + _HERE + _WORD - 8, rule), canvas.GRID, 0.6),
        canvas.text(_EDGE, y + 13.5, title),
        _symbol(here, middle, y + 13.5),
        _word(row.claim, _EDGE + _TITLE + 34, y + 13.5),
        *(_cell(shown_chip(e.shown), (x, y + 2), _CELL - 1, _said(c, e)) for x, c, e in cells),
    ]
    return "".join(shapes)


def _narrow_row(row: Row, columns: Mapping[str, ContextResult], y: float) -> str:
    title = canvas.shortened(row.claim.title, _NARROW_CHARACTERS)
    shapes = [canvas.text(_EDGE, y + 12, title, size=canvas.SMALL)]
    shapes += [
        _symbol(claim_chip(row.claim), _EDGE + 6, y + 30),
        _word(row.claim, _EDGE + 18, y + 30),
    ]
    known = [(columns[name], row.effects[name]) for name in columns if name in row.effects]
    room = canvas.WIDTH - 2 * _EDGE - _NARROW_WORD
    size = min(_WIDEST_CELL, room / max(len(known), 1))
    for index, (context, effect) in enumerate(known):
        place = (_EDGE + _NARROW_WORD + 2 + index * size, y + 18)
        shapes.append(
            _cell(shown_chip(effect.shown), place, size - 1, _said(context, effect), tall=16)
        )
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


def _said(context: ContextResult, effect: ContextEffect) -> str:
    return f"{context.dataset_title} · {context.name}: {shown_chip(effect.shown).word}"


def _cell(
    chip: Chip, place: tuple[float, float], size: float, said: str, *, tall: float = 15.0
) -> str:
    """A glyph on its colour; one that is unclear on grey alone, so that what is clear stands out."""
    (x, y), plain = place, chip.tone == "inconclusive"
    fill, ink = (canvas.GRID, canvas.MUTED) if plain else (TONES[chip.tone][0], canvas.PLATE)
    box = element("rect", x=x, y=y, width=size, height=tall, fill=fill)
    style: canvas.Style = {"fill": ink, "size": canvas.SMALL, "text_anchor": "middle"}
    glyph = canvas.text(x + size / 2, y + tall / 2 + 4, chip.symbol, **style)
    return element("g", *([element("title", escaped(said))] if said else []), box, glyph)
