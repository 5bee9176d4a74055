"""The claims of ``made_up_results``: each shows some case that a report must cope with."""

from __future__ import annotations

from typing import Any

from made_up_kinds import more_claims
from made_up_parts import HOSTILE, claim, curves, level, pair, result

_SEARCH = {
    "candidates": [{"lr": lr} for lr in (0.0001, 0.001, 0.01, 0.1, 1.0)],
    "scores": [0.61, 0.35, 0.31, 0.52, None],
    "chosen": 2,
    "at_edge": False,
    "seeds": 3,
}


def _activation() -> dict[str, Any]:
    """Contradicted as written, partly when tuned; two datasets; linked with another claim."""
    claimed = {"sigmoid": 0.35, "ReLU": 0.20, "tanh": 0.28}

    def levels(means: dict[str, float], *, tuned: bool = False) -> list[dict[str, Any]]:
        search = _SEARCH if tuned else None
        return [
            level(
                name, claimed[name], mean, spread=0.008, curve=curves(mean), search=search,
                activation=name.lower(), lr=0.01 if tuned else 0.001,
            )
            for name, mean in means.items()
        ]  # fmt: skip

    written = [pair("ReLU", "tanh", -0.13, "REV"), pair("tanh", "sigmoid", -0.09, "REV")]
    tuned = [pair("ReLU", "tanh", 0.14, "UP"), pair("tanh", "sigmoid", 0.01, "equal")]
    results = [
        result(
            "mnist5k", "test_loss", levels({"sigmoid": 0.22, "ReLU": 0.275, "tanh": 0.24}),
            verdict="contradicted", pairs=[*written, pair("ReLU", "sigmoid", -0.22, "REV", role="extremes")],
        ),
        result(
            "mnist5k", "test_loss", levels({"sigmoid": 0.25, "ReLU": 0.21, "tanh": 0.248}, tuned=True),
            verdict="partly", pairs=tuned, track="tuned", decides=False,
        ),
        result(
            "mnist1d", "test_loss", levels({"sigmoid": 0.9, "ReLU": 0.7, "tanh": 0.76}),
            verdict="reproduced", pairs=[pair("ReLU", "tanh", 0.08, "UP")], decides=False,
        ),
    ]  # fmt: skip
    return claim(
        "loss/activation", "Activation functions", results=results, depends_on_track=True,
        quote="Sigmoid | 0.35 · ReLU | 0.20 · Tanh | 0.28", caveats=["The document names no data set."],
        links=["learn/activation"],
    )  # fmt: skip


def _learning_rate() -> dict[str, Any]:
    """Reproduced; the claimed values lie far from what was measured; a control level."""
    levels = [
        level("0.001", 0.31, 1.05, spread=0.02, curve=curves(1.05), lr=0.001),
        level("0.01", 0.19, 0.62, spread=0.02, curve=curves(0.62), lr=0.01),
        level("0.1", 0.14, 0.44, spread=0.02, curve=curves(0.44, bend=0.2), lr=0.1),
        level("Adam", None, 0.5, spread=0.02, role="control", curve=curves(0.5), optimizer="adam"),
    ]
    pairs = [
        pair("0.1", "0.01", 0.34, "UP"),
        pair("0.01", "0.001", 0.53, "UP"),
        pair("0.1", "0.001", 0.87, "UP", role="extremes"),
    ]
    results = [result("mnist1d", "test_loss", levels, verdict="reproduced", pairs=pairs)]
    quote = "0.001 0.31\n0.01 0.19\n0.1 0.14"
    known = {"p": 0.0004, "p_holm": 0.0008}
    return claim("loss/learning-rate", "Learning rate", quote=quote, results=results, **known)


def _depth() -> dict[str, Any]:
    """Partly; two readings of the text; a level with one run, one with none, a hostile name."""
    levels = [
        level("single", 0.28, 0.25, spread=0.004, missing=[8, 9]),
        level("two", 0.17, 0.23, spread=0.004, missing=range(1, 10)),
        level("three | `x` <b>$", 0.14, 0.2, spread=0.004, missing=range(10)),
    ]
    partly = pair("two", "single", 0.08, "up", p=0.04, p_holm=0.08)
    unclear = pair("three | `x` <b>$", "two", 0.02, "unclear", p=0.2, p_holm=0.4)
    results = [
        result("mnist5k", "test_loss", levels, verdict="partly", pairs=[partly, unclear], blocks=1),
        result(
            "mnist5k", "test_loss", levels[:1], verdict="inconclusive",
            variant="weight-layers", decides=False,
        ),
    ]  # fmt: skip
    return claim("loss/depth", "Depth", quote=HOSTILE, answer=HOSTILE, results=results)


def _batch_size() -> dict[str, Any]:
    """Inconclusive, with ties."""
    levels = [level(str(b), v, 0.21, spread=0.01) for b, v in ((16, 0.19), (32, 0.21), (64, 0.19))]
    pairs = [pair("16", "64", 0.01, "holds"), pair("16", "32", 0.08, "violated")]
    results = [result("mnist5k", "test_loss", levels, verdict="inconclusive", pairs=pairs)]
    return claim("loss/batch-size", "Batch sizes", quote="16, 32, 64", results=results)


def _convergence() -> dict[str, Any]:
    """Epochs, some of them capped."""
    levels = [
        level("0.01", 20, 4.0, spread=1.0, lr=0.01),
        level("0.001", 50, 22.0, spread=2.5, lr=0.001),
        level("0.0001", 100, 210.0, spread=30.0, lr=0.0001, capped=[3, 4, 9]),
    ]
    pairs = [
        pair("0.01", "0.001", 1.7, "UP"),
        pair("0.001", "0.0001", 2.3, "UP", censored=True, low=None, high=None),
        pair("0.01", "0.0001", 4.0, "UP", role="extremes", censored=True, low=3.2, high=None),
    ]
    results = [result("mnist5k", "epochs_to_target", levels, verdict="reproduced", pairs=pairs)]
    quote = "0.01 20; 0.001 50; 0.0001 100"
    return claim("learn/convergence", "Epochs to converge", quote=quote, results=results)


def _rates() -> dict[str, Any]:
    """No numbers claimed; diverged runs; a range of more than a decade."""
    levels = [
        level("1e-05", None, 1.9, spread=0.05),
        level("0.001", None, 0.1, spread=0.01),
        level("10", None, 5.0, spread=1.5, diverged=[0, 4, 7]),
    ]
    pairs = [pair("0.001", "10", 3.1, "UP"), pair("0.001", "1e-05", 2.9, "UP")]
    results = [result("mnist5k", "test_loss", levels, verdict="reproduced", pairs=pairs)]
    quote = "Too high oscillates, too low crawls."
    return claim(
        "resolve/rate-extremes", "Extreme rates", quote=quote, kind="differs", results=results
    )


def _accuracy() -> dict[str, Any]:
    """Accuracies, in percent."""
    claimed = (("sigmoid", 0.85, 0.921), ("ReLU", 0.92, 0.934), ("tanh", 0.88, 0.925))
    levels = [level(name, doc, mean, spread=0.004, chance=0.1) for name, doc, mean in claimed]
    pairs = [
        pair("ReLU", "tanh", 0.009, "up", unit="raw", margin=0.01, small=True),
        pair("tanh", "sigmoid", 0.004, "unclear", unit="raw", margin=0.01, p=0.21, p_holm=0.21)
        | {
            "detectable": 0.013,
            "blocks_needed": 34,
            "seconds_needed": 600.0,
        },
        pair("ReLU", "sigmoid", 0.013, "UP", unit="raw", margin=0.01, role="extremes"),
    ]
    results = [result("mnist5k", "test_accuracy", levels, verdict="partly", pairs=pairs)]
    return claim(
        "learn/activation", "Activation and accuracy", quote="85, 92, 88 %", results=results
    )


def _parameters() -> dict[str, Any]:
    """A definition: exact counts without intervals or seeds."""
    exact = {"low": None, "high": None, "n": 1, "planned": 1}
    levels = [
        level(name, claimed, count, spread=0.0, n=1) | exact
        for name, claimed, count in (("small", 1_000, 1_002), ("large", 1_000_000, 1_000_710))
    ]
    results = [result("mnist5k", "parameters", levels, verdict=None)]
    quote = "small 1,000; large 1,000,000"
    return claim(
        "learn/parameters",
        "Parameter counts",
        quote=quote,
        kind="definition",
        status="measured",
        results=results,
    )


def _possible() -> dict[str, Any]:
    """A possibility: shown by one case, below the margin, and not after the document's correction."""
    levels = [level(name, None, loss, spread=0.02) for name, loss in (("A", 0.40), ("B", 0.41))]
    pairs = [pair("A", "B", 0.04, "UP", small=True)]
    results = [result("mnist5k", "test_loss", levels, verdict="reproduced, small", pairs=pairs)]
    return claim(
        "loss/low-loss", "A low loss is no proof", quote="It does not guarantee it.", kind="exists",
        results=results, p=0.03, p_holm=0.06,
    )  # fmt: skip


def _parallel() -> dict[str, Any]:
    """A claim that the machine cannot decide."""
    levels = [level(name, None, time, spread=0.1) for name, time in (("one", 2.0), ("four", 2.6))]
    results = [
        result(
            "mnist5k", "seconds", levels, verdict="not testable here", chance=None,
            verdict_reason="it takes 4 cores (2 there)",
        )
    ]  # fmt: skip
    return claim("learn/parallelization", "In parallel", quote="Four at once.", results=results)


def _coin_flips() -> dict[str, Any]:
    """A control: no difference claimed, and none found."""
    levels = [level(name, None, 0.5, spread=0.012, chance=0.5) for name in ("scaled", "raw")]
    pairs = [pair("scaled", "raw", 0.001, "equal", unit="raw", margin=0.01)]
    results = [
        result("coin_flip", "test_accuracy", levels, verdict="reproduced", pairs=pairs, chance=0.5)
    ]
    return claim("keras/scaling", "Random labels", quote="Scaled.", kind="equal", results=results)


def all_claims() -> list[dict[str, Any]]:
    """Every case, in the documents' order."""
    width, speed, search, gap = more_claims()
    return [
        _activation(),
        _learning_rate(),
        _depth(),
        _batch_size(),
        claim(
            "loss/effects", "Effects on domains", quote="Losses affect healthcare.",
            kind="qualitative", status="qualitative", links=["loss/activation", "learn/convergence"],
        ),
        width,
        _possible(),
        _convergence(),
        _accuracy(),
        _parameters(),
        _parallel(),
        claim(
            "learn/zoo-accuracy", "Model accuracy", quote="ResNet-50 99.2", status="not run",
            cost_seconds=10_800.0,
        ),
        _rates(),
        speed,
        search,
        _coin_flips(),
        gap,
        claim("keras/noisy-data", "Noisy data", quote="Noise hurts.", kind="best", status="not run"),
    ]  # fmt: skip
