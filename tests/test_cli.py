"""The command line: what a mistake looks like to a user, and that it never is a traceback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_up_plan import FILE, claim, plan_in, write_document

from nnbench.cells.cell import blocks_of, canonical, dataset_of
from nnbench.cli.main import main
from nnbench.datasets.prepared import store
from nnbench.jobs.marks import done_path
from nnbench.plan.plan import Plan
from nnbench.records.results import read_results
from nnbench.records.store import dataset_folder, record_path

ROOT = Path(__file__).parent.parent


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A planned claim in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    write_document(tmp_path, {"c0": claim()})
    plan = plan_in(tmp_path, seeds=2)
    (tmp_path / "config/config.yaml").write_text(canonical(plan.config.model_dump(mode="json")))
    return plan


def first_cell(plan: Plan) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(next(iter(plan.cells.values())).to_json())
    return document


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m nnbench`` as a user or a rule calls it, on a machine without GPU."""
    return subprocess.run(
        [sys.executable, "-m", "nnbench", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The error of a command that has to fail, with its exit status."""
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.err.startswith("nnbench: error: ")
    assert output.out == ""
    return output.err


def test_an_error_is_a_message_and_exit_status_2(plan: Plan) -> None:
    done = command("plan", "--config", '{"documents": ["gone.yaml"], "sedes": 5}')
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("nnbench: error: config")
    assert "did you mean 'seeds'?" in done.stderr


def test_planning_shows_claims_and_what_is_to_be_done(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--cores", "2"]) == 0
    table = capsys.readouterr().out
    assert "paper/c0  order       3      2     0      3" in table
    assert "0 done, 3 to run" in table
    assert "on 2 cores" in table
    assert "fewer than five seeds: no verdict is possible" in table


def test_planning_gives_every_cells_document(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--json"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {item["id"]: item for item in documents} == {
        cell.id: json.loads(cell.to_json()) for cell in plan.cells.values()
    }


def test_output_that_nobody_reads_is_no_error(plan: Plan) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "nnbench", "plan", "--json"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.parametrize("text", ["0", "-2", "many", "1.5"])
def test_cores_are_a_positive_number(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plan", "--cores", text])
    assert "--cores" in capsys.readouterr().err


MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "an unknown cell": (["run", "ffff"], ["0 planned cells", "'ffff'", "nnbench plan --json"]),
    "any cell": (["run", ""], ["3 planned cells", "nnbench plan --json"]),
    "half a document": (["run", '{"id": "a"}'], ["not a cell's document", "plan --json"]),
    "no document": (["run", "{"], ["not a cell's document", "'{'"]),
    "no config": (["plan", "--config", "gone.yaml"], ["gone.yaml", "no such", "--config"]),
    "a folder": (["plan", "--config", "config"], ["config", "directory"]),
    "report first": (["report"], ["results.json", "nnbench judge"]),
    "dataset": (["prepare", "digts", "x"], ["'digts'", "did you mean 'digits'?", "mnist1d"]),
    "no data": (["prepare", "mnist", "x"], ["'mnist'", "MNIST/raw", "download", "'mnist5k'"]),
    "prepare nowhere": (["prepare", "digits", f"{FILE}/x"], ["cannot be written", FILE]),
    "schemas nowhere": (["schemas", f"{FILE}/x"], [FILE, "Not a directory"]),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_the_next_step(
    arguments: list[str], words: list[str], plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(*arguments, capsys=capsys)
    missing = [word for word in words if word not in error]
    assert not missing, error


def test_judging_before_anything_is_measured_names_what_is_missing(plan: Plan) -> None:
    assert main(["judge"]) == 0
    found = read_results(Path(plan.config.reports) / "results.json")
    assert {missing.cell for missing in found.provenance.missing_cells} == set(plan.cells)
    assert [claim.verdict for claim in found.claims] == ["inconclusive"]


@pytest.mark.parametrize("name", ["results", "reports"])
def test_a_folder_that_cannot_be_written_is_named(
    name: str, plan: Plan, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = json.dumps({"documents": [FILE], name: f"{FILE}/x"})
    if name == "reports":
        assert main(["aggregate", "--config", config]) == 0
        assert capsys.readouterr().out == "wrote results/aggregate\n"
    step = {"results": "aggregate", "reports": "judge"}[name]
    error = refused(step, "--config", config, capsys=capsys)
    assert f"{FILE}/x" in error
    assert "cannot be written (Not a directory)" in error


def changed(plan: Plan, **content: Any) -> str:
    """A cell's document with other content, and the id that goes with it."""
    document = {key: value for key, value in first_cell(plan).items() if key != "id"} | content
    digest = hashlib.sha256(canonical(document).encode()).hexdigest()
    return json.dumps({"id": digest[:16], **document})


JOB = ("--seeds", "2", "--results", "results", "--data", "data")


def test_a_cell_planned_with_other_code_is_not_run(plan: Plan) -> None:
    done = command("run", changed(plan, code="0" * 16), *JOB)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "the training code changed after this run was planned" in done.stderr
    assert "start snakemake again" in done.stderr
    assert not Path("results").exists()


def test_a_cell_whose_id_is_not_that_of_its_content_is_not_run(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    for change in ({"id": "f" * 16}, {"threads": 7}, {"settings": {"lr": 0.5}}):
        document = json.dumps({**first_cell(plan), **change})
        error = refused("run", document, *JOB, capsys=capsys)
        assert "id is not the hash of its content" in error


def test_a_cell_given_as_a_document_needs_what_the_config_would_say(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.dumps(first_cell(plan))
    error = refused("run", document, "--seeds", "5", capsys=capsys)
    assert "options are missing: --results, --data" in error


def test_a_block_that_the_seeds_do_not_have_is_named(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = first_cell(plan)["id"]
    error = refused("run", cell, "--seeds", "7", "--blocks", "0-4", "5-9", capsys=capsys)
    assert "no such block" in error
    assert "got: 5-9" in error
    assert "allowed: 0-4, 5-6" in error


def test_a_cell_is_measured_by_its_id_block_by_block(plan: Plan) -> None:
    folder = Path(plan.config.results)
    store.prepare(
        dataset_of("digits"), dataset_folder(folder, "digits"), data_folder=None, download=False
    )
    cell = first_cell(plan)["id"]
    run = ("run", cell[:10], "--seeds", "7", "--device", "cpu", "--reuse")
    paths = [record_path(folder, cell, block) for block in blocks_of(7)]
    done = [command(*run, "--blocks", "5-6"), command(*run)]
    assert [process.returncode for process in done] == [0, 0], done
    assert [path.exists() for path in paths] == [True, True]
    assert done_path(folder, cell, 7).exists()
    assert "already measured" in command(*run).stdout


def test_data_that_were_not_prepared_are_named_before_torch_is_loaded(plan: Plan) -> None:
    code = "import sys, nnbench.cli.main as c; print(c.main(sys.argv[1:]), 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", first_cell(plan)["id"], "--device", "cpu"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "manifest.json is missing" in done.stderr
    assert done.stdout == "2 False\n"


def test_a_gpu_where_there_is_none_is_named(plan: Plan) -> None:
    folder = dataset_folder(Path(plan.config.results), "digits")
    store.prepare(dataset_of("digits"), folder, data_folder=None, download=False)
    cell = first_cell(plan)["id"]
    done = command("run", cell[:10], "--device", "cuda")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "device 'cuda' does not exist" in done.stderr
    assert "allowed: auto, cpu" in done.stderr
    assert "device: auto" in done.stderr
    assert not record_path(Path(plan.config.results), cell, (0, 1)).exists()


@pytest.mark.parametrize("text", ["gpu", "cuda:x", "CPU", ""])
def test_a_device_has_a_known_name(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "ffff", "--device", text])
    assert "auto, cpu, cuda, cuda:N or mps" in capsys.readouterr().err


def test_a_results_folder_in_the_way_is_named_before_torch_is_loaded(plan: Plan) -> None:
    document = json.dumps(first_cell(plan))
    own = ("--seeds", "2", "--results", f"{FILE}/x", "--data", "data")
    done = command("run", document, *own, "--device", "cpu")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "cannot be written (Not a directory)" in done.stderr


def test_the_schemas_are_those_of_the_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = {path.name: path.read_bytes() for path in (ROOT / "workflow/schemas").glob("*.json")}
    if not stored:
        pytest.skip("workflow/schemas holds no schema yet: `nnbench schemas` writes them")
    assert main(["schemas", str(tmp_path)]) == 0
    assert stored == {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, nnbench.cli.main as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    heavy = "print({'torch', 'pandas', 'numpy', 'pydantic', 'yaml'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code + heavy], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
    assert "Measures what documents claim" in done.stdout


def test_tab_completion_knows_commands_and_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for line, words in (
        ("nnbench sta", {"status "}),
        ("nnbench show loss/act", {"loss/activation "}),
    ):
        done = subprocess.run(
            [sys.executable, "-c", "import sys, nnbench.cli.main as m; m.main(sys.argv[1:])"],
            env={
                **os.environ,
                "_ARGCOMPLETE": "1",
                "_ARGCOMPLETE_IFS": "\n",
                "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
                "COMP_LINE": line,
                "COMP_POINT": str(len(line)),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert set(done.stdout.splitlines()) == words
