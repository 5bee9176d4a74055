"""The report's vocabulary: each verdict and outcome as a symbol, a word and a colour.

Never colour alone: the symbol and the word say the same. The colours are Okabe and Ito's
colour-blind-safe hues (2008), darkened on white and lightened on black until text in them has a
contrast of at least 4.5 (WCAG AA).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A small label.

    Attributes:
        tone: The name of its colour: a verdict, or ``neutral``.
        symbol, word: What is printed.
        target: The anchor or address it links to, if any.
    """

    tone: str
    symbol: str
    word: str
    target: str | None = None

    def __str__(self) -> str:
        return f"{self.symbol}\u00a0{self.word}"

    def to(self, target: str) -> Chip:
        """The same chip, linked."""
        return Chip(tone=self.tone, symbol=self.symbol, word=self.word, target=target)


# tone: (on white, on black)
TONES: Mapping[str, tuple[str, str]] = {
    "reproduced": ("#00704f", "#3ecf9f"),
    "partly": ("#7d5600", "#f0b429"),
    "contradicted": ("#b04400", "#ff935c"),
    "inconclusive": ("#57606b", "#b3bcc6"),
    "measured": ("#0063a0", "#62b9ee"),
    "qualitative": ("#8b3b6f", "#e39cc6"),
    "not-run": ("#646d77", "#98a2ad"),
}


def _chip(tone: str, symbol: str, word: str | None = None) -> Chip:
    return Chip(tone=tone, symbol=symbol, word=word or tone)


VERDICTS: Mapping[str, Chip] = {
    "reproduced": _chip("reproduced", "✓"),
    "partly": _chip("partly", "◐"),
    "contradicted": _chip("contradicted", "✗"),
    "inconclusive": _chip("inconclusive", "?"),
}
STATUSES: Mapping[str, Chip] = {
    "measured": _chip("measured", "="),
    "qualitative": _chip("qualitative", "“", "quoted"),
    "not run": _chip("not-run", "·", "not run"),
}
MEANINGS: Mapping[str, str] = {
    "reproduced": "the measurements show what the document says",
    "partly": "some of the claimed differences are there, others are not",
    "contradicted": "the measurements show the reverse, or no difference that matters",
    "inconclusive": "these runs cannot tell",
    "measured": "a definition: the exact number stands beside the claimed one",
    "quoted": "a statement that no experiment decides",
    "not run": "outside this tier or this selection; the reason is given",
}

_PAIRS: Mapping[str, Chip] = {
    "UP": _chip("reproduced", "✓", "as claimed"),
    "up": _chip("partly", "◐", "as claimed, uncorrected"),
    "REV": _chip("contradicted", "✗", "reversed"),
    "equal": _chip("contradicted", "≈", "no practical difference"),
    "unclear": _chip("inconclusive", "?", "unclear"),
    "holds": _chip("reproduced", "✓", "tie holds"),
    "violated": _chip("contradicted", "✗", "tie violated"),
}
_PAIRS_DIFFERS: Mapping[str, Chip] = {
    "UP": _chip("reproduced", "✓", "differ"),
    "up": _chip("partly", "◐", "differ, uncorrected"),
    "REV": _chip("reproduced", "✓", "differ"),
}
_PAIRS_EQUAL: Mapping[str, Chip] = {
    "equal": _chip("reproduced", "≈", "equal"),
    "holds": _chip("reproduced", "≈", "equal"),
    "violated": _chip("contradicted", "✗", "differ"),
    "UP": _chip("contradicted", "✗", "differ"),
    "REV": _chip("contradicted", "✗", "differ"),
}

KINDS: Mapping[str, str] = {
    "order": "the order of the levels is claimed",
    "best": "one level is claimed to be the best",
    "differs": "a difference is claimed, without numbers",
    "equal": "no difference is expected",
    "definition": "a number that follows from the model",
    "qualitative": "a statement without numbers",
}
TRACKS: Mapping[str, str] = {"as-written": "as written", "tuned": "tuned"}
SEED_MARKS: Mapping[str, str] = {
    "ok": "",
    "diverged": " ✕ diverged",
    "capped": " ▷ capped",
    "missing": "missing",
}


def claim_chip(claim: Mapping[str, Any]) -> Chip:
    """The verdict, or the status of a claim that is not judged."""
    verdict: str | None = claim["verdict"]
    return VERDICTS[verdict] if verdict else STATUSES.get(claim["status"], VERDICTS["inconclusive"])


def result_chip(result: Mapping[str, Any]) -> Chip:
    """The verdict of one result; definitions are merely measured."""
    verdict: str | None = result["verdict"]
    return VERDICTS[verdict] if verdict else STATUSES["measured"]


def pair_chip(status: str, *, kind: str) -> Chip:
    """The outcome of one pair in the light of what the claim says about it."""
    special = {"differs": _PAIRS_DIFFERS, "equal": _PAIRS_EQUAL}.get(kind, {})
    return special.get(status) or _PAIRS[status]


def track_text(track: str) -> str:
    """``as written`` or ``tuned``."""
    return TRACKS.get(track, track)


def where_text(result: Mapping[str, Any]) -> str:
    """Dataset, track and variant of a result: ``MNIST-5k, as written``."""
    parts = [result["dataset_title"], track_text(result["track"]), result["variant_title"]]
    return ", ".join(part for part in parts if part)
