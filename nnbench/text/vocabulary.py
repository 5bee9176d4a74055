"""The report's vocabulary: each verdict and outcome as a symbol, a word and a colour.

Never colour alone: the symbol and the word say the same. A symbol means one thing: ✓ △ ½ ✗ ? what was found, of a
claim, a pair and a context alike, ● ◕ ◐ ○ ◌ how generally, ≈ that nothing differs. The colours are Okabe and Ito's
colour-blind-safe hues (2008), darkened on white and lightened on black until text in them has a
contrast of at least 4.5 (WCAG AA).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from nnbench.claims.kinds import KINDS, Kind
from nnbench.records.general import Shown, Word
from nnbench.records.pair import PairResult
from nnbench.records.results import ClaimResult, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A small label: a symbol and a word, in a colour."""

    tone: str  # the name of its colour: a verdict, or ``neutral``
    symbol: str
    word: str
    target: str | None = None  # the anchor or address that it links to

    def __str__(self) -> str:
        return f"{self.symbol}\u00a0{self.word}"

    @property
    def counted(self) -> str:
        """Its word after a number in a list with commas: ``reproduced but small``."""
        return self.word.replace(", ", " but ")

    def to(self, target: str) -> "Chip":
        """The same chip, linked."""
        return replace(self, target=target)


# tone: (on white, on black)
TONES: Mapping[str, tuple[str, str]] = {
    "reproduced": ("#00704f", "#3ecf9f"),
    "reproduced-small": ("#4c6400", "#b9cf4a"),
    "partly": ("#7d5600", "#f0b429"),
    "contradicted": ("#b04400", "#ff935c"),
    "inconclusive": ("#57606b", "#b3bcc6"),
    "not-testable": ("#6a5191", "#bda7e0"),
    "measured": ("#0063a0", "#62b9ee"),
    "qualitative": ("#8b3b6f", "#e39cc6"),
    "not-run": ("#646d77", "#98a2ad"),
}


def _chip(tone: str, symbol: str, word: str | None = None) -> Chip:
    return Chip(tone=tone, symbol=symbol, word=word or tone)


VERDICTS: Mapping[str, Chip] = {
    "reproduced": _chip("reproduced", "✓"),
    "reproduced, small": _chip("reproduced-small", "△", "reproduced, small"),
    "partly": _chip("partly", "½"),
    "contradicted": _chip("contradicted", "✗"),
    "inconclusive": _chip("inconclusive", "?"),
    "not testable here": _chip("not-testable", "⊘", "not testable here"),
}
STATUSES: Mapping[str, Chip] = {
    "measured": _chip("measured", "="),
    "qualitative": _chip("qualitative", "“", "quoted"),
    "not run": _chip("not-run", "·", "not run"),
}
MEANINGS: Mapping[str, str] = {
    "reproduced": "the measurements show what the document says, by the margin that matters or more",
    "reproduced, small": "they show it, but some difference is below the margin that matters",
    "partly": "some of the claimed differences were found, others were not",
    "contradicted": "the measurements show the reverse, or no difference that matters; where several differences are claimed together, one that is reversed is enough",
    "inconclusive": "these runs cannot tell",
    "not testable here": "the machine lacks what it takes, which the reason names",
    "measured": "a definition: the exact number stands beside the claimed one",
    "quoted": "a statement that no experiment decides",
    "not run": "outside this tier or this selection; the reason is given",
}

GENERAL: Mapping[Word, Chip] = {
    "general": _chip("reproduced", "●", "general"),
    "usual": _chip("reproduced", "◕", "usual"),
    "depends": _chip("partly", "◐", "depends"),
    "absent or reversed": _chip("contradicted", "○", "absent or reversed"),
    "unknown": _chip("inconclusive", "◌", "unknown"),
}
GENERAL_MEANINGS: Mapping[str, str] = {
    "general": "found over all contexts together, to be expected in a new one, and carried by no single data set; of what is said to be possible, or to differ in whatever direction: found in every context",
    "usual": "found on average, whichever data set is left out, and in most contexts; a new one may show otherwise",
    "depends": "found in some contexts and reversed in others, or for some of the levels alone, or the result here is flagged",
    "absent or reversed": "on average there is no difference that matters, or the reverse, whichever data set is left out",
    "unknown": "these contexts cannot tell",
}
WORDS: Mapping[str, str] = {
    "here": "in the setting that decides: the first data set that a claim names, and the network and training stated beside it",
    "context": "a data set with a network, an optimiser, a length of training and so on, drawn before anything was measured; c06 is the name of one",
    "level": "one of the things that a claim compares: an activation function, a learning rate",
    "block": "one run of every level with the same seed, so that they differ in nothing else",
    "margin": "the smallest difference that counts, of each claim: 5 % of a loss, one point of accuracy, unless it says another",
    "margin of a pair": "at most half the claimed difference of the two",
    "as written, tuned": "two tracks: with the document’s settings, and with learning rates or strengths that are searched for each level",
    "read differently": "another reading of the same sentence, judged beside the first",
    "reference network": "what every level is but for what the claim varies: one hidden layer of 128 ReLU units, trained by Adam",
    "cell": "one level with its settings and data: what is trained and stored as a piece",
    "tier": "how much of the plan a run takes: quick, default or full",
    "anything": "stands for an interval that leaves everything open, far on both sides of zero",
    "p, equal": "the p value of the difference being within the margin, by two one-sided tests",
    "weak L2": "a penalty on the weights of 0.0001, one of the regularisations of contexts",
    "nats": "the unit of a cross-entropy: what guessing among C classes costs is ln C, 2.30 of ten classes",
    "Holm": "a correction of p values for the number of comparisons made",
    "flag": "a mark that makes a result weaker than its verdict says",
}
_SHOWN: Mapping[Shown | None, Chip] = {
    "as claimed": _chip("reproduced", "✓", "as claimed"),
    "holds": _chip("reproduced", "✓", "tie holds"),
    "small": _chip("reproduced-small", "△", "as claimed, small"),
    "equal": _chip("contradicted", "≈", "no practical difference"),
    "reversed": _chip("contradicted", "✗", "reversed"),
    "violated": _chip("contradicted", "✗", "tie violated"),
    "unclear": _chip("inconclusive", "?", "unclear"),
    None: _chip("inconclusive", "·", "not pooled"),
}

_PAIRS: Mapping[str, Chip] = {
    "UP": _chip("reproduced", "✓", "as claimed"),
    "up": _chip("partly", "(✓)", "as claimed (uncorrected)"),
    "REV": _chip("contradicted", "✗", "reversed"),
    "equal": _chip("contradicted", "≈", "no practical difference"),
    "unclear": _chip("inconclusive", "?", "unclear"),
    "holds": _chip("reproduced", "✓", "tie holds"),
    "violated": _chip("contradicted", "✗", "tie violated"),
}
_TWO_SIDED: Mapping[str, Chip] = {  # where a difference in either direction is claimed
    "UP": _chip("reproduced", "✓", "differ"),
    "up": _chip("partly", "(✓)", "differ (uncorrected)"),
    "REV": _chip("reproduced", "✓", "differ"),
}
_TIES: Mapping[str, Chip] = {  # where all are claimed to be equal
    **dict.fromkeys(("equal", "holds"), _chip("reproduced", "≈", "equal")),
    **dict.fromkeys(("violated", "UP", "REV"), _chip("contradicted", "✗", "differ")),
}

SEED_MARKS: Mapping[str, str] = {
    "ok": "",
    "diverged": " ✕ diverged",
    "capped": " ▷ capped",
    "missing": "missing",
}


def claim_chip(claim: ClaimResult) -> Chip:
    """The verdict, or the status of a claim that is not judged."""
    if claim.verdict:
        return VERDICTS[claim.verdict]
    return STATUSES.get(claim.status, VERDICTS["inconclusive"])


def finding_chip(finding: Finding) -> Chip:
    """The verdict of one finding; definitions are merely measured."""
    return VERDICTS[finding.verdict] if finding.verdict else STATUSES["measured"]


def pair_chip(pair: PairResult, *, kind: Kind) -> Chip:
    """The outcome of one pair in the light of what the claim says about it."""
    known = KINDS[kind]
    special = _TWO_SIDED if known.two_sided else _TIES if known.ties else _PAIRS
    chip = special.get(pair.status) or _PAIRS[pair.status]
    if not pair.small:
        return chip
    tone, symbol = ("reproduced-small", "△") if chip.symbol == "✓" else (chip.tone, chip.symbol)
    return Chip(tone=tone, symbol=symbol, word=f"{chip.word}, small")


def shown_chip(shown: Shown | None) -> Chip:
    """What one context shows of a pair."""
    return _SHOWN[shown]


def general_chip(claim: ClaimResult) -> Chip | None:
    """How generally a claim holds; None where it has no contexts."""
    return GENERAL[claim.general.word] if claim.general else None


def track_text(track: str) -> str:
    """``as written`` or ``tuned``."""
    return track.replace("-", " ")


def where_text(finding: Finding) -> str:
    """Dataset, track and variant of a finding: ``MNIST-5k, as written``."""
    texts = [finding.dataset_title, track_text(finding.track), finding.variant_title]
    return ", ".join(text for text in texts if text)
