"""Where a run's report goes: the whole to its own folder, every part of it to another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_plan import FILE, claim, write_document

from nnbench.claims.selection import (
    changes_of,
    now_folder,
    read_run,
    tables_folder,
)
from nnbench.errors import NnbenchError
from nnbench.plan.plan import make_plan


def base_in(folder: Path, **config: Any) -> Path:
    """A config file of a document with the claims ``c0`` and ``c1``."""
    write_document(folder, {"c0": claim(), "c1": claim()})
    return file_in(folder, "config.yaml", documents=[str(folder / FILE)], **config)


def file_in(folder: Path, name: str, **config: Any) -> Path:
    (folder / name).write_text(yaml.safe_dump(config))
    return folder / name


@pytest.mark.parametrize(
    ("change", "folder"),
    [
        ("only=paper/c0", "reports/parts/paper-c0"),
        ('only=["paper/c0", "paper/c1"]', "reports/parts/paper-c0-paper-c1"),
        ("only=paper/*", "reports/parts/paper-all"),
        ("seeds=5", "reports/parts/5-seeds"),
        ("tier=full", "reports/parts/full"),
        ("seeds=20", "reports"),  # all that the report holds, and more
        ("device=cpu", "reports"),  # the same measurements elsewhere
        ("results=elsewhere", "reports"),
        ("reports=mine", "mine"),
    ],
)
def test_less_than_the_config_file_asks_for_goes_to_a_folder_of_its_own(
    tmp_path: Path, change: str, folder: str
) -> None:
    config = read_run(base_in(tmp_path), [], changes_of([change]))
    assert config.reports == folder


def test_several_changes_name_the_folder_together(tmp_path: Path) -> None:
    base = base_in(tmp_path)
    config = read_run(base, [], changes_of(["only=paper/c1", "seeds=7"]))
    assert config.reports == "reports/parts/paper-c1-7-seeds"
    more = read_run(base, [], changes_of(["only=paper/c1", "seeds=20"]))
    assert more.reports == "reports/parts/paper-c1-20-seeds"


def test_other_settings_are_another_run_with_a_name_of_its_own(tmp_path: Path) -> None:
    base = base_in(tmp_path, reference={"lr": 0.001})
    folders = {
        read_run(base, [], changes_of([change])).reports
        for change in ("reference={lr: 0.01}", "reference={lr: 0.1}", "reference={lr: 0.001}")
    }
    assert len(folders) == 3
    assert "reports" in folders  # the third one changes nothing


def test_a_file_with_a_report_folder_keeps_it_and_its_parts_lie_there(tmp_path: Path) -> None:
    base = base_in(tmp_path)
    full = file_in(tmp_path, "full.yaml", tier="full", reports="reports/full")
    assert read_run(base, [full], {}).reports == "reports/full"
    part = read_run(base, [full], {"only": ["paper/c0"]})
    assert part.reports == "reports/full/parts/paper-c0"
    fewer = file_in(tmp_path, "fewer.yaml", seeds=5)
    assert read_run(base, [fewer], {}).reports == "reports/parts/5-seeds"


def test_tables_of_a_part_do_not_replace_those_of_the_whole(tmp_path: Path) -> None:
    base = base_in(tmp_path)
    assert tables_folder(read_run(base, [], {})) == Path("results/aggregate")
    part = read_run(base, [], {"seeds": 5})
    assert tables_folder(part) == Path("results/aggregate/parts/5-seeds")
    assert now_folder(part) == now_folder(read_run(base, [], {})) == Path("reports/parts/now")


def test_a_long_selection_has_a_short_name(tmp_path: Path) -> None:
    patterns = [f"paper/c[01]{'*' * n}" for n in range(1, 30)]
    config = read_run(base_in(tmp_path), [], {"only": patterns})
    assert len(Path(config.reports).name) <= 60


@pytest.mark.parametrize("text", ["paper/c0", '["paper/c0"]', "[paper/c0]", "'paper/c0'"])
def test_claims_are_chosen_by_a_text_as_well_as_by_a_list(tmp_path: Path, text: str) -> None:
    config = read_run(base_in(tmp_path), [], changes_of([f"only={text}"]))
    assert config.only == ("paper/c0",)
    assert make_plan(config).not_run.keys() == {"paper/c1"}
    both = read_run(base_in(tmp_path), [], changes_of(["only=paper/c0,paper/c1"]))
    assert both.only == ("paper/c0", "paper/c1")


def test_a_change_that_is_none_is_refused() -> None:
    with pytest.raises(NnbenchError, match="KEY=VALUE"):
        changes_of(["seeds"])
    with pytest.raises(NnbenchError, match=r"--config only: cannot be read as YAML"):
        changes_of(["only=[a"])
