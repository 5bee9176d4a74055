"""A claim on its own: a card with its verdict, numbers and figure, and a badge, to be embedded elsewhere."""

import textwrap
from collections.abc import Iterator

from nnbench.records.results import ClaimResult, Finding, Results
from nnbench.report.anchors import Anchors
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image, element, number
from nnbench.report.figures.dots import dot_plot
from nnbench.report.page import date_text, deciding_first
from nnbench.report.quotation import in_a_line
from nnbench.text.generality import over
from nnbench.text.vocabulary import TONES, claim_chip, general_chip, where_text

_WIDTH, _HEIGHT, _EDGE, _SPLIT = 640.0, 360.0, 20.0, 300.0
_TITLE, _BODY, _FOOT = 19.0, 13.0, 11.0  # sizes of type
_CHARACTERS = {_TITLE: 58, _BODY: 40}  # that fit on a line
_SPACING = 1.35  # of lines, over the size of type
_BADGE_HEIGHT, _BADGE_SIZE, _PAD = 20.0, 11.0, 7.0


def cards(results: Results, anchors: Anchors) -> Iterator[tuple[str, Image]]:
    """The card and the badge of each claim that was measured, by the names of their files."""
    date = date_text(results.provenance.generated)
    made = f"{date}, nnbench {results.provenance.nnbench_version}"
    for claim in results.claims:
        if claim.results:
            name = anchors.claims[claim.id]
            yield f"{name}.svg", card(claim, name, made)
            yield f"{name}.badge.svg", badge(claim, name)


def card(claim: ClaimResult, anchor: str, made: str) -> Image:
    """The claim, both verdicts, how large, the deciding figure; below: runs, contexts, date, id."""
    finding = deciding_first(claim)[0]
    y, title = _lines(claim.title, _EDGE, 36.0, _TITLE, most=2, font_weight="700")
    shapes = [title, _line(claim.document_title, _EDGE, y + 2, canvas.MUTED)]
    figure = _figure(finding, y + 24)
    y, quote = _lines(f"“{in_a_line(claim)}”", _EDGE, y + 30, _BODY, most=4)
    shapes += [figure, quote, *_verdicts(claim, y + 10)]
    start = y + 10 + 20 * (1 + bool(claim.general)) + 8
    room = int((_HEIGHT - 44 - start) / (_BODY * _SPACING)) + 1
    shapes += [_lines(claim.how_large, _EDGE, start, _BODY, most=room, fill=canvas.MUTED)[1]]
    shapes += [
        canvas.line((_EDGE, _HEIGHT - 34), (_WIDTH - _EDGE, _HEIGHT - 34), canvas.GRID),
        _line(f"{_runs(claim, finding)}; {made}", _EDGE, _HEIGHT - 14, canvas.MUTED),
        _line(claim.id, _WIDTH - _EDGE, _HEIGHT - 14, canvas.MEASURED, text_anchor="end"),
    ]
    body = element("a", *shapes, href=f"#{anchor}")
    said = f"{claim.title}: {_words(claim)}. {claim.how_large}".rstrip()
    return Image(body=body, box=(_WIDTH, _HEIGHT), alt=said, scale=1.0)


def _lines(
    words: str, x: float, y: float, size: float, *, most: int, **style: str
) -> tuple[float, str]:
    """Some lines of text from a base line on, and the base line that would follow them."""
    lines = textwrap.wrap(words, _CHARACTERS[size])
    shown = lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1]} …"]
    step = size * _SPACING
    drawn = [canvas.text(x, y + step * i, row, size=size, **style) for i, row in enumerate(shown)]
    return y + step * len(shown), "".join(drawn)


def _line(words: str, x: float, y: float, fill: str, **style: str) -> str:
    return canvas.text(x, y, words, fill=fill, size=_FOOT, **style)


def _verdicts(claim: ClaimResult, y: float) -> Iterator[str]:
    """The verdict here, and below it the word for the claim in general."""
    chips = (("Here", claim_chip(claim)), ("In general", general_chip(claim)))
    for index, (where, chip) in enumerate((w, c) for w, c in chips if c):
        base = y + 20 * index
        style: canvas.Style = {"fill": TONES[chip.tone][0], "font_weight": "700"}
        yield canvas.text(_EDGE, base, where, fill=canvas.MUTED, size=_BODY)
        yield canvas.text(_EDGE + 76, base, f"{chip.symbol} {chip.word}", size=_BODY, **style)


def _figure(finding: Finding, base: float) -> str:
    """The dot plot, as large as its half of the card allows."""
    image = dot_plot(finding, alt="")
    left, top = _EDGE + _SPLIT, base + 10
    width, height = _WIDTH - _EDGE - left, _HEIGHT - 44 - top
    scale = min(width / image.box[0], height / image.box[1])
    turn = f"translate({number(left)} {number(top)}) scale({scale:.3f})"
    where = _line(where_text(finding), left, base, canvas.MUTED)
    return where + element("g", image.body, transform=turn)


def _runs(claim: ClaimResult, finding: Finding) -> str:
    runs = max((level.n for level in finding.levels), default=0)
    text = f"{runs} runs per level"
    general = claim.general
    return f"{text}, {over(general.measured, general.datasets)}" if general else text


def _words(claim: ClaimResult) -> str:
    """Both verdicts in words."""
    chip = general_chip(claim)
    return claim_chip(claim).word + (f"; in general: {chip.word}" if chip else "")


# --- the badge


def badge(claim: ClaimResult, anchor: str) -> Image:
    """The claim's id beside its verdict, and how general it is."""
    chip = claim_chip(claim)
    left = canvas.text_width(claim.id, _BADGE_SIZE) + 2 * _PAD
    right = canvas.text_width(_words(claim), _BADGE_SIZE) + 2 * _PAD
    shapes = [
        _half(0.0, left, claim.id, canvas.INK),
        _half(left, right, _words(claim), TONES[chip.tone][0]),
    ]
    body = element("a", canvas.titled(claim.title), *shapes, href=f"#{anchor}")
    alt = f"{claim.title}: {_words(claim)}"
    return Image(body=body, box=(left + right, _BADGE_HEIGHT), alt=alt, scale=1.0)


def _half(x: float, width: float, words: str, fill: str) -> str:
    """A box with text in its middle; both turn over in dark mode."""
    style: canvas.Style = {"fill": canvas.PLATE, "size": _BADGE_SIZE, "text_anchor": "middle"}
    box = element("rect", x=x, y=0.0, width=width, height=_BADGE_HEIGHT, fill=fill)
    return box + canvas.text(x + width / 2, 14.0, words, **style)
