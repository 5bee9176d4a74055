"""What planning costs and shows: work and memory of cells, the overview, and no torch, pandas or waiting."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from made_up_plan import (
    FILE,
    TUNED,
    cells_by_level,
    claim,
    made_up_record,
    plan_in,
    planned,
    store,
    write_text,
)

from nnbench.cells.cell import BLOCK, canonical, dataset_of, make_cell
from nnbench.cells.cost import estimated_seconds, memory_mb
from nnbench.claims import config as claims_config
from nnbench.claims.config import read_config
from nnbench.cli.overview import cells_as_json, plan_table
from nnbench.plan.plan import make_plan
from nnbench.records.store import record_path
from nnbench.schema import parse
from nnbench.settings import Settings

ROOT = Path(__file__).parent.parent


def test_more_of_anything_is_more_work(tmp_path: Path) -> None:
    def cost(dataset: str = "digits", *, seeds: int = 3, **settings: Any) -> float:
        return estimated_seconds(make_cell(dataset, Settings(**settings)), seeds=seeds)

    base = cost()
    assert 0 < cost(seeds=1) < base < cost(seeds=4)
    assert cost(train_for="10 epochs") == pytest.approx(base / 2)
    assert cost(hidden=(128, 128)) > base > cost(hidden=()) > 0
    assert cost(train_size=600) < base < cost("mnist5k")
    cells = cells_by_level(planned(tmp_path, claim(**TUNED)), track="tuned")
    as_written = make_cell("digits", cells["relu"].settings)
    assert estimated_seconds(cells["relu"], seeds=3) > 1.5 * estimated_seconds(as_written, seeds=3)


def test_a_cell_reserves_memory_for_the_data_of_one_block() -> None:
    cells = {name: make_cell(name, Settings()) for name in ("digits", "mnist", "mnist1d")}
    values = 60_000 * 28 * 28 * 4 / 1e6
    assert memory_mb(cells["mnist"]) - memory_mb(cells["digits"]) > values
    assert dataset_of("mnist1d").kind == "generated"  # drawn for each seed
    larger = make_cell("mnist1d", Settings(train_size=2 * dataset_of("mnist1d").train_size))
    drawn = BLOCK * dataset_of("mnist1d").train_size * 40 * 4 / 1e6
    assert memory_mb(larger) - memory_mb(cells["mnist1d"]) > drawn
    assert memory_mb(cells["digits"]) > 500  # PyTorch itself


def test_the_projects_own_config_is_right_and_planned_without_any_large_library(
    tmp_path: Path,
) -> None:
    code = f"""
import sys, json
from nnbench.claims.config import read_config
from nnbench.dag import Workflow, code_of
from nnbench.cli.overview import plan_table
from nnbench.report.terminal import closing
config = read_config({str(ROOT / "config/config.yaml")!r})
workflow = Workflow(config.model_copy(update={{"results": {str(tmp_path)!r}}}))
print(len(workflow.plan.cells), len(plan_table(workflow.plan, cores=1)) > 0)
code_of("nnbench.report.write"), workflow.repair_records(), workflow.cells_done()
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
    plan = planned(tmp_path, claim(), claim(not_run="needs more"), seeds=3)
    cells = cells_by_level(plan)
    store(plan, cells["high"], made_up_record(cells["high"], {"test_loss": [0.1, 0.2, 0.3]}))
    damaged = record_path(Path(plan.config.results), cells["low"].id, (0, 1, 2))
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


def test_planning_parses_each_distinct_set_of_settings_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: Counter[str] = Counter()

    def counted(model: Any, data: Any, *, where: str) -> Any:
        if model is Settings:
            parsed[canonical(data)] += 1
        return parse(model, data, where=where)

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(claims_config, "parse", counted)
    claims_config._settings.cache_clear()
    plan = make_plan(read_config("config/config.yaml"))
    assert len(plan.cells) > 50
    assert parsed.most_common(1)[0][1] == 1
    before = parsed.total()
    make_plan(read_config("config/config.yaml"))
    assert parsed.total() == before


def test_some_blocks_done_are_not_the_cell(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(), seeds=10)
    high = cells_by_level(plan)["high"]
    store(plan, high, made_up_record(high, {"test_loss": [0.1] * 5}))
    assert plan_table(plan, cores=1).splitlines()[1].split()[:6] == [
        "paper/c0", "order", "3", "10", "0", "3",
    ]  # fmt: skip
    fewer = planned(tmp_path, claim(), seeds=5)
    assert "1 done, 2 to run" in plan_table(fewer, cores=1)
    shared = planned(tmp_path, claim(), claim(seeds=5), seeds=10)
    rows = plan_table(shared, cores=1).splitlines()[1:3]
    assert [row.split()[3] for row in rows] == ["10", "5"]  # that each claim reads


def test_ten_thousand_levels_are_planned_in_seconds(tmp_path: Path) -> None:
    levels = "".join(f"      l{i}: {{lr: {1e-3 + i * 1e-7:.7f}}}\n" for i in range(10_000))
    write_text(
        tmp_path,
        "document: paper\ntitle: t\nfile: f\nclaims:\n  c0:\n    title: t\n    quote: q\n"
        f"    kind: differs\n    margin: 0.05\n    datasets: {{digits: {{}}}}\n    levels:\n{levels}",
    )
    started = time.process_time()
    assert len(plan_in(tmp_path).cells) == 10_000
    assert time.process_time() - started < 4.0  # 0.5 s on the machine that this was written on
    assert (tmp_path / FILE).stat().st_size > 200_000
