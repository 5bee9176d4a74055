"""What should I do? Made by rule of what contexts show, from the claims that say on what (``advice``).

Of each such claim: *take* the level that is better by the best supported pair, unless another pair shows that
it is beaten itself; any two that are *equal* within the margin; else the question is *open*.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from nnbench.claims.kinds import KINDS
from nnbench.metrics import METRICS
from nnbench.records.general import GeneralPairResult
from nnbench.records.results import ClaimResult
from nnbench.report.anchors import Anchors
from nnbench.text import effects, generality
from nnbench.text.generality import counted, interval
from nnbench.text.phrases import capitalised, in_a_row
from nnbench.text.vocabulary import GENERAL, Chip, general_chip

Group = Literal["take", "against", "equal", "open"]
HEADINGS: dict[Group, str] = {
    "take": "Take",
    "against": "Do not take, although a document says so",
    "equal": "Take either, if what is measured is what you need: on average it differs by less than matters",
    "open": "Not settled: it depends, or these contexts cannot tell",
}
INTRODUCTION = (
    "Made by rule of what the contexts show, with small networks and short trainings; each names the condition of its "
    "experiment. The word behind it is that of these two alone: a claim that compares more may be less settled. Where much "
    "depends on it, try it on your own data."
)
_HEAD: dict[Group, tuple[str, int]] = {  # on the first screen: its first word, and how many
    "take": ("Take", 3),
    "against": ("Do not take", 1),
    "equal": ("Take either", 1),
}
CHOSEN = (
    "Chosen by rule: first what the most contexts agree on, then what is surely the largest, by the near end of its 95 % "
    "interval, in margins."
)
_ORDER = ("general", "usual", "absent or reversed", "depends", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do about one thing that one chooses."""

    group: Group
    about: str
    choice: str  # which levels, and the condition that the experiment keeps
    effect: str  # a sentence; empty where it is open
    source: str = ""  # the document that says otherwise
    chip: Chip  # how generally that holds; leads to its contexts
    rank: tuple[float, ...]  # the most convincing first

    @property
    def action(self) -> str:
        """The choice as a sentence."""
        return f"{capitalised(self.choice)}."


def advice(claims: Sequence[ClaimResult], anchors: Anchors) -> tuple[Advice, ...]:
    """All advice, by what it is about; two claims that say the same say it once, with the stronger evidence."""
    found = chain.from_iterable(_advice(claim, anchors) for claim in claims)
    ranked = sorted(found, key=lambda one: one.rank)
    once = {(one.about, one.choice): one for one in reversed(ranked)}.values()
    return tuple(sorted(once, key=lambda one: (one.about, one.rank)))


def groups(found: Sequence[Advice]) -> list[tuple[str, list[Advice]]]:
    """The advice below its headings, as far as there is any."""
    parts = ((text, [one for one in found if one.group == name]) for name, text in HEADINGS.items())
    return [(text, own) for text, own in parts if own]


def first(found: Sequence[Advice]) -> list[tuple[str, Advice]]:
    """What the first screen says, by the rule in ``CHOSEN``; one of each claim and of each thing."""
    shown: list[tuple[str, Advice]] = []
    for group, (word, most) in _HEAD.items():
        known = {one.about for _, one in shown}
        ranked = sorted((one for one in found if one.group == group), key=lambda one: one.rank)
        fresh = {one.about: one for one in reversed(ranked) if one.about not in known}
        best = sorted(fresh.values(), key=lambda one: one.rank)
        shown += [(word, one) for one in best[:most]]
    return shown


# --- what one claim says


def _advice(claim: ClaimResult, anchors: Anchors) -> Iterator[Advice]:
    if claim.advice is None or claim.general is None or claim.control:
        return
    pairs = [pair for pair in claim.general.pairs if pair.difference is not None and not pair.tie]
    won = sorted(
        _won(pairs),
        key=lambda pair: (_ORDER.index(pair.word), pair.role != "extremes", *_rank(pair)),
    )
    equal = [] if KINDS[claim.kind].ties else [pair for pair in pairs if _equal(pair)]
    target = anchors.contexts[claim.id]
    against = [pair for pair in won[:1] if _reversed(pair) and _disagrees(claim)]
    for pair in won[:1] if not against else ():
        yield _take(claim, pair, target)
    for pair in equal[:1]:
        yield _either(claim, pair, target)
    if against or not (won or equal):
        yield _open(claim, target)


def _won(pairs: Sequence[GeneralPairResult]) -> list[GeneralPairResult]:
    """Pairs that are settled, whose better level is not the worse one of another."""
    settled = [pair for pair in pairs if pair.word in ("general", "usual") or _reversed(pair)]
    beaten = {_ends(pair)[1] for pair in settled}
    return [pair for pair in settled if _ends(pair)[0] not in beaten]


def _disagrees(claim: ClaimResult) -> bool:
    """Whether loss and accuracy say different things here, which is too little to advise against a document."""
    return any(flag.name == "loss and accuracy disagree" for flag in claim.flags)


def _reversed(pair: GeneralPairResult) -> bool:
    """Whether the level that is claimed to be worse is better on average."""
    return pair.word == "absent or reversed" and pair.high is not None and pair.high < 0


def _equal(pair: GeneralPairResult) -> bool:
    known = pair.word == "absent or reversed" and pair.low is not None and pair.high is not None
    return known and -pair.margin < (pair.low or 0.0) and (pair.high or 0.0) < pair.margin


def _ends(pair: GeneralPairResult) -> tuple[str, str]:
    """The better level and the worse one."""
    return (pair.b, pair.a) if _reversed(pair) else (pair.a, pair.b)


def _rank(pair: GeneralPairResult) -> tuple[float, ...]:
    """The share of contexts that agree, how many, and the near end of the interval in margins; negative."""
    agree = _agreeing(pair) / pair.contexts if pair.contexts else 0.0
    near = -(pair.high or 0.0) if _reversed(pair) else pair.low or 0.0
    return -agree, -pair.contexts, -near / pair.margin


def _agreeing(pair: GeneralPairResult) -> int:
    return pair.contexts - pair.pointing if _reversed(pair) else pair.pointing


# --- in words


def _about(claim: ClaimResult) -> str:
    text = (claim.advice.about if claim.advice else "") or claim.factor or claim.title
    return capitalised(text)


def _called(claim: ClaimResult, level: str) -> str:
    return (claim.advice.levels if claim.advice else {}).get(level) or level


def _said(claim: ClaimResult, levels: str) -> str:
    """The levels and the condition that the experiment keeps."""
    return f"{levels}, {claim.advice.when}" if claim.advice else levels


def _take(claim: ClaimResult, pair: GeneralPairResult, target: str) -> Advice:
    better, worse = (_called(claim, level) for level in _ends(pair))
    against = _reversed(pair)
    said = f"{worse} rather than {better}" if against else f"{better} rather than {worse}"
    chip = replace(GENERAL[pair.word], word="reversed") if against else GENERAL[pair.word]
    return Advice(
        group="against" if against else "take",
        about=_about(claim),
        choice=_said(claim, said),
        effect=_effect(claim, pair),
        source=f"“{claim.document_title}” says so." if against else "",
        chip=chip.to(target),
        rank=_rank(pair),
    )


def _effect(claim: ClaimResult, pair: GeneralPairResult) -> str:
    better, worse = (_called(claim, level) for level in _ends(pair))
    metric, difference = METRICS[claim.metric], abs(pair.difference or 0.0)
    by, than = effects.effect(better, worse, difference, metric)
    low, high = (
        pair.ends if (pair.difference or 0.0) > 0 else [end and -end for end in pair.ends[::-1]]
    )
    ends = interval(None, low, high, metric).replace("+", "")
    sure = f" (95 % CI {ends})" if low is not None else ""
    there = f"{_agreeing(pair)} of {counted(pair.contexts, 'context')}"
    return f"{by} on average{sure}, and {than} in {there}{generality.in_a_new_one(pair, metric)}."


def _either(claim: ClaimResult, pair: GeneralPairResult, target: str) -> Advice:
    metric = METRICS[claim.metric]
    near = max(abs(pair.low or 0.0), abs(pair.high or 0.0)) / pair.margin
    size = effects.size(pair.margin, metric)
    new = interval(None, *pair.new_ends, metric)
    return Advice(
        group="equal",
        about=_about(claim),
        choice=_said(claim, f"{_called(claim, pair.a)} or {_called(claim, pair.b)}"),
        effect=f"{metric.title} differs by less than {size} on average, over {counted(pair.contexts, 'context')}"
        + (f"; in a new one, expect {new}." if pair.new_ends[0] is not None else "."),
        chip=replace(GENERAL[pair.word], word="absent").to(target),
        rank=(float(pair.margin > metric.margin_on_scale()), -pair.contexts, near),
    )


def _open(claim: ClaimResult, target: str) -> Advice:
    """What to choose among; where all contexts agree and are of too few data sets, also on what."""
    pairs = claim.general.pairs if claim.general else ()
    names = list(dict.fromkeys([*(pair.a for pair in pairs), *(pair.b for pair in pairs)]))
    shown = [_called(claim, name) for name in names]
    words = in_a_row(shown, "or")
    word = claim.general.word if claim.general else "unknown"
    few = effects.too_few(pairs[0].datasets, "to tell") if pairs and word == "unknown" else ""
    agree = (
        len(pairs) == 1
        and pairs[0].difference is not None
        and pairs[0].pointing == pairs[0].contexts
    )
    said = (
        _effect(claim, pairs[0]) if agree else "",
        f"{capitalised(few)}." if few else "",
    )
    return Advice(
        group="open",
        about=_about(claim),
        choice=_said(claim, words),
        effect=" ".join(filter(None, said)),
        chip=(general_chip(claim) or GENERAL["unknown"]).to(target),
        rank=(0.0,),
    )
