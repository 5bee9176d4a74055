"""A cell's id names its content: the same experiment has the same id, any other one has another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_plan import (
    CLAIM,
    FILE,
    TUNED,
    cells_by_level,
    claim,
    level,
    plan_in,
    planned,
    write_text,
)

from nnbench.cells.cell import canonical, dataset_of, make_cell
from nnbench.cells.cost import memory_mb, work
from nnbench.cli.overview import cells_as_json, plan_table
from nnbench.plan.levels import TUNING_SEED_START
from nnbench.plan.plan import Plan
from nnbench.records.store import record_path
from nnbench.settings import Augment, Pretrain, RareClass, Rbm, Settings, Shift, Target
from nnbench.verdicts.judge import config_hash

ROOT = Path(__file__).parent.parent
SEEDS = (0, 1, 2)


def id_of(dataset: str = "digits", *, seeds: tuple[int, ...] = SEEDS, **settings: Any) -> str:
    return make_cell(dataset, Settings(**settings), seeds=seeds).id


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
    "augment": {"augment": Augment(shift_fraction=0.25)},
    "augment, swapped": {"augment": Augment(zoom_fraction=0.25)},
    "experiment": {"experiment": "nnbench.experiments.training.declared:TRAINING"},
    "experiment_options": {"experiment_options": {"a": 1}},
    "classes": {"classes": (0, 1)},
    "classes, swapped": {"classes": (1, 0)},
    "label_noise": {"label_noise": 0.25},
    "shuffled_labels": {"shuffled_labels": True},
    "rare_class": {"rare_class": RareClass(label=0, share=0.25)},
    "outliers": {"outliers": 0.25},
    "shifts": {"shifts": {"a": Shift(noise=0.25)}},
    "shifts, name": {"shifts": {"b": Shift(noise=0.25)}},
    "pretrain": {"pretrain": Pretrain(classes=(2, 3))},
    "pretrain, frozen": {"pretrain": Pretrain(classes=(2, 3), freeze=True)},
    "rbm": {"rbm": Rbm()},
    "loss": {"loss": "mse"},
    "patience": {"patience": 3},
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
    "target": {"target": Target(value=0.9)},
    "target, metric": {"target": Target(value=0.9, metric="validation_loss")},
    "stop_at_target": {"target": Target(value=0.9), "stop_at_target": True},
}


def test_every_setting_changes_the_id_and_swapped_values_are_another_experiment() -> None:
    assert {name.partition(",")[0] for name in OTHERS} == set(Settings.model_fields)
    found = [id_of(), *(id_of(**settings) for settings in OTHERS.values())]
    found += [
        id_of("coin_flip"),
        id_of(seeds=(0, 1)),
        id_of(l1=0.25, l2=0.5),
        id_of(l1=0.5, l2=0.25),
    ]
    found += [make_cell("digits", Settings(), seeds=SEEDS, threads=2).id]
    found += [make_cell("digits", Settings(), seeds=SEEDS, search={"candidates": []}).id]
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
    "kind": {"kind": "differs"},
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
    renamed = claim(levels=dict(zip("abc", CLAIM["levels"].values(), strict=True)), kind="differs")
    plan = planned(tmp_path, renamed | {"claimed": {}}, results="elsewhere", device="cpu")
    assert set(plan.cells) == set(planned(tmp_path, claim()).cells)


def test_every_level_runs_in_every_block(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(datasets={"digits": {}, "coin_flip": {}}), seeds=7)
    assert len(plan.cells) == 6
    assert all(cell.seeds == tuple(range(7)) for cell in plan.cells.values())


def test_tuning_never_sees_a_judged_seed_and_costs_each_level_the_same(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(**TUNED), seeds=1000, tuning_seeds=100)
    tuned = cells_by_level(plan, track="tuned")
    for cell in tuned.values():
        assert cell.search is not None
        assert min(cell.search["seeds"]) == TUNING_SEED_START
        assert not set(cell.search["seeds"]) & set(cell.seeds)
        assert (len(cell.search["seeds"]), len(cell.search["candidates"])) == (100, 3)
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


def test_more_of_anything_is_more_work(tmp_path: Path) -> None:
    def cost(dataset: str = "digits", *, seeds: int = 3, **settings: Any) -> float:
        return work(make_cell(dataset, Settings(**settings), seeds=tuple(range(seeds))))

    base = cost()
    assert 0 < cost(seeds=1) < base < cost(seeds=4)
    assert cost(train_for="10 epochs") == pytest.approx(base / 2)
    assert cost(hidden=(128, 128)) > base > cost(hidden=()) > 0
    assert cost(train_size=600) < base < cost("mnist5k")
    cells = cells_by_level(planned(tmp_path, claim(**TUNED)), track="tuned")
    assert work(cells["relu"]) > 1.5 * work(
        make_cell("digits", cells["relu"].settings, seeds=SEEDS)
    )


def test_a_cell_reserves_memory_for_its_data() -> None:
    cells = {name: make_cell(name, Settings(), seeds=SEEDS) for name in ("digits", "mnist")}
    values = 60_000 * 28 * 28 * 4 / 1e6
    assert memory_mb(cells["mnist"]) - memory_mb(cells["digits"]) > values
    assert dataset_of("mnist1d").kind == "generated"  # drawn for each seed
    one, ten = (make_cell("mnist1d", Settings(), seeds=tuple(range(n))) for n in (1, 10))
    drawn = 9 * dataset_of("mnist1d").train_size * 40 * 4 / 1e6
    assert memory_mb(ten) - memory_mb(one) > drawn
    assert memory_mb(one) > 500  # PyTorch itself


def test_a_cells_document_has_its_whole_content(tmp_path: Path) -> None:
    cell = cells_by_level(planned(tmp_path, claim()))["high"]
    data = json.loads(json.dumps(cell.document()))
    again = make_cell(
        data["dataset"],
        Settings.model_validate_json(json.dumps(data["settings"])),
        seeds=tuple(data["seeds"]),
    )
    assert again == cell
    assert canonical({"b": 1, "a": [1.5]}) == '{"a":[1.5],"b":1}'


def test_the_projects_own_config_is_right_and_planned_without_torch_and_pandas(
    tmp_path: Path,
) -> None:
    code = f"""
import sys, json
from nnbench.claims.config import read_config
from nnbench.dag import Workflow, code_of
from nnbench.cli.overview import plan_table
config = read_config({str(ROOT / "config/config.yaml")!r}).model_dump(mode="json")
workflow = Workflow({{**config, "results": {str(tmp_path)!r}}})
print(len(workflow.plan.cells), len(plan_table(workflow.plan, cores=1)) > 0)
code_of("nnbench.report"), workflow.repair_records(), workflow.records()
heavy = "torch torchvision pandas scipy sklearn matplotlib seaborn jinja2 mlxtend snakemake"
print(sorted(set(heavy.split()) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    counts, heavy = done.stdout.splitlines()
    assert int(counts.split()[0]) > 50
    assert heavy == "[]"


def test_the_overview_counts_what_is_done_and_what_is_not(tmp_path: Path) -> None:
    from made_up_plan import made_up_record, store

    plan = planned(tmp_path, claim(), claim(not_run="needs more"), seeds=3)
    cells = cells_by_level(plan)
    store(plan, cells["high"], made_up_record(cells["high"], {"test_loss": [0.1, 0.2, 0.3]}))
    damaged = record_path(Path(plan.config.results), cells["low"].id)
    damaged.parent.mkdir(parents=True)
    damaged.write_text("half a rec")
    first, second = plan_table(plan, cores=4).splitlines()[1:3]
    assert first.split()[:6] == ["paper/c0", "order", "3", "3", "1", "2"]
    assert second.split()[:5] == ["paper/c1", "not", "run", "0", "-"]
    assert "1 done, 2 to run" in plan_table(plan, cores=4)
    assert "no verdict is possible" in plan_table(plan, cores=4)
    assert "no verdict" not in plan_table(planned(tmp_path, claim(), seeds=5), cores=4)
    lines = [json.loads(line) for line in cells_as_json(plan).splitlines()]
    assert [line["id"] for line in lines] == list(plan.cells)


def test_ten_thousand_levels_are_planned_in_seconds(tmp_path: Path) -> None:
    import time

    levels = "".join(f"      l{i}: {{lr: {1e-3 + i * 1e-7:.7f}}}\n" for i in range(10_000))
    write_text(
        tmp_path,
        "document: paper\ntitle: t\nfile: f\nclaims:\n  c0:\n    title: t\n    quote: q\n"
        f"    kind: differs\n    datasets: {{digits: {{}}}}\n    levels:\n{levels}",
    )
    started = time.process_time()
    assert len(plan_in(tmp_path).cells) == 10_000
    assert time.process_time() - started < 4.0  # 0.5 s on the machine that this was written on
    assert (tmp_path / FILE).stat().st_size > 200_000
