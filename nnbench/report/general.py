"""What is shown of a claim in general: its pairs over contexts, the contexts, what it may depend on."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnbench.claims.kinds import KINDS, Kind
from nnbench.metrics import METRICS, Metric
from nnbench.records.general import ContextResult, GeneralPairResult, GeneralResult
from nnbench.records.results import ClaimResult, Results
from nnbench.report.tables import Cell, Table
from nnbench.text.changes import OF_CHANGES
from nnbench.text.effects import size, too_few
from nnbench.text.generality import both_ways, brief, counted, either_way, interval
from nnbench.text.phrases import capitalised
from nnbench.text.rounding import p_text
from nnbench.text.vocabulary import GENERAL, Chip, shown_chip

_MOST_PAIRS = 6  # beside the leading one in the table of contexts; results.json has all


def described(context: ContextResult, result: GeneralResult | None) -> str:
    """A context in words: its name, its data and its settings, as in: context c12, MNIST-5k: 2 × 64 units, activation tanh."""
    return f"context {context.name}, {context.dataset_title}: {_settings_text(context, result)}"


def _settings_text(context: ContextResult, result: GeneralResult | None) -> str:
    """What a context sets for a claim besides the data; a value of one word alone does not say what it is the value of."""
    told = context.told(result.settled if result else ())
    values = ((k, v) for k, v in told.items() if k != "dataset")
    return ", ".join(value if " " in value else f"{factor} {value}" for factor, value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far apart a claim's levels are, by the pair that stands for it; positive is as claimed."""

    size: float  # on the analysis scale
    low: float | None  # 95 % interval
    high: float | None
    margin: float
    tie: bool
    here: bool  # found here alone, not pooled over contexts
    p: float | None  # where it was found here alone

    @property
    def margins(self) -> float:
        """The size in margins, which makes claims comparable."""
        return self.size / self.margin


def difference(claim: ClaimResult) -> Difference | None:
    """Over the contexts, or here where there are none."""
    pooled = claim.general.leading if claim.general else None
    here = [p for f in claim.results if f.decides for p in f.pairs]
    own = next((p for p in here if p.role == "extremes"), (*here, None)[0])
    pair = pooled or own
    if pair is None or pair.difference is None:
        return None
    low, high = pooled.ends if pooled else (pair.low, pair.high)
    return Difference(
        size=pair.difference,
        low=low,
        high=high,
        margin=pair.margin,
        tie=pair.tie,
        here=pooled is None,
        p=own.p_holm if own and pooled is None else None,
    )


def towards(kind: Kind, *, directed: bool) -> str:
    """What a positive difference says; it is not the claim where that names no direction."""
    if KINDS[kind].one_sided:
        return "as claimed"
    return "the first is better" if directed else "the first is smaller"


def towards_of(claim: ClaimResult) -> str:
    """The same of a claim over its contexts."""
    return towards(claim.kind, directed=all(f.directed for f in claim.results if f.decides))


def _positive(claim: ClaimResult) -> str:
    said = towards_of(claim)
    return f"positive {'is' if said == 'as claimed' else 'where'} {said}, with 95 % intervals"


def _pointing(claim: ClaimResult) -> str:
    if KINDS[claim.kind].ties:
        return "Points within the margin in"
    return "Points the same way in" if KINDS[claim.kind].two_sided else "Points as claimed in"


def counts(results: Results) -> list[tuple[Chip, int]]:
    """How many claims have each word, the most general first."""
    found = results.summary.general
    return [(chip, found.get(word, 0)) for word, chip in GENERAL.items()]


def pair_table(claim: ClaimResult) -> Table | None:
    """Every pair over its contexts."""
    result = claim.general
    if result is None or not result.pairs:
        return None
    metric = METRICS[claim.metric]
    columns: tuple[str, ...] = (
        "Pair",
        "In general",
        "On average",
        "In a new context",
        _pointing(claim),
        "Of the claimed difference",
    )
    rows = [_pair_row(pair, metric) for pair in result.pairs]
    what = f"Pairs of levels{_of_changes(claim)} over all contexts"
    caption = f"{what}; {_positive(claim)}{_turned(result, metric)}"
    if all(pair.claimed_difference is None for pair in result.pairs):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(caption, columns, rows=rows, text=("In general",))


def _of_changes(claim: ClaimResult) -> str:
    return f"{OF_CHANGES}," if claim.baseline else ""


def _turned(result: GeneralResult, metric: Metric) -> str:
    """Why a ratio that is told the other way round has another percentage; empty where none is."""
    against = [pair.difference for pair in result.pairs if (pair.difference or 0.0) < 0]
    if metric.scale != "log" or not against or against[0] is None:
        return ""
    one, other = (interval(end, None, None, metric) for end in (against[0], -against[0]))
    return f"; {one} seen from one level is {other} from the other"


def _pair_row(pair: GeneralPairResult, metric: Metric) -> list[Cell]:
    return [
        f"{pair.a} against {pair.b}",
        GENERAL[pair.word],
        either_way(pair, metric)
        if both_ways(pair)
        else interval(pair.difference, *pair.ends, metric),
        interval(None, *pair.new_ends, metric),
        f"{pair.pointing} of {pair.contexts}",
        _share(pair),
    ]


def _share(pair: GeneralPairResult) -> str:
    """The pooled difference as a share of the claimed one."""
    if not pair.claimed_difference or pair.difference is None:
        return "–"
    return f"{100 * pair.difference / pair.claimed_difference:,.0f} %".replace("-", "\u2212")


def context_table(claim: ClaimResult, contexts: Sequence[ContextResult]) -> Table | None:
    """The leading pair in each context, the others beside it, and what the context is."""
    pair = claim.general.leading if claim.general else None
    if claim.general is None or pair is None:
        return None
    metric, found = METRICS[claim.metric], {effect.context: effect for effect in pair.effects}
    others = [other for other in claim.general.pairs if other is not pair][:_MOST_PAIRS]
    used = [(context, found[context.name]) for context in contexts if context.name in found]
    rows: list[list[Cell]] = [
        [
            context.name,
            context.dataset_title,
            shown_chip(effect.shown),
            interval(effect.difference, effect.low, effect.high, metric),
            *(_beside(other, context, metric) for other in others),
            _settings_text(context, claim.general),
        ]
        for context, effect in used
    ]
    what = f"{pair.a} against {pair.b}{_of_changes(claim)} in each context"
    caption = f"{what}; {_positive(claim)}"
    named = (f"{other.a} against {other.b}" for other in others)
    columns = ("Context", "Data", "Outcome", "Difference", *named, "Settings")
    return (
        Table(caption, columns, rows=rows, text=("Data", "Outcome", "Settings")) if rows else None
    )


def _beside(pair: GeneralPairResult, context: ContextResult, metric: Metric) -> str:
    """What a context shows of another pair, as in: ✓ +12 % [3, 21]."""
    effect = next((e for e in pair.effects if e.context == context.name), None)
    if effect is None:
        return "–"
    size = brief(effect.difference, effect.low, effect.high, metric)
    return f"{shown_chip(effect.shown).symbol} {size}"


def moderator_table(claim: ClaimResult) -> Table | None:
    """The leading pair's difference by the values of each factor."""
    result = claim.general
    pair = result.leading if result else None
    if result is None or pair is None or not result.moderators:
        return None
    metric = METRICS[claim.metric]
    rows: list[list[Cell]] = [
        [
            f"{look.factor}: {at.value}",
            interval(at.difference, at.low, at.high, metric),
            str(at.contexts),
            at.finding,
            p_text(look.p_holm),
        ]
        for look in result.moderators
        for at in look.values
    ]
    columns = ("Contexts with", "Difference", "Contexts", "Finding", "p of the factor, Holm")
    what = f"{pair.a} against {pair.b}{_of_changes(claim)}"
    caption = f"Exploratory: {what} by what contexts differ in"
    return Table(caption, columns, rows=rows, text=("Finding",))


def title(result: GeneralResult) -> str:
    """What the section of contexts is called."""
    return f"In general: {counted(result.measured, 'context')} on {counted(result.datasets, 'data set')}"


_COUNTED = "The claim’s word counts the contexts in which it is found; those of its pairs go by their averages."


def how(claim: ClaimResult) -> str:
    """How its numbers were made, what counts, and what levels are there."""
    result = claim.general
    if result is None:
        return ""
    without = [rest for pair in result.pairs[:1] for rest in pair.without]
    alone = ", and again without each data set in turn" if without else ""
    few = too_few(result.datasets)
    lacking = f" {capitalised(few)} that says something." if few else ""
    texts = (
        f"{result.seeds} seeds in each context; pooled by random effects{alone}.{lacking}",
        f"The margin is {_margin(claim)}." if result.pairs else "",
        _COUNTED if result.found is not None else "",
        result.there,
    )
    return " ".join(filter(None, texts))


def _margin(claim: ClaimResult) -> str:
    """The smallest difference that counts, or from which to which it is, pair by pair."""
    margins = [pair.margin for pair in claim.general.pairs] if claim.general else []
    low, high = (size(end(margins), METRICS[claim.metric]) for end in (min, max))
    return low if low == high else f"{low} to {high}, by pair"
