"""A tiny space of contexts, and records of a claim in each of them with effects that are known."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from made_up_plan import claim, made_up_record, plan_in, store, write_document

from nnbench.plan.plan import Plan

FACTORS: Mapping[str, Any] = {
    "dataset": {"digits": {}, "wine": {}, "mnist1d": {"train_size": 2000}, "breast_cancer": {}, "diabetes": {}},
    "network": {"8 units": {"hidden": [8]}, "16 units": {"hidden": [16]}},
    "optimiser": {"adam": {"optimizer": "adam", "lr": 0.002}, "sgd": {"optimizer": "sgd", "lr": 0.05}},
    "samples": {"all": {}, "half": {"train_share": 0.5}},
}  # fmt: skip
ACTIVATIONS = {"relu": {"activation": "relu"}, "tanh": {"activation": "tanh"}}
NOISE = (-0.02, -0.01, 0.0, 0.01, 0.02)


def listed(*datasets: str) -> dict[str, dict[str, str]]:
    """A context on each of these data sets, no two alike."""
    others = {name: itertools.product(*map(list, list(FACTORS.values())[1:])) for name in datasets}
    values = ((name, *next(others[name])) for name in datasets)
    return {f"c{i}": dict(zip(FACTORS, own, strict=True)) for i, own in enumerate(values)}


def space(contexts: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"seed": 1, "factors": FACTORS, "contexts": contexts, **more}


def write_space(folder: Path, content: Mapping[str, Any]) -> str:
    path = folder / "contexts.yaml"
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True))
    return str(path)


def in_contexts(
    folder: Path, drawn: Mapping[str, Any], /, *claims: Mapping[str, Any], **config: Any
) -> Plan:
    """The plan of some claims in these contexts."""
    path = write_space(folder, space(drawn))
    write_document(folder, {f"c{i}": item for i, item in enumerate(claims)})
    return plan_in(folder, **{"contexts": len(drawn), "context_space": path, "seeds": 5, **config})


def activations(**changes: Any) -> dict[str, Any]:
    """A claim that tanh has a higher loss than relu, with contexts."""
    return (
        claim(
            levels=ACTIVATIONS,
            claimed={"relu": 0.1, "tanh": 0.2},
            contexts={},
            settings={},
            margin=0.05,
        )
        | changes
    )


def measured(
    plan: Plan, ratios: Mapping[str | None, float], *, one_run: Collection[str] = ()
) -> None:
    """Records in which the loss of tanh is so many times that of relu, by context; others have none.

    In the contexts of ``one_run`` both are the same training, to the bit.
    """
    for use in plan.uses:
        ratio = ratios.get(use.context)
        if ratio is None:
            continue
        tanh = use.level == "tanh" and use.context not in one_run
        losses = [(ratio if tanh else 1.0) * (1 + noise * (1 if tanh else -1)) for noise in NOISE]
        (cell,) = use.cells
        store(plan, plan.cells[cell], made_up_record(plan.cells[cell], {"test_loss": losses}))
