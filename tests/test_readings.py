"""Levels that read places, levels that are chosen, claims read in another way, configs that change claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_plan import FILE, claim, plan_in, planned, write_document

from nnbench.claims.config import read_config
from nnbench.claims.pick import Pick
from nnbench.errors import NnbenchError
from nnbench.plan.levels import Use
from nnbench.plan.plan import Plan

ROTATED = {"shifts": {"rotated": {"rotation_degrees": 30}}}


def uses(plan: Plan, **place: Any) -> dict[str, Use]:
    return {
        use.level: use
        for use in plan.uses
        if all(getattr(use, key) == value for key, value in place.items())
    }


def ordered(**changes: Any) -> dict[str, Any]:
    """The tiny claim with an order in place of numbers."""
    return claim(**{"claimed": None, "order": ["high", "middle", "low"], **changes})


def test_levels_that_differ_in_the_place_they_read_are_one_training(tmp_path: Path) -> None:
    own = ordered(
        settings=ROTATED,
        metric="test_accuracy",
        levels={"still": {}, "turned": {"at": "rotated"}, "sevens": {"at": "class 7"}},
        order=["still", "sevens", "turned"],
    )
    plan = planned(tmp_path, own)
    found = uses(plan)
    assert len(plan.cells) == 1
    assert [found[name].at for name in ("still", "turned", "sevens")] == [
        None,
        "rotated",
        "class 7",
    ]


def test_a_picked_level_rests_on_all_its_candidates_and_shares_their_cells(tmp_path: Path) -> None:
    pick = {"by": "validation_loss", "grid": {"lr": [0.1, 0.01], "batch_size": [16, 32]}}
    own = ordered(
        levels={"picked": {"pick": pick}, "high": {"lr": 0.1, "batch_size": 16}},
        order=["picked", "high"],
    )
    plan = planned(tmp_path, own)
    found = uses(plan)
    assert len(found["picked"].cells) == len(plan.cells) == 4
    assert found["high"].cells[0] in found["picked"].cells
    assert found["picked"].pick_by == "validation_loss"
    assert found["picked"].draws is None


def test_changes_one_at_a_time_are_the_level_itself_and_each_value_alone(tmp_path: Path) -> None:
    changes = {"lr": [0.01, 0.1], "dropout": [0.5]}
    pick = Pick.model_validate({"by": "validation_loss", "one_at_a_time": changes})
    assert pick.candidates() == [{}, {"dropout": 0.5}, {"lr": 0.01}, {"lr": 0.1}]
    own = claim(
        kind="best", claimed={}, better=["picked"], than=["plain"],
        levels={"plain": {}, "picked": {"pick": {"by": "validation_loss", "one_at_a_time": changes}}},
    )  # fmt: skip
    found = uses(planned(tmp_path, own))
    assert found["picked"].cells[0] == found["plain"].cells[0]
    assert len(set(found["picked"].cells)) == 4
    with pytest.raises(ValueError, match="one of grid"):
        Pick.model_validate({"by": "validation_loss", "one_at_a_time": changes, "grid": changes})


def test_random_candidates_are_the_same_each_time_and_lie_in_their_ranges() -> None:
    data = {"lr": {"low": 1e-4, "high": 0.1, "log": True}, "dropout": {"low": 0.0, "high": 0.6}}
    pick = Pick.model_validate({"by": "validation_loss", "random": data, "pool": 200, "draws": 9})
    drawn = pick.candidates()
    assert drawn == pick.candidates()
    assert len({item["lr"] for item in drawn}) > 180  # four digits each
    assert all(1e-4 <= item["lr"] <= 0.1 and 0 <= item["dropout"] <= 0.6 for item in drawn)
    # uniform in the logarithm: half of the rates lie below the geometric middle
    assert 70 < sum(item["lr"] < 10**-2.5 for item in drawn) < 130
    other = Pick.model_validate({"by": "validation_loss", "random": data, "pool": 200, "seed": 1})
    assert other.candidates() != drawn


def test_a_variant_reads_the_claim_with_another_metric_and_trains_nothing_more(
    tmp_path: Path,
) -> None:
    variant = {
        "title": "by accuracy",
        "metric": "test_accuracy",
        "order": ["low", "middle", "high"],
    }
    plan = planned(tmp_path, claim(margin=0.2, variants={"accuracy": variant}))
    ((_, _, read),) = plan.claims()
    reading = read.reading("accuracy")
    assert (reading.metric, reading.order, reading.claimed) == (
        "test_accuracy",
        ("low", "middle", "high"),
        {},
    )
    assert reading.margin is None, "a margin belongs to its metric"
    assert read.reading(None).claimed == {"high": 0.1, "middle": 0.2, "low": 0.3}
    assert len(plan.cells) == 3
    assert len(plan.uses) == 6


def test_a_variant_may_look_at_other_datasets(tmp_path: Path) -> None:
    variant = {"title": "on signals", "datasets": {"mnist1d": {}}}
    plan = planned(tmp_path, claim(variants={"signals": variant}))
    assert {use.dataset for use in plan.uses if use.variant == "signals"} == {"mnist1d"}
    assert {use.dataset for use in plan.uses if use.variant is None} == {"digits"}


def test_a_claim_of_timings_takes_fewer_blocks_and_never_more_than_the_config(
    tmp_path: Path,
) -> None:
    plan = planned(tmp_path, claim(seeds=5), seeds=10)
    assert {use.seeds for use in plan.uses} == set(plan.seeds.values()) == {5}
    plan = planned(tmp_path, claim(seeds=5), seeds=2)
    assert {use.seeds for use in plan.uses} == set(plan.seeds.values()) == {2}


def test_a_config_puts_other_datasets_in_a_claims_place(tmp_path: Path) -> None:
    write_document(tmp_path, {"c0": claim(datasets={"digits": {"train_size": 100}})})
    plan = plan_in(tmp_path, instead={"digits": ["mnist", "fashion_mnist"]})
    assert plan.datasets() == ("fashion_mnist", "mnist")
    assert {cell.settings.train_size for cell in plan.cells.values()} == {100}


def test_a_config_overrides_keys_of_one_claim(tmp_path: Path) -> None:
    write_document(tmp_path, {"c0": claim(), "c1": claim()})
    plan = plan_in(tmp_path, overrides={"paper/c1": {"datasets": {"mnist1d": {}}, "margin": 0.2}})
    assert {use.dataset for use in plan.uses if use.claim == "paper/c0"} == {"digits"}
    assert {use.dataset for use in plan.uses if use.claim == "paper/c1"} == {"mnist1d"}
    assert [item.margin for _, _, item in plan.claims()] == [None, 0.2]


def test_files_are_laid_over_a_config_section_by_section(tmp_path: Path) -> None:
    base, top = tmp_path / "base.yaml", tmp_path / "top.yaml"
    base.write_text(f"documents: [{FILE}]\nseeds: 10\nreference: {{lr: 0.1, dropout: 0.5}}\n")
    top.write_text("seeds: 5\nreference: {lr: 0.2}\n")
    config = read_config(str(base), str(top))
    assert config.seeds == 5
    assert config.reference == {"lr": 0.2, "dropout": 0.5}


BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a place that is not measured": (
        ordered(
            levels={"high": {"at": "rotatd"}, "low": {}}, order=["high", "low"], settings=ROTATED
        ),
        ["level 'high': at", "'rotatd'", "mean 'rotated'", "class 0"],
    ),
    "a place that is no name": (
        ordered(levels={"high": {"at": 3}, "low": {}}, order=["high", "low"]),
        ["level 'high'", "at is the name of what a level reads", "3"],
    ),
    "a metric that the settings do not give": (
        claim(metric="dead_units", claimed=None, order=["high", "middle", "low"]),
        ["level 'high': metric", "'dead_units'", "test_accuracy"],
    ),
    "a loss of one class": (
        ordered(levels={"high": {"at": "class 7"}, "low": {}}, order=["high", "low"]),
        ["level 'high': metric", "measured at 'class 7'", "'test_loss'", "test_accuracy"],
    ),
    "a metric of other tasks": (
        claim(metric="test_rmse"),
        ["level 'high': metric", "'test_rmse'"],
    ),
    "an order with a stranger": (
        ordered(order=["high", "middle", "low", "lowest"]),
        ["order names 'lowest'", "no level"],
    ),
    "an order that is not complete": (ordered(order=["high", "low"]), ["order lacks 'middle'"]),
    "an order and numbers": (
        claim(order=["high", "middle", "low"]),
        ["numbers or an order", "both"],
    ),
    "an order of another kind": (ordered(kind="differs"), ["order belongs to kind order"]),
    "a pick of nothing": (
        ordered(levels={"high": {"pick": {"by": "train_loss"}}, "low": {}}, order=["high", "low"]),
        ["level 'high': pick", "grid, one_at_a_time and random"],
    ),
    "a pick by the test set": (
        ordered(
            levels={"high": {"pick": {"by": "test_loss", "grid": {"lr": [1]}}}, "low": {}},
            order=["high", "low"],
        ),
        ["pick", "'test_loss'", "validation_loss"],
    ),
    "a pick of a setting with a typo": (
        ordered(
            levels={"high": {"pick": {"by": "train_loss", "grid": {"lrr": [1]}}}, "low": {}},
            order=["high", "low"],
        ),
        ["level 'high'", "{'lrr': 1}", "mean 'lr'"],
    ),
    "a range upside down": (
        ordered(
            levels={
                "high": {"pick": {"by": "train_loss", "random": {"lr": {"low": 1.0, "high": 0.1}}}},
                "low": {},
            },
            order=["high", "low"],
        ),
        ["random.lr", "low < high"],
    ),
    "a variant with a stranger": (
        claim(variants={"v": {"title": "t", "order": ["high", "middle", "lo"]}}),
        ["variant 'v'", "order names 'lo'", "mean 'low'"],
    ),
    "a variant with an unknown metric": (
        claim(variants={"v": {"title": "t", "metric": "test_los"}}),
        ["variant 'v'", "unknown metric", "mean 'test_loss'"],
    ),
    "a pick by what is not measured": (
        ordered(
            datasets={"diabetes": {}},
            levels={
                "high": {"pick": {"by": "validation_accuracy", "grid": {"lr": [1.0]}}},
                "low": {},
            },
            order=["high", "low"],
        ),
        ["level 'high'", "pick: metric", "'validation_accuracy'", "validation_loss"],
    ),
    "a tuned timing": (
        claim(
            metric="images_per_second",
            datasets={"random_inputs": {}},
            settings={
                "experiment": "inference_speed",
                "experiment_options": {"models": {"A": "alexnet", "B": "vgg16"}},
            },
            levels={"A": {"at": "A"}, "B": {"at": "B"}},
            claimed={"A": 2, "B": 1},
            tracks=["as-written", "tuned"],
            tune={"lr": [0.1, 0.2]},
        ),
        ["tuned", "one of trainings", "inference_speed"],
    ),
    "four seeds for a verdict": (
        claim(seeds=4),
        ["seeds", "should be a whole number from 5 to 1000, or auto"],
    ),
    "an unknown experiment": (
        claim(settings={"experiment": "traning"}),
        ["experiment", "'traning'", "mean 'training'"],
    ),
    "options that a training has not": (
        claim(settings={"experiment_options": {"models": {}}}),
        ["experiment_options", "'models'", "unknown key"],
    ),
}


@pytest.mark.parametrize(("bad", "words"), BAD.values(), ids=BAD)
def test_a_mistake_is_named(bad: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    with pytest.raises(NnbenchError) as error:
        planned(tmp_path, bad)
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, str(error.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"overrides": {"paper/c9": {}}}, ["config: overrides", "'paper/c9'", "mean 'paper/c0'"]),
        ({"overrides": {"paper/c0": {"margn": 1}}}, ["claims.c0", "margn", "mean 'margin'"]),
        ({"instead": {"digits": ["mnst"]}}, ["'mnst'", "mean 'mnist'"]),
    ],
)
def test_a_mistake_in_what_changes_claims_is_named(
    config: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    write_document(tmp_path, {"c0": claim()})
    with pytest.raises(NnbenchError) as error:
        plan_in(tmp_path, **config)
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, str(error.value)
