"""What is shown of a factor study: the order of its factors, their shares on each data set, the largest interactions."""

import math
from collections.abc import Sequence

from nnbench.metrics import METRICS
from nnbench.records.results import ClaimResult
from nnbench.records.studies import ClaimedShare, FactorOrder, StudyData, StudyResult
from nnbench.report.anchors import Anchors
from nnbench.report.tables import Cell, Link, Links, Table
from nnbench.text.generality import counted
from nnbench.text.rounding import unit_words
from nnbench.text.studies import percent
from nnbench.text.vocabulary import claim_chip, general_chip

CLAIMED = (
    "claim", "study", "verdict", "factor", "role", "dataset", "share", "low", "high", "threshold", "weight",
)  # fmt: skip
PAIRS = 3  # interactions that are shown of each data set


def order_table(study: StudyResult, claims: Sequence[ClaimResult], anchors: Anchors) -> Table:
    """The factors, the one that matters most first, with what became of the claims about each."""
    known = {claim.id: claim for claim in claims}
    rows: list[list[Cell]] = [
        [
            factor.factor,
            str(factor.rank or "–"),
            percent(factor.share),
            percent(factor.alone),
            factor.highest or "–",
            Links(tuple(_about(known[n], anchors) for n in factor.claims if n in known)),
        ]
        for factor in study.factors
    ]
    columns = ("Factor", "Rank", "With interactions", "Alone", "Most on", "Claims about it")
    caption = (
        "Shares of the variance between settings, mean over data sets, with 95 % intervals; those with interactions "
        "count an interaction for each of its factors, and add up to more than 100 %"
    )
    return Table(caption, columns, rows=rows, text=("Most on", "Claims about it"))


def _about(claim: ClaimResult, anchors: Anchors) -> Link:
    general = general_chip(claim)
    beyond = f" (in general: {general.word})" if general else ""
    return Link(
        text=f"{claim.id}: {claim_chip(claim).word}{beyond}", target=anchors.claims[claim.id]
    )


def data_table(study: StudyResult) -> Table:
    """Each factor's share on each data set, and its rank there."""
    own = [{found.factor: found for found in data.factors} for data in study.measured]
    rows: list[list[Cell]] = [
        [
            order.factor,
            *(
                f"{percent(found[order.factor].share)}, {found[order.factor].rank}."
                if order.factor in found
                else "not varied"
                for found in own
            ),
        ]
        for order in study.factors
    ]
    for name, of in (("three and more at once", "higher"), ("seeds (of single runs)", "noise")):
        rows.append([name, *(percent(getattr(data, of)) for data in study.measured)])
    columns = ("Factor", *(data.dataset_title for data in study.measured))
    caption = "Shares with interactions, and rank, on each data set, with 95 % intervals"
    return Table(caption, columns, rows=rows)


def pair_table(study: StudyResult) -> Table:
    """The largest interactions of two factors."""
    rows: list[list[Cell]] = [
        [f"{pair.a} × {pair.b}", data.dataset_title, percent(pair.share)]
        for data in study.measured
        for pair in data.pairs[:PAIRS]
    ]
    columns = ("Factors", "Data", "Share")
    return Table("The largest interactions of two factors", columns, rows=rows, text=("Data",))


def level_table(study: StudyResult) -> Table:
    """The effect of each level by itself."""
    metric = METRICS[study.metric]
    by_data = [
        {(f.factor, level): effect for f in data.factors for level, effect in f.levels.items()}
        for data in study.measured
    ]
    named = list(dict.fromkeys(key for found in by_data for key in found))
    names = {order.factor: order.rank or 0 for order in study.factors}
    rows: list[list[Cell]] = [
        [f"{factor}: {level}", *(_effect(found.get((factor, level)), study) for found in by_data)]
        for factor, level in sorted(named, key=lambda key: names[key[0]])
    ]
    columns = ("Level", *(data.dataset_title for data in study.measured))
    unit = (
        ""
        if metric.scale == "log"
        else " in points"
        if metric.unit == "fraction"
        else f", {metric.unit}"
    )
    caption = f"{metric.title} of each level, averaged over all else, against the mean of all settings{unit}"
    return Table(caption, columns, rows=rows)


def _effect(value: float | None, study: StudyResult) -> str:
    """A level's effect: points of accuracy, or a factor on a log scale."""
    if value is None:
        return "–"
    metric = METRICS[study.metric]
    if metric.scale == "log":
        return f"{100 * math.expm1(value):+.0f}\u00a0%".replace("-", "\u2212")
    return f"{value * unit_words(metric.unit).factor:+.2g}".replace("-", "\u2212")


def claimed_table(claim: ClaimResult) -> Table | None:
    """What a claim that rests on a study is judged by: each factor that it names, on each data set."""
    if not claim.shares:
        return None
    own = {(one.factor, one.dataset_title): one for one in claim.shares}
    factors, titles = (list(dict.fromkeys(names)) for names in zip(*own, strict=True))
    rows: list[list[Cell]] = [
        [
            _claimed_name(factor, claim),
            *(_claimed(own.get((factor, title))) for title in titles),
            _where([one for one in claim.shares if one.factor == factor]),
        ]
        for factor in factors
    ]
    columns = ("Factor", *titles, "Matters on")
    least = f"{100 * claim.shares[0].threshold:g}\u00a0%"
    caption = (
        f"Shares of the variance of the {METRICS[claim.metric].title.lower()} between settings, interactions "
        f"included, with 95 % intervals: a factor matters where the whole interval is from {least} on, does not where "
        "it is below, and is unclear otherwise"
    )
    return Table(caption, columns, rows=rows, text=(*titles, "Matters on"))


def _claimed_name(factor: str, claim: ClaimResult) -> str:
    beside = any(one.factor == factor and one.role == "beside" for one in claim.shares)
    return f"{factor} (beside it)" if beside else factor


def _claimed(found: ClaimedShare | None) -> str:
    return f"{percent(found.share)}: {found.weight}" if found else "not varied"


def _where(found: Sequence[ClaimedShare]) -> str:
    """On how many data sets a factor matters, of those that vary it."""
    return f"{sum(one.weight == 'matters' for one in found)} of {len(found)}"


def how(study: StudyResult) -> str:
    """What was measured."""
    where = ", ".join(_data(data, study) for data in study.datasets)
    return f"{counted(study.seeds, 'seed')} of each point: {where}."


def _data(data: StudyData, study: StudyResult) -> str:
    text = f"{data.measured} of {data.planned} points on {data.dataset_title}"
    if data.mean is not None and data.deviation is not None and study.scale == "raw":
        unit = unit_words(METRICS[study.metric].unit)
        mean, spread = data.mean * unit.factor, data.deviation * unit.factor
        text += f" (mean {mean:.3g}{unit.value}, deviation {spread:.2g})"
    lost = [
        f"{n} runs {what}"
        for n, what in ((data.diverged, "diverged"), (data.missing, "missing"))
        if n
    ]
    return text + (f" ({', '.join(lost)})" if lost else "")


def not_measured(study: StudyResult) -> list[str]:
    """Why data sets have no shares."""
    return [f"{d.dataset_title}: {d.not_measured}" for d in study.datasets if d.not_measured]


def file_name(study: StudyResult) -> str:
    """The stem of its CSV file and its figure."""
    return study.id.replace("/", "-")


def anchor(study: StudyResult, anchors: Anchors) -> str:
    """Where a page has it."""
    return anchors.studies[study.id]


def judged(study: StudyResult, claims: Sequence[ClaimResult]) -> list[ClaimResult]:
    """The claims that rest on it."""
    return [claim for claim in claims if claim.study == study.id]


def alt(study: StudyResult) -> str:
    """What its figure shows, in a sentence."""
    return f"{study.title}. {study.sentence}"


def rows(study: StudyResult) -> list[dict[str, object]]:
    """Every run of every point, for its CSV file."""
    return [
        {
            "study": study.id,
            "dataset": data.dataset,
            "point": point.point.removeprefix("point "),
            **{f"factor {name}": level for name, level in point.values.items()},
            "seed": seed,
            "status": point.status[seed],
            "metric": study.metric,
            "value": value,
            "cell": point.cell,
        }
        for data in study.datasets
        for point in data.points
        for seed, value in point.runs.items()
    ]


def columns(study: StudyResult) -> list[str]:
    """The columns of ``rows``."""
    factors = [f"factor {order.factor}" for order in _as_declared(study)]
    return ["study", "dataset", "point", *factors, "seed", "status", "metric", "value", "cell"]


def claimed_rows(claim: ClaimResult) -> list[dict[str, object]]:
    """What a claim that rests on a study is judged by, for its CSV file: CLAIMED."""
    return [
        {
            "claim": claim.id,
            "study": claim.study,
            "verdict": claim.verdict,
            **one.model_dump(exclude={"share", "dataset_title"}),
            "share": one.share.value,
            "low": one.share.low,
            "high": one.share.high,
        }
        for one in claim.shares
    ]


def _as_declared(study: StudyResult) -> list[FactorOrder]:
    """The factors in the order in which points name them."""
    named = dict.fromkeys(n for data in study.datasets for p in data.points for n in p.values)
    own = {order.factor: order for order in study.factors}
    return [own[name] for name in named]
