"""Claims, data and code that change while jobs wait: a job stands on its own, and a message names what changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up_batches import Options
from made_up_plan import FILE, claim, write_document
from own_cases import csv_data, csv_text

from nnbench.cells import fingerprint
from nnbench.cells.cell import dataset_of
from nnbench.claims.config import parse_config
from nnbench.cli.main import main
from nnbench.cli.measuring import _make_ready, _planned, _run_planned
from nnbench.dag import Workflow
from nnbench.errors import NnbenchError
from nnbench.plan.plan import make_plan
from nnbench.plan.started import check_started, started

DATA = "mine.yaml"
NOTHING_FORCED = Options()
LEVELS = {"one": {"lr": 0.1}, "two": {"lr": 0.2}}
OWN_MODEL = "from torch import nn\ndef build(spec, generator):\n    return nn.Flatten()\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    csv_data(Path())
    Path("own_flat.py").write_text(OWN_MODEL)
    write_claims()
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    """As a new process begins."""
    fingerprint.forget()
    dataset_of.cache_clear()


def write_claims(**lr: float) -> None:
    levels = {name: {**own, "lr": lr.get(name, own["lr"])} for name, own in LEVELS.items()}
    settings = {"train_for": "2 epochs", "batch_size": 4, "model": "own_flat:build"}
    own = claim(
        kind="differs",
        margin=0.05,
        claimed=None,
        datasets={DATA: {}},
        levels=levels,
        settings=settings,
    )
    write_document(Path(), {"c": own})


def workflow(*, remote: bool = False) -> Workflow:
    forget()
    return Workflow(parse_config({"documents": [FILE]}), remote=remote)


def started_here(options: Options = NOTHING_FORCED) -> Workflow:
    """A run that has composed its batches and has left what its jobs have to know."""
    here = workflow()
    here.batches(options, 1)
    here.composed.write()
    return here


def of_level(at: Workflow, lr: float) -> str:
    return next(i for i, cell in at.plan.cells.items() if cell.settings.lr == lr)


def edit_claims() -> None:
    write_claims(two=0.3)


def edit_data() -> None:
    Path("t.csv").write_text(csv_text(33))


def edit_description() -> None:
    csv_data(Path(), split_seed=5)


def remove_data() -> None:
    Path("t.csv").unlink()


def edit_code() -> None:
    Path("own_flat.py").write_text(OWN_MODEL.replace("nn.Flatten()", "nn.Flatten(1)"))


EDITS = [edit_claims, edit_data, edit_description, remove_data, edit_code]


@pytest.mark.parametrize("edit", EDITS)
def test_a_remote_job_reads_what_the_run_was_started_with(edit: object) -> None:
    here = started_here()
    (mark,) = here.batch_of(of_level(here, 0.2), NOTHING_FORCED, 1)
    batch = Path(mark).stem
    assert callable(edit)
    edit()
    job = workflow(remote=True)
    job.check_asked(["--target-jobs", f"cell:batch={batch}"])
    assert job.batch(batch) == here.batch(batch)
    assert job.threads(batch, 2) == here.threads(batch, 2)
    assert job.cells_done() == []
    assert "plan" not in vars(job)  # nothing was planned, so no raw file was read


WORDS = {
    edit_claims: "the claims or the config changed",
    edit_data: "the data (t.csv) changed",
    edit_description: "its description changed",
    edit_code: "the training code changed",
}


@pytest.mark.parametrize(("edit", "words"), WORDS.items())
def test_a_cell_that_is_no_longer_planned_says_what_changed(edit: object, words: str) -> None:
    here = started_here()
    cell = of_level(here, 0.2)
    assert callable(edit)
    edit()
    with pytest.raises(NnbenchError) as caught:
        workflow().check_asked(["-n", f"results/cells/{cell}/record.json"])
    message = f"cell {cell} is no longer planned: {words}"
    todo = "start snakemake again: it plans with what is there now"
    assert str(caught.value) == f"{message}\n  do: {todo}"
    with pytest.raises(NnbenchError) as by_hand:
        _planned(cell, parse_config({"documents": [FILE]}))
    assert by_hand.value.what == message


def test_a_cell_that_never_was_planned_is_named() -> None:
    with pytest.raises(NnbenchError, match=f"cell {'0' * 16} is not planned"):
        workflow().check_asked([f"results/cells/{'0' * 16}/seeds-10.done"])
    with pytest.raises(NnbenchError, match="no planned dataset is prepared there"):
        workflow().dataset_name("results/data/x-01234567")


def test_what_was_stored_of_a_batch_and_is_damaged_is_named() -> None:
    (mark, *_) = started_here().batches(NOTHING_FORCED, 1)
    Path(mark).with_suffix(".json").write_text("{")
    with pytest.raises(NnbenchError, match="missing or damaged") as error:
        workflow(remote=True).check_asked([f"cell:batch={Path(mark).stem}"])
    assert Path(mark).stem in str(error.value)


def test_only_what_is_to_be_measured_is_written() -> None:
    done = Path(workflow().cells_done()[0])
    done.parent.mkdir(parents=True)
    done.touch()
    started_here()
    assert not (done.parent / "planned.json").exists()
    assert len(list(Path("results/cells").glob("*/planned.json"))) == 1
    started_here(Options(forceall=True))
    assert len(list(Path("results/cells").glob("*/planned.json"))) == 2


ENDS = {
    edit_claims: "the claims (paper.yaml) changed while this run was under way",
    edit_data: "the data (mine.yaml) changed while this run was under way",
    edit_code: "the training code changed while this run was under way",
}


@pytest.mark.parametrize(("edit", "words"), ENDS.items())
def test_the_tables_of_a_run_are_those_of_the_plan_that_it_was_started_with(
    edit: object, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = workflow()
    assert main(["aggregate", "--config", here.config_json, "--started", here.started_json]) == 0
    assert callable(edit)
    edit()
    forget()
    for command in ("aggregate", "judge"):
        assert main([command, "--config", here.config_json, "--started", here.started_json]) == 2
        assert f"nnbench: error: {words}\n" in capsys.readouterr().err


def test_a_cell_of_a_batch_sees_an_edit_that_came_after_the_batch_had_looked_at_the_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = started_here()
    (folder,) = here.dataset_manifests()
    assert main(["prepare", DATA, folder]) == 0
    cell = of_level(here, 0.2)
    forget()
    _make_ready([cell], here.results)
    assert hits_of_a_cell(here, cell) > 0  # it has read nothing anew
    os.utime("own_flat.py", (1, 1))
    assert hits_of_a_cell(here, cell) == 0
    edit_code()
    assert _run_planned(cell, 5, results=here.results, device="cpu") == 2
    assert "the training code" in capsys.readouterr().err


def test_a_cell_whose_plan_was_damaged_is_not_measured_as_something_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = started_here()
    cell = of_level(here, 0.2)
    (path,) = here.results.glob(f"cells/{cell}/planned.json")
    path.write_text(path.read_text().replace('"lr":0.2', '"lr":0.3'))
    assert _run_planned(cell, 5, results=here.results, device="cpu") == 2
    assert "what was planned is missing" in capsys.readouterr().err


def hits_of_a_cell(here: Workflow, cell: str) -> int:
    """How often a cell, which gets no further than to its device, found a fingerprint that was made before."""
    assert _run_planned(cell, 5, results=here.results, device="cuda:99") == 2
    return fingerprint.code_fingerprint.cache_info().hits


def test_an_edit_that_changes_no_cell_stops_no_run() -> None:
    before = started(workflow().plan)
    text = Path(FILE).read_text()
    Path(FILE).write_text(text.replace("A higher rate lowers the loss", "Another title"))
    Path("own_flat.py").write_text(f"# a comment\n{OWN_MODEL}")
    forget()
    check_started(make_plan(parse_config({"documents": [FILE]})), before)
