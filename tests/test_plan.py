"""A cell's id names its content: the same experiment has the same id, any other one has another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_plan import (
    CLAIM,
    TUNED,
    cells_by_level,
    claim,
    level,
    plan_in,
    planned,
    write_text,
)

from nnbench import sections
from nnbench.cells.cell import canonical, make_cell, read_cell
from nnbench.errors import NnbenchError
from nnbench.experiments.measured import Search
from nnbench.plan.levels import TUNING_SEED_START
from nnbench.plan.plan import Plan
from nnbench.settings import Settings
from nnbench.verdicts.judge import config_hash

ROOT = Path(__file__).parent.parent
SEARCH = Search(candidates=({"lr": 0.1},), seeds=(TUNING_SEED_START,))


def id_of(dataset: str = "digits", **settings: Any) -> str:
    return make_cell(dataset, Settings(**settings)).id


def ids(plan: Plan, **place: Any) -> dict[str, str]:
    return {name: cell.id for name, cell in cells_by_level(plan, **place).items()}


# one other value for every setting there is
OTHERS: dict[str, dict[str, Any]] = {
    "model": {"model": "json:loads"},
    "hidden": {"hidden": (64,)},
    "hidden, order": {"hidden": (64, 128)},
    "hidden, other order": {"hidden": (128, 64)},
    "activation": {"activation": "tanh"},
    "init": {"init": "he"},
    "dropout": {"dropout": 0.25},
    "model_options": {"model_options": {"a": 1, "b": 2}},
    "model_options, swapped": {"model_options": {"a": 2, "b": 1}},
    "train_size": {"train_size": 100},
    "inputs": {"inputs": "raw"},
    "augment": {"augment": sections.Augment(shift_fraction=0.25)},
    "augment, swapped": {"augment": sections.Augment(zoom_fraction=0.25)},
    "experiment": {"experiment": "nnbench.experiments.training.declared:TRAINING"},
    "experiment_options": {"experiment_options": {"a": 1}},
    "classes": {"classes": (0, 1)},
    "classes, swapped": {"classes": (1, 0)},
    "split": {"split": "each seed"},
    "validation_size": {"validation_size": 31},
    "label_noise": {"label_noise": 0.25},
    "shuffled_labels": {"shuffled_labels": True},
    "rare_class": {"rare_class": sections.RareClass(label=0, share=0.25)},
    "label_noise_to": {"label_noise_to": "next"},
    "label_noise_of": {"label_noise_of": 1},
    "validation_without": {"validation_without": 1},
    "balance": {"balance": "weights"},
    "balance, otherwise": {"balance": "oversampling"},
    "outliers": {"outliers": 0.25},
    "target_factor": {"target_factor": 10.0},
    "shifts": {"shifts": {"a": sections.Shift(noise=0.25)}},
    "shifts, name": {"shifts": {"b": sections.Shift(noise=0.25)}},
    "pretrain": {"pretrain": sections.Pretrain(classes=(2, 3))},
    "pretrain, frozen": {"pretrain": sections.Pretrain(classes=(2, 3), freeze=True)},
    "rbm": {"rbm": sections.Rbm()},
    "before": {"before": (sections.Before(),)},
    "pseudo_labels": {"pseudo_labels": 0.25},
    "drift": {"drift": sections.Drift(to=sections.Shift(noise=0.25))},
    "drift, anew": {"drift": sections.Drift(to=sections.Shift(noise=0.25), anew=True)},
    "streams": {"streams": {"a": sections.Stream(to=sections.Shift(noise=0.25))}},
    "streams, sudden or not": {
        "streams": {"a": sections.Stream(to=sections.Shift(noise=0.25), over=1000)}
    },
    "loss": {"loss": "mse"},
    "second_task": {"second_task": sections.SecondTask()},
    "second_task, weights": {"second_task": sections.SecondTask(weights=(1.0, 10.0))},
    "patience": {"patience": 3},
    "decoys": {"decoys": 1},
    "missing": {"missing": sections.Missing(share=0.5)},
    "probes": {"probes": ("gradients",)},
    "optimizer": {"optimizer": "sgd"},
    "lr": {"lr": 0.25},
    "optimizer_options": {"optimizer": "torch.optim:SGD", "optimizer_options": {"nesterov": False}},
    "momentum": {"optimizer": "sgd", "momentum": 0.25},
    "schedule": {"schedule": "cosine"},
    "batch_size": {"batch_size": 31},
    "l1": {"l1": 0.25},
    "l2": {"l2": 0.25},
    "mixed_precision": {"mixed_precision": True},
    "train_for": {"train_for": "20 steps"},
    "evaluations": {"evaluations": 20},
    "checkpoint": {"checkpoint": "last"},
    "target": {"target": sections.Target(value=0.9)},
    "target, metric": {"target": sections.Target(value=0.9, metric="validation_loss")},
    "stop_at_target": {"target": sections.Target(value=0.9), "stop_at_target": True},
}


def test_every_setting_changes_the_id_and_swapped_values_are_another_experiment() -> None:
    assert {name.partition(",")[0] for name in OTHERS} == set(Settings.model_fields)
    found = [id_of(), *(id_of(**settings) for settings in OTHERS.values())]
    found += [id_of("coin_flip"), id_of(l1=0.25, l2=0.5), id_of(l1=0.5, l2=0.25)]
    found += [make_cell("digits", Settings(), threads=2).id]
    found += [make_cell("digits", Settings(), search=SEARCH).id]
    others = ({"candidates": ({"lr": 0.2},)}, {"seeds": (TUNING_SEED_START + 1,)})
    changed = (SEARCH.model_copy(update=other) for other in others)
    found += [make_cell("digits", Settings(), search=search).id for search in changed]
    assert len(set(found)) == len(found)
    assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in found)


def test_the_same_content_has_the_same_id_however_it_is_written(tmp_path: Path) -> None:
    reordered = {key: CLAIM[key] for key in reversed(CLAIM)}
    reordered["levels"] = {key: CLAIM["levels"][key] for key in reversed(CLAIM["levels"])}
    assert set(planned(tmp_path, reordered).cells) == set(planned(tmp_path, claim()).cells)

    text = yaml.safe_dump(
        {"document": "paper", "title": "t", "file": "f", "claims": {"c0": claim()}}
    )
    write_text(tmp_path, text.replace("0.001", "1e-3").replace("0.1", "1.0E-1"))
    assert set(plan_in(tmp_path).cells) == set(planned(tmp_path, claim()).cells)

    spelled_out = level(lr=0.1, optimizer="adam", hidden=[128], batch_size=32)
    assert ids(planned(tmp_path, spelled_out)) == ids(planned(tmp_path, claim()))


def test_the_order_of_a_grids_keys_does_not_matter(tmp_path: Path) -> None:
    one = claim(**{**TUNED, "tune": {"lr": [0.1, 0.2], "l2": [0.3, 0.4]}})
    other = claim(**{**TUNED, "tune": {"l2": [0.3, 0.4], "lr": [0.1, 0.2]}})
    assert set(planned(tmp_path, one).cells) == set(planned(tmp_path, other).cells)


def test_levels_with_the_same_settings_share_a_cell(tmp_path: Path) -> None:
    other = claim(levels={"fast": {"lr": 0.1}, "new": {"lr": 0.5}}, claimed={"fast": 1, "new": 2})
    plan = planned(tmp_path, claim(controls={"plain": {"lr": 0.01}}), other)
    assert (len(plan.uses), len(plan.cells)) == (6, 4)
    assert ids(plan)["high"] == ids(plan, claim_id="paper/c1")["fast"]
    assert ids(plan)["plain"] == ids(plan)["middle"]


def test_a_new_level_adds_its_cell_and_leaves_the_others(tmp_path: Path) -> None:
    before = planned(tmp_path, claim())
    more = claim(
        levels={"new": {"lr": 0.5}, **CLAIM["levels"]}, claimed={**CLAIM["claimed"], "new": 1}
    )
    after = planned(tmp_path, more)
    assert set(after.cells) - set(before.cells) == {ids(after)["new"]}
    assert set(before.cells) < set(after.cells)


def test_a_changed_level_changes_its_own_cell_alone(tmp_path: Path) -> None:
    before = ids(planned(tmp_path, claim()))
    after = ids(planned(tmp_path, level(lr=0.11)))
    assert [name for name in before if before[name] != after[name]] == ["high"]


WORDS: dict[str, dict[str, Any]] = {
    "margin": {"margin": 0.2},
    "claimed": {"claimed": {"high": 0.3, "middle": 0.2, "low": 0.1}},
    "title": {"title": "Another"},
    "quote": {"quote": "Another"},
    "metric": {"metric": "test_accuracy"},
    "kind": {"kind": "differs", "margin": 0.05},
    "caveats": {"caveats": ["One."]},
    "links": {"links": ["paper/c0"]},
}


@pytest.mark.parametrize("change", WORDS.values(), ids=WORDS)
def test_what_only_the_verdict_or_the_text_needs_trains_nothing_anew(
    change: dict[str, Any], tmp_path: Path
) -> None:
    before, after = planned(tmp_path, claim()), planned(tmp_path, claim(**change))
    assert set(after.cells) == set(before.cells)
    assert config_hash(after) != config_hash(before)
    assert config_hash(planned(tmp_path, claim())) == config_hash(before)


def test_names_of_levels_claims_and_folders_are_no_part_of_an_id(tmp_path: Path) -> None:
    renamed = claim(
        levels=dict(zip("abc", CLAIM["levels"].values(), strict=True)), kind="differs", margin=0.05
    )
    plan = planned(tmp_path, renamed | {"claimed": {}}, results="elsewhere", device="cpu")
    assert set(plan.cells) == set(planned(tmp_path, claim()).cells)


def test_every_level_runs_in_every_block(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(datasets={"digits": {}, "coin_flip": {}}), seeds=7)
    assert len(plan.cells) == 6
    assert plan.seeds == dict.fromkeys(plan.cells, 7)
    blocks = [(0, 1, 2, 3, 4), (5, 6)]
    assert list(plan.blocks()) == [(cell, block) for cell in plan.cells for block in blocks]
    assert {use.seeds for use in plan.uses} == {7}


def test_the_number_of_seeds_is_no_part_of_an_id(tmp_path: Path) -> None:
    ten, twenty = (planned(tmp_path, claim(**TUNED), seeds=n) for n in (10, 20))
    assert set(ten.cells) == set(twenty.cells)
    assert set(ten.blocks()) < set(twenty.blocks())
    assert {block for _, block in set(twenty.blocks()) - set(ten.blocks())} == {
        (10, 11, 12, 13, 14),
        (15, 16, 17, 18, 19),
    }


def test_a_claim_near_its_threshold_has_more_seeds_where_its_verdict_is_decided(
    tmp_path: Path,
) -> None:
    near = claim(seeds_times=3, datasets={"digits": {}, "coin_flip": {}}, **TUNED)
    plan = planned(tmp_path, near, seeds=10)
    assert {(use.dataset, use.track): use.seeds for use in plan.uses} == {
        ("digits", "as-written"): 30,
        ("coin_flip", "as-written"): 10,
        ("digits", "tuned"): 10,
        ("coin_flip", "tuned"): 10,
    }


def test_claims_that_ask_for_different_numbers_of_seeds_share_their_cells(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(seeds=5), claim(), claim(seeds=40), seeds=10)
    assert len(plan.cells) == 3
    assert {use.claim: use.seeds for use in plan.uses} == {
        "paper/c0": 5, "paper/c1": 10, "paper/c2": 10,
    }  # fmt: skip
    assert plan.seeds == dict.fromkeys(plan.cells, 10)
    alone = planned(tmp_path, claim(seeds=5), seeds=10)
    assert alone.seeds == dict.fromkeys(plan.cells, 5)


def test_tuning_never_sees_a_judged_seed_and_costs_each_level_the_same(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(**TUNED), seeds=1000, tuning_seeds=100)
    tuned = cells_by_level(plan, track="tuned")
    for cell in tuned.values():
        assert cell.search is not None
        assert min(cell.search.seeds) == TUNING_SEED_START >= plan.seeds[cell.id] == 1000
        assert (len(cell.search.seeds), len(cell.search.candidates)) == (100, 3)
    assert all(cell.search is None for cell in cells_by_level(plan, track="as-written").values())
    assert not set(ids(plan, track="tuned").values()) & set(ids(plan, track="as-written").values())


def test_controls_are_never_tuned(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(**TUNED, controls={"sgd": {"optimizer": "sgd"}}))
    assert ids(plan, track="tuned")["sgd"] == ids(plan, track="as-written")["sgd"]


def test_claims_that_do_not_run_say_why_and_cost_nothing(tmp_path: Path) -> None:
    quoted = {"title": "t", "quote": "q", "kind": "qualitative"}
    claims = [quoted, claim(not_run="needs a cluster"), claim(tier="full"), claim()]
    plan = planned(tmp_path, *claims, only=["paper/c[012]"])
    words = ["quoted", "needs a cluster", "config/full.yaml", "`only`"]
    assert plan.cells == {}
    assert all(word in plan.not_run[f"paper/c{i}"] for i, word in enumerate(words))
    assert set(planned(tmp_path, *claims, tier="full").not_run) == {"paper/c0", "paper/c1"}


def test_a_cells_document_has_its_whole_content(tmp_path: Path) -> None:
    cell = cells_by_level(planned(tmp_path, claim(**TUNED)), track="tuned")["relu"]
    data = json.loads(cell.to_json())
    assert "seeds" not in data
    again = make_cell(
        data["dataset"],
        Settings.model_validate_json(json.dumps(data["settings"])),
        search=Search.model_validate_json(json.dumps(data["search"])),
    )
    assert again == read_cell(cell.to_json()) == cell
    assert canonical({"b": 1, "a": [1.5]}) == '{"a":[1.5],"b":1}'


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"threads": 2}, "its id is not the hash of its content"),
        ({"seeds": [0]}, "unknown key"),
        ({"settings": {"lr": -1}}, "more than 0"),
        ({"id": None}, "should be a text"),
        ({"id": "0" * 16}, "its id is not the hash of its content"),
    ],
)
def test_a_document_that_was_changed_is_refused(change: dict[str, Any], why: str) -> None:
    data = json.loads(make_cell("digits", Settings()).to_json())
    with pytest.raises(NnbenchError, match=why) as error:
        read_cell(json.dumps({**data, **change}))
    assert "not a cell's document" in str(error.value)
    assert "nnbench plan --json" in str(error.value)
