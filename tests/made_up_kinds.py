"""More made-up claims: timings, orders without numbers, picked levels, other units and readings."""

from __future__ import annotations

import math
from typing import Any

from made_up_parts import claim, interval, level, pair, result

_CANDIDATES = (0.0003, 0.001, 0.003, 0.01)


def _speed() -> dict[str, Any]:
    """Images per second, higher is better on a log scale; one level could not be measured."""
    networks = (("VGG16", 138_357_544, 15.47e9, 9.1, 2), ("ResNet-50", 25_557_032, 4.09e9, 31.0, 1))
    levels = [
        level(
            name, None, speed, spread=0.4,
            other={
                "at": name, "claimed_rank": rank, "parameters": parameters, "flops": flops,
                "train_seconds": None, "samples_per_second": None, "metrics": {},
                "facts": {"resolution": 224, "batch_size": 8, "torch": "2.15.0", "parameters": parameters},
            },
        )
        for name, parameters, flops, speed, rank in networks
    ]  # fmt: skip
    why = "1.9 GB of memory are free, and it needs 4 GB"
    gone = level("Inception", None, 1.0, spread=0.0, missing=range(10), other={
        "at": "Inception", "claimed_rank": 3, "not_measured": why, "parameters": None,
        "metrics": {}, "train_seconds": None, "samples_per_second": None,
    })  # fmt: skip
    hours = [
        level(entry["level"], None, 250 / entry["mean"], spread=0.5, other={
            **{key: entry[key] for key in ("at", "parameters", "flops")}, "metrics": {},
            "claimed_rank": entry["claimed_rank"],
        })
        for entry in levels
    ]  # fmt: skip
    text = "Images per second of ResNet-50 are 240.7 % more than those of VGG16 (95 % CI 230.6 to 251.0 %)"
    forward = [pair("ResNet-50", "VGG16", math.log(31.0 / 9.1), "UP", text=text)]
    results = [
        result(
            "mnist5k", "images_per_second", [*levels, gone], verdict="inconclusive", pairs=forward,
            verdict_reason=f"Inception not measured: {why}", chance=None,
            notes=["Two processes share 2 cores."],
        ),
        result(
            "mnist5k", "hours", hours, verdict="reproduced", pairs=forward, chance=None,
            variant="training", decides=False, kind="order",
        ),
    ]  # fmt: skip
    return claim(
        "resolve/speed",
        "Speed of networks",
        quote="ResNet-50 is faster than VGG16.",
        results=results,
    )


def _search() -> dict[str, Any]:
    """A level picked among four candidates, one of which diverges; a rank correlation beside it."""
    candidates = [
        {
            "cell": f"{i:016x}", "settings": {"lr": lr}, "by": interval([0.3 + 0.1 * i, 0.4 + 0.1 * i]),
            **interval([0.32 + 0.1 * i, 0.41 + 0.1 * i]), "drawn": 5, "chosen": (6, 3, 1, 0)[i],
            "diverged": 2 * (i == 3),
        }
        for i, lr in enumerate(_CANDIDATES)
    ]  # fmt: skip
    pick = {
        "by": "validation_loss", "metric": "test_loss", "draws": 2, "candidates": candidates,
        "chosen": {str(seed): f"{(0, 0, 1, 0, 1, 0, 2, 0, 1, 0)[seed]:016x}" for seed in range(10)},
    }  # fmt: skip
    measured = {"rank_correlation": {"mean": 0.93, "low": 0.84, "high": 1.0}}
    cells = [candidate["cell"] for candidate in candidates]
    levels = [
        level("searched", None, 0.34, spread=0.01, other={
            "cell": None, "cells": cells, "pick": pick, "metrics": measured,
            "settings": {"optimizer": "adam", "lr": "chosen in each block"},
        }),
        level("default", None, 0.42, spread=0.01),
    ]  # fmt: skip
    pairs = [pair("searched", "default", 0.21, "UP")]
    results = [result("mnist5k", "test_loss", levels, verdict="reproduced", pairs=pairs)]
    return claim(
        "resolve/search", "Random search", quote="Search pays.", kind="best", results=results
    )


def _generalisation() -> dict[str, Any]:
    """Differences of losses, some negative; and shares where lower is better."""
    gaps = [level("dropout", None, -0.02, spread=0.01), level("none", None, 0.11, spread=0.02)]
    dead = [level("dropout", None, 0.0, spread=0.0), level("none", None, 0.07, spread=0.01)]
    gap = pair("dropout", "none", 0.13, "UP", unit="raw", margin=0.02,
               text="Loss gap of dropout is 0.130 nats lower than that of none")  # fmt: skip
    share = pair("dropout", "none", 0.07, "UP", unit="raw", margin=0.01)
    results = [
        result("mnist5k", "loss_gap", gaps, verdict="reproduced", pairs=[gap], chance=None),
        result(
            "mnist1d", "dead_units", dead, verdict="reproduced", pairs=[share], chance=None,
            variant="dead", decides=False, kind="best", resolution=None,
        ),
    ]  # fmt: skip
    return claim(
        "keras/gap", "Dropout closes the gap", quote="Dropout helps.", kind="best", results=results
    )


def _regression() -> dict[str, Any]:
    """Losses in squared deviations; contradicted, with a second look; levels of other sizes."""
    levels = [
        level(name, None, mean, spread=0.02, chance=1.0,
              other={"parameters": size, "claimed_rank": rank, "metrics": {}})
        for name, mean, size, rank in (("wide", 0.61, 1_409, 1), ("narrow", 0.55, 45, 2))
    ]  # fmt: skip
    pairs = [pair("wide", "narrow", -0.1, "REV")]
    results = [
        result("diabetes", "test_loss", levels, verdict="contradicted", pairs=pairs,
               task="regression", objective="mse", unit="ratio", chance=1.0),
    ]  # fmt: skip
    return claim(
        "loss/width", "Width", quote="Wider is better.", results=results, order=["wide", "narrow"],
        second_look="Half of the seeds were run again with another optimiser: the same order.",
    )  # fmt: skip


def more_claims() -> list[dict[str, Any]]:
    """Each case once."""
    return [_regression(), _speed(), _search(), _generalisation()]
