"""Every sentence that the package makes of numbers, in every branch, as one text to be read in full."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from made_up_parts import level, pair, result
from made_up_results import typed

from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import JudgedPair, Status, named
from nnbench.metrics import METRICS
from nnbench.records.general import GeneralPairResult, GeneralResult, Word
from nnbench.records.pair import PairResult
from nnbench.records.results import Finding
from nnbench.text import changes, generality, wording

LEVELS = ("ReLU", "tanh", "0.1", "none", "20 %, augmented")
TIES: Sequence[Status] = ("unclear", "holds", "violated")  # of pairs that are claimed to be equal
INTERVAL = {"95 % CI": (0.02, 0.14), "over new test samples too": (-0.01, 0.17)}


def claim(**more: Any) -> Claim:
    made = Claim.model_validate({"title": "t", "quote": "q", "kind": "qualitative"})
    return made.model_copy(update={"better": ("L2", "dropout"), "than": ("none",), **more})


def reasons() -> Iterator[str]:
    """What each kind concludes from pairs of every status."""
    names = list(itertools.pairwise(LEVELS))
    for name, kind in KINDS.items():
        if kind.outcome is None:
            continue
        statuses = TIES if kind.ties else [s for s in get_args(Status) if s not in TIES[1:]]
        for status, small in itertools.product(statuses, (False, True)):
            pairs = [
                JudgedPair(
                    better=a, worse=b, margin=0.05, status=status, small=small, tie=kind.ties
                )
                for a, b in names
            ]
            for count in (1, 2, 4):
                outcome, reason = kind.outcome(pairs[:count])
                yield f"{name}, {count} × {status}{' small' if small else ''}: {outcome}: {reason}"


def finding(metric: str = "test_accuracy", **more: Any) -> Finding:
    means = (0.93, 0.91, 0.89, 0.85, 0.6)
    levels = [level(n, None, m, spread=0.0) for n, m in zip(LEVELS, means, strict=True)]
    return typed(Finding, {**result("mnist5k", metric, levels, verdict=None), **more})


def findings() -> Iterator[str]:
    """Each kind with each verdict that it may have, where one end is better and where none is."""
    for kind, directed in itertools.product(KINDS, (True, False)):
        lead = wording.leads_of(kind, directed=directed)
        for verdict in lead if KINDS[kind].outcome else ():
            shown = finding(
                "test_accuracy" if directed else "gradient_ratio",
                verdict=verdict, verdict_reason="ReLU against “0.1” is unclear",
            )  # fmt: skip
            text = wording.sentence(shown, claim(kind=kind, factor="activation function"))
            yield f"{kind}{'' if directed else ', no better end'}, {verdict}: {text}"


def counts() -> Iterator[str]:
    """Definitions: counted beside claimed."""
    for first, second in ((30, 9), (32, 9), (40, 0)):
        sizes = (("small", first, 30.0), ("2 × 64", second, 9.0))
        levels = [level(n, claimed, mean, spread=0.0) for n, mean, claimed in sizes]
        yield wording.sentence(
            finding("parameters", levels=levels, unit="count"), claim(kind="definition")
        )
    levels = [level("large", None, 0.0, spread=0.0, missing=range(10))]
    yield wording.sentence(finding("parameters", levels=levels), claim(kind="definition"))
    yield wording.sentence(
        finding(
            verdict="inconclusive", verdict_reason="large not measured: it failed", levels=levels
        ),
        claim(kind="order"),
    )


def pairs() -> Iterator[str]:
    """Differences of each metric: small, none, reversed, large and unknown."""
    for name, metric in METRICS.items():
        raw = metric.scale == "raw"
        for middle in (0.08, -0.08) if raw else (0.08, -0.08, 1.2, 3.0):
            ends = {
                what: (low + middle - 0.08, high + middle - 0.08)
                for what, (low, high) in INTERVAL.items()
            }
            yield f"{name}: {wording.compared('ReLU', '0.1', middle, ends, metric)}"
    accuracy, loss = METRICS["test_accuracy"], METRICS["test_loss"]
    for metric in (accuracy, loss):
        yield wording.compared("ReLU", "none", 0.0, {"95 % CI": (0.0, 0.0)}, metric)
        yield wording.compared("ReLU", "none", None, {}, metric)
        yield wording.compared("ReLU", "none", 0.02, {"95 % CI": (None, None)}, metric)


def answers() -> Iterator[str]:
    """A claim's answer, with findings elsewhere that agree or not."""
    deciding = finding(verdict="reproduced", sentence="Yes, the claimed order holds.")
    other = deciding.model_copy(update={"verdict": "partly", "variant_title": "by the loss"})
    third = deciding.model_copy(update={"verdict": "contradicted", "track": "tuned"})
    for others in ([], [other], [other, third]):
        yield wording.answer(deciding, [deciding, *others])
    counted = deciding.model_copy(update={"verdict": None, "sentence": "Counted."})
    yield wording.answer(counted, [counted, third])


def notes() -> Iterator[str]:
    """What is not measured, what it would cost, and what more runs would show."""
    yield wording.not_run("qualitative", "")
    yield wording.not_run("not run", "belongs to the full tier")
    yield wording.not_run("not run", "belongs to the full tier", seconds=7200)
    known: dict[str, Any] = {}
    for key, value in (
        ("", None),
        ("detectable", 0.07),
        ("blocks_needed", 34),
        ("seconds_needed", 7200.0),
    ):
        known |= {key: value} if key else {}
        given = typed(PairResult, {**pair("ReLU", "0.1", 0.02, "unclear"), **known})
        yield wording.power(given, "{:.2f}".format)


# --- in general


def general_pair(middle: float | None = 0.12, **more: Any) -> GeneralPairResult:
    low, high = (None, None) if middle is None else (middle - 0.08, middle + 0.08)
    new = (None, None) if middle is None else (middle - 0.3, middle + 0.3)
    made = {
        "a": "ReLU", "b": "0.1", "role": "pair", "tie": False, "margin": 0.05, "unit": "log",
        "word": "usual", "difference": middle, "low": low, "high": high, "prediction_low": new[0],
        "prediction_high": new[1], "tau": 0.1, "i_squared": 0.5, "contexts": 12, "datasets": 8,
        "pointing": 10, "shares": {}, "claimed_difference": None, "without": (), "effects": (), "text": "",
    }  # fmt: skip
    return typed(GeneralPairResult, made | more)


def general(word: str, pairs: Sequence[GeneralPairResult], **more: Any) -> GeneralResult:
    made = {
        "word": word, "sentence": "", "planned": 12, "measured": 12, "datasets": 8, "seeds": 5,
        "found": None, "pairs": [p.model_dump() for p in pairs],
    }  # fmt: skip
    return typed(GeneralResult, made | more)


def in_general() -> Iterator[str]:
    """Each word for a claim; contexts that are missing; one context."""
    metric = METRICS["test_loss"]
    reason = "ReLU against “0.1” is as claimed on average and in 10 of 12 contexts"
    for word in get_args(Word):
        yield generality.sentence(general(word, [general_pair()]), reason, metric)
    yield generality.sentence(
        general("depends", [general_pair()], found=4), "found in 4 of 12 contexts", metric
    )
    yield generality.sentence(
        general("unknown", [general_pair(None)], measured=1, datasets=1), "too few", metric
    )
    yield generality.sentence(general("usual", [general_pair(-0.2)], planned=13), reason, metric)
    failures = [
        {"context": f"c{i}", "level": "0.1", "planned": 5, "diverged": i, "capped": 0, "failed": 1}
        for i in (0, 2, 5)
    ]
    yield generality.sentence(general("usual", [general_pair()], failures=failures), reason, metric)
    for word in generality.WOULD:
        found = general(word, [general_pair()])
        said = generality.sentence(found, reason, metric)
        yield generality.flagged(found.model_copy(update={"sentence": said}), "not converged")


def general_pairs() -> Iterator[str]:
    """A pair over its contexts."""
    for name in ("test_loss", "test_accuracy"):
        for middle in (0.12, -0.12, 2.6, None):
            shown = general_pair(middle)
            yield f"{name}: {generality.pair(shown, METRICS[name])}"
            ends = (shown.difference, shown.low, shown.high, METRICS[name])
            yield f"{name}: {generality.interval(*ends)} or {generality.brief(*ends)}"
            new = (None, shown.prediction_low, shown.prediction_high, METRICS[name])
            yield f"{name}, new: {generality.interval(*new)} or {generality.brief(*new)}"
    yield generality.pair(general_pair(tie=True), METRICS["test_loss"])
    for name in ("test_loss", "test_accuracy", "images_per_second"):
        for differences in ((0.12, -0.3, 0.2), (-2.6, -2.4, 0.2)):
            yield f"{name}: {generality.pair(either_way(*differences), METRICS[name])}"


def either_way(*differences: float) -> GeneralPairResult:
    """A pair of which a difference in either direction is claimed, over a context for each."""
    own = {"low": None, "high": None, "n": 5, "shown": "as claimed"}
    effects = [
        {"context": f"c{i}", "difference": value} | own for i, value in enumerate(differences)
    ]
    return general_pair(either=True, effects=effects)


def sizes() -> Iterator[str]:
    """How large: with and without a claimed difference, here and in general, along and against it."""
    for difference, claimed in ((0.2, 0.5), (-0.2, 0.5), (0.2, None)):
        given = pair(
            "ReLU",
            "0.1",
            difference,
            "UP",
            text="Test loss of “0.1” is 22 % larger than that of ReLU",
        )
        ends = (None, None) if claimed is None else (0.2, 0.2 * math.exp(claimed))
        levels = [level(n, c, 0.3, spread=0.0) for n, c in zip(("ReLU", "0.1"), ends, strict=True)]
        here = typed(Finding, result("mnist5k", "test_loss", levels, verdict=None, pairs=[given]))
        yield generality.how_large(here, None, METRICS["test_loss"])
        yield generality.how_large(
            here, general("usual", [general_pair(-0.3)]), METRICS["test_loss"]
        )


def numbers() -> Iterator[str]:
    """Levels that are numbers, by what they are of; of a factor without a name they stay in quotation marks."""
    for factor, a, b in (
        ("batch size", "64", "16"),
        ("learning rate", "1e-3", "3e-4"),
        ("number of training samples", "50,000", "1,000"),
        ("number of workers", "1", "2"),
        ("hidden layers", "256-128", "128"),
        ("label noise and augmentation", "20 %", "20 %, augmented"),
        ("size of the shift", "no drift", "45°"),
        ("", "64", "16"),
    ):
        given = typed(PairResult, pair(a, b, 0.2, "UP", low=0.15, high=0.25))
        yield wording.pair(given, METRICS["test_loss"], factor)
        shown, metric = general_pair(a=a, b=b), METRICS["test_accuracy"]
        reason = f"{named(a)} against {named(b)} is as claimed on average"
        yield generality.sentence(general("usual", [shown]), reason, metric, factor)


def from_baselines() -> Iterator[str]:
    """Levels that are compared by their changes: in percent, as a factor, in points, and with none."""
    of_changes = claim(kind="order", baseline={"MAE": "clean", "MSE": "MSE, clean"})
    found = (
        ("test_mae", 0.04, 0.26),
        ("test_loss", -0.1, 3.0),
        ("test_accuracy", -0.05, 0.0),
        ("gradient_ratio", 0.2, None),
    )
    for metric, *sizes in found:
        none = {"low": None, "high": None}
        levels = [
            level(name, None, 0.5, spread=0.0) | {"from_baseline": {"mean": size, "baseline": base, **none}}
            for size, (name, base) in zip(sizes, of_changes.baseline.items(), strict=True)
        ]  # fmt: skip
        directed = METRICS[metric].directed
        shown = finding(metric, levels=levels, verdict="reproduced", directed=directed)
        yield wording.sentence(shown, of_changes)
        told = changes.told(METRICS[metric], of_changes.baseline)
        yield wording.compared("MAE", "MSE", 0.1, INTERVAL, told)
        yield generality.average(general_pair(), told)
    lost = [level("MAE", None, 0.5, spread=0.0)]
    open_ = {"verdict": "inconclusive", "verdict_reason": "MAE not measured"}
    yield wording.sentence(finding("test_loss", levels=lost, **open_), of_changes)


SECTIONS = {
    "Reasons": reasons, "Findings": findings, "Counts": counts, "Pairs": pairs, "Answers": answers,
    "Not measured, and not settled": notes, "In general": in_general, "A pair in general": general_pairs,
    "How large": sizes, "Levels that are numbers": numbers, "Changes from baselines": from_baselines,
}  # fmt: skip


def text() -> str:
    """All of them, by what makes them; what several branches say stands once."""
    shown = []
    for title, made in SECTIONS.items():
        shown += [f"## {title}", "", *(f"- {line}" for line in dict.fromkeys(made())), ""]
    return "\n".join(shown)
