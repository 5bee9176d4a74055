"""A data file is one data set, however its path is spelled; two data sets of one title are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_plan import claim, planned
from own_cases import CSV, csv_text, described

from nnbench.cells.cell import dataset_of
from nnbench.datasets.own.spelling import one_name
from nnbench.errors import NnbenchError
from nnbench.registry import DATASETS


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder to work in, with the data ``own/mine.yaml``; beside it is room for others."""
    folder = tmp_path / "project"
    data_in(folder / "own")
    monkeypatch.chdir(folder)
    dataset_of.cache_clear()  # it knows the same paths of other tests
    return folder


def data_in(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "t.csv").write_text(csv_text(), encoding="utf-8")
    return described(folder, CSV, **changes)


def spellings(folder: Path) -> list[str]:
    """Paths that all lead to ``own/mine.yaml``."""
    (folder / "linked").symlink_to("own")
    (folder / "deep/er").mkdir(parents=True)
    (folder / "up").symlink_to("deep/er")  # up/.. is deep
    (folder / "linked.yaml").symlink_to("own/mine.yaml")
    (folder / "t.csv").symlink_to("own/t.csv")
    return [
        *("own/mine.yaml", "./own/mine.yaml", "own/../own/mine.yaml", "own//mine.yaml"),
        *(str(folder / "own/mine.yaml"), "linked/mine.yaml", "up/../../own/mine.yaml"),
        *("linked.yaml", f"../{folder.name}/own/mine.yaml"),
    ]


def test_every_spelling_of_a_path_is_one_data_set(project: Path) -> None:
    assert {one_name(path) for path in spellings(project)} == {"own/mine.yaml"}


def test_a_claim_that_spells_a_path_twice_has_one_data_set(project: Path) -> None:
    plan = planned(project, claim(datasets={path: {} for path in spellings(project)}))
    assert plan.datasets() == ("own/mine.yaml",)
    assert len(plan.uses) == 3  # one of each level


def test_settings_for_a_data_set_are_found_by_another_spelling(project: Path) -> None:
    settings = {"./own/mine.yaml": {"train_for": "3 epochs"}}
    asked = claim(datasets={str(project / "own/mine.yaml"): {}}, settings={})
    plan = planned(project, asked, dataset_settings=settings)
    assert {cell.settings.train_for for cell in plan.cells.values()} == {"3 epochs"}


def test_instead_finds_and_gives_another_spelling(project: Path) -> None:
    data_in(project / "other", title="Another", name="another")
    asked = claim(datasets={"own/mine.yaml": {}, "other/mine.yaml": {}})
    plan = planned(project, asked, instead={"./own/mine.yaml": ["./other/mine.yaml"]})
    assert plan.datasets() == ("other/mine.yaml",)


def test_a_variant_and_an_override_spell_paths_as_they_like(project: Path) -> None:
    variants = {"again": {"title": "Again", "datasets": {"./own/mine.yaml": {}}, "margin": 0.1}}
    change: dict[str, Any] = {"paper/c0": {"datasets": {"own/./mine.yaml": {}}}}
    plan = planned(project, claim(variants=variants), overrides=change)
    assert plan.datasets() == ("own/mine.yaml",)


@pytest.mark.parametrize("key", ["datasets", "dataset_settings"])
def test_two_settings_for_one_data_set_are_refused(key: str, project: Path) -> None:
    twice = {"own/mine.yaml": {"lr": 0.1}, "./own/mine.yaml": {"lr": 0.2}}
    words = "'own/mine.yaml' stands there twice, with different settings: name it once"
    with pytest.raises(NnbenchError, match=rf"{key}: {words}"):
        planned(
            project,
            *([claim(datasets=twice)] if key == "datasets" else []),
            **({} if key == "datasets" else {key: twice}),
        )


def test_instead_that_gives_one_data_set_two_settings_is_refused(project: Path) -> None:
    asked = claim(datasets={"digits": {"batch_size": 8}, "wine": {}})
    words = "c0.datasets: with `instead`, 'wine' stands there twice, with different settings"
    with pytest.raises(NnbenchError, match=words):
        planned(project, asked, instead={"digits": ["wine"]})


def test_a_linked_description_with_data_beside_the_link_is_a_data_set_of_its_own(
    project: Path,
) -> None:
    data_in(project / "other")
    (project / "other/mine.yaml").unlink()
    (project / "other/mine.yaml").symlink_to("../own/mine.yaml")
    assert one_name("./other/mine.yaml") == "other/mine.yaml"


def test_a_folder_elsewhere_keeps_the_name_that_it_has_here(project: Path) -> None:
    """Where it lies on one machine is no part of a cell."""
    data_in(project.parent / "disk")
    (project / "data").symlink_to(project.parent / "disk")
    assert one_name("./data/mine.yaml") == "data/mine.yaml"
    assert one_name(str(project.parent / "disk/mine.yaml")) == "../disk/mine.yaml"


@pytest.mark.parametrize("name", ["digits", "./none.yaml", "own", DATASETS["digits"]])
def test_what_is_no_data_file_keeps_its_name(name: str) -> None:
    assert one_name(name) == name


@pytest.mark.parametrize("title", ["Mine", "mine ", "MI NE", "\uff2dine"])
def test_two_data_sets_of_one_title_are_refused(title: str, project: Path) -> None:
    data_in(project / "other", title=title, split_seed=1)
    with pytest.raises(NnbenchError) as caught:
        planned(project, claim(datasets={"other/mine.yaml": {}, "own/mine.yaml": {}}))
    assert str(caught.value) == (
        "data sets 'other/mine.yaml' and 'own/mine.yaml' have the same title\n"
        "  got: 'Mine'\n"
        "  allowed: a title of its own for each: reports name data sets by their titles\n"
        "  do: change the title of one, or name one alone if the two are the same data"
    )


@pytest.mark.parametrize("twin", ["digits", DATASETS["digits"]])
def test_data_with_the_title_of_a_registered_dataset_are_refused(twin: str, project: Path) -> None:
    described(project / "own", CSV, title=dataset_of("digits").title)
    datasets: dict[str, Any] = {"own/mine.yaml": {}} if twin == "digits" else {"digits": {}}
    asked = [claim(datasets=datasets), claim(datasets={twin: {}})]
    with pytest.raises(NnbenchError, match="have the same title"):
        planned(project, *asked)


def test_data_sets_of_two_titles_are_planned(project: Path) -> None:
    data_in(project / "other", title="Another")
    plan = planned(project, claim(datasets={"other/mine.yaml": {}, "own/mine.yaml": {}}))
    assert len(plan.datasets()) == 2
