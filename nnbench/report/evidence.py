"""The evidence map: what every context shows of every claim, by document, the most general first."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from nnbench.claims.kinds import KINDS
from nnbench.metrics import METRICS
from nnbench.records.general import ContextEffect, ContextResult, GeneralPairResult, Shown
from nnbench.records.results import ClaimResult
from nnbench.report.general import described
from nnbench.text.generality import brief
from nnbench.text.vocabulary import GENERAL, VERDICTS, Chip, shown_chip

# in the legend; None: partly
KEY: tuple[Shown | None, ...] = ("as claimed", "small", None, "equal", "unclear", "reversed")
PARTLY = VERDICTS["partly"]
_FOR = "✓△"  # symbols of contexts that show a claim
_MOST = 200  # claims; of more no map can be read
_ABREAST = 2  # marks of a claim on the same data up to which they stand side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What one context shows of a claim."""

    chip: Chip
    said: str  # the context, what it shows, and by how much
    code: str = ""  # of its data set

    @property
    def pale(self) -> bool:
        """Whether nothing differs or nothing is clear, so that what does stands out."""
        return self.chip.symbol in "≈?·"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shows:
    """What one context shows of a claim: of all of its pairs, and how far apart those of the leading pair are."""

    chip: Chip
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A claim and what each of its contexts shows, by context."""

    claim: ClaimResult
    shows: Mapping[str, Shows]

    @property
    def order(self) -> tuple[int, float]:
        """The most general first, then by the share of contexts that show it; without contexts last."""
        general = self.claim.general
        if general is None:
            return len(GENERAL), 0.0
        good = sum(shows.chip.symbol in _FOR for shows in self.shows.values())
        return list(GENERAL).index(general.word), -good / max(len(self.shows), 1)


@dataclass(frozen=True, kw_only=True)
class Map:
    """Rows, and the contexts that they use: those on the same data side by side, the most used first."""

    rows: Sequence[Row]
    contexts: Mapping[str, ContextResult]  # by name

    def documents(self) -> list[tuple[str, list[Row]]]:
        """The rows of each document, by its title."""
        by_title = groupby(self.rows, key=lambda row: row.claim.document_title)
        return [(title, list(own)) for title, own in by_title]

    def columns(self) -> list[tuple[str, int]]:
        """Each data set's title, and how many marks stand side by side in its column."""
        widest = [(t, max(len(self._on(row, t)) for row in self.rows)) for t in self._titles()]
        return [(t, n if n <= _ABREAST else math.ceil(n / 2)) for t, n in widest]

    def marks(self, row: Row) -> list[list[Mark]]:
        """What a claim's contexts show, by the columns."""
        return [
            [_mark(context, row, code) for context in self._on(row, title)]
            for title, code in self.codes.items()
        ]

    @cached_property
    def codes(self) -> dict[str, str]:
        """Each data set's title, and what stands for it where columns have no heading."""
        return codes(self._titles())

    def _titles(self) -> list[str]:
        """The data sets, in the order of the columns."""
        return list(dict.fromkeys(context.dataset_title for context in self.contexts.values()))

    def _on(self, row: Row, title: str) -> list[ContextResult]:
        known = (c for name, c in self.contexts.items() if name in row.shows)
        return [context for context in known if context.dataset_title == title]


def codes(titles: Sequence[str]) -> dict[str, str]:
    """Two characters for each title: its first one, and the next by which it differs from those before; else its number."""
    found: dict[str, str] = {}
    for number, title in enumerate(titles, start=1):
        first, *others = [letter for letter in title if letter.isalnum()] or ["?"]
        possible = (first.upper() + other.lower() for other in others)
        free = (code for code in possible if code not in found.values())
        found[title] = next(free, str(number))
    return found


def _mark(context: ContextResult, row: Row, code: str) -> Mark:
    shows = row.shows[context.name]
    said = f"{described(context, row.claim.general)}: {shows.chip.word}, {shows.size}"
    return Mark(chip=shows.chip, said=said, code=code)


def key() -> Iterator[Mark]:
    """What the marks mean."""
    for shown in KEY:
        yield Mark(chip=PARTLY if shown is None else shown_chip(shown), said="")


def map_of(claims: Sequence[ClaimResult], contexts: Sequence[ContextResult]) -> Map | None:
    """The map of some claims; None where none of them has contexts, or there are too many to be read."""
    rows = _rows(claims)
    used = Counter(name for row in rows for name in row.shows)
    on = Counter[str]()
    for context in contexts:
        on[context.dataset_title] += used[context.name]
    order = sorted(
        (c for c in contexts if used[c.name]),
        key=lambda c: (-on[c.dataset_title], c.dataset_title, -used[c.name]),
    )
    if not order or len(rows) > _MOST:
        return None
    return Map(rows=rows, contexts={context.name: context for context in order})


def _rows(claims: Sequence[ClaimResult]) -> list[Row]:
    """The claims that were judged or have contexts, by document, the most general first."""
    shown = [_row(claim) for claim in claims if claim.verdict or claim.general]
    by_document = groupby(shown, key=lambda row: row.claim.document)
    return [row for _, own in by_document for row in sorted(own, key=lambda row: row.order)]


def _row(claim: ClaimResult) -> Row:
    pair = claim.general.leading if claim.general else None
    if claim.general is None or pair is None:
        return Row(claim=claim, shows={})
    found: dict[str, list[Shown | None]] = {}
    for one in claim.general.pairs:
        for effect in one.effects:
            found.setdefault(effect.context, []).append(effect.shown)
    size = {effect.context: _size(effect, pair, claim) for effect in pair.effects}
    return Row(
        claim=claim,
        shows={
            context: Shows(
                chip=together(own, any_pair=KINDS[claim.kind].any_pair), size=size[context]
            )
            for context, own in found.items()
            if context in size
        },
    )


def together(found: Sequence[Shown | None], *, any_pair: bool) -> Chip:
    """What all pairs of a claim show together in one context; ``any_pair``: one is enough."""
    shown = set(found)
    if len(shown) == 1:
        return shown_chip(found[0])
    good = shown & {"as claimed", "holds", "small"}
    if any_pair and good:
        return shown_chip("as claimed" if "as claimed" in good else "small")
    if good == shown:  # all that is missing is size
        return shown_chip("small" if "small" in good else "as claimed")
    if good:
        return PARTLY
    if any_pair or not shown & {"reversed", "violated"}:
        return shown_chip("unclear")
    return shown_chip("reversed" if "reversed" in shown else "violated")


def _size(effect: ContextEffect, pair: GeneralPairResult, claim: ClaimResult) -> str:
    """The difference of the leading pair, which is named where there are others."""
    size = brief(effect.difference, effect.low, effect.high, METRICS[claim.metric])
    several = claim.general is not None and len(claim.general.pairs) > 1
    return f"{pair.a} against {pair.b} {size}" if several else size
