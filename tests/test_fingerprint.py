"""An edit of the code retrains what it can change, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_plan import claim, write_document

import nnbench
from nnbench.dag import code_of
from nnbench.fingerprint import PACKAGE, reachable

SOURCE = Path(nnbench.__file__).parent
DATASETS = ("digits", "mnist1d", "coin_flip")
TRAINING = (
    *("train.py", "cell.py", "data.py", "optim.py", "stacking.py", "augment.py", "seeding.py"),
    *("settings.py", "models/mlp.py", "models/base.py", "datasets/base.py", "datasets/store.py"),
)
OTHERS = (
    *("judge.py", "aggregate.py", "verdict.py", "wording.py", "cli.py", "job.py", "dag.py"),
    *("plan.py", "config.py", "records.py", "errors.py", "overview.py", "run_provenance.py"),
    *("metrics.py", "report/page.py", "report/write.py", "figures/dots.py", "vocabulary.py"),
)
# edits each file in turn and prints the datasets whose cells then have other ids
SCRIPT = """
import json, sys
from pathlib import Path
from nnbench import fingerprint
from nnbench.config import parse_config
from nnbench.plan import make_plan
config = parse_config({"documents": ["paper.yaml"]})
assert fingerprint.PACKAGE == Path("nnbench").resolve()

def ids():
    fingerprint.forget()
    return {cell.id: cell.dataset for cell in make_plan(config).cells.values()}

before, found = ids(), {}
assert ids() == before
for name in sys.argv[1:]:
    path = Path("nnbench", name)
    content = path.read_bytes()
    path.write_bytes(content + b"# an edit\\n")
    after = ids()
    found[name] = sorted({after[cell] for cell in after.keys() - before.keys()})
    path.write_bytes(content)
assert ids() == before
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """File of the package -> the datasets whose cells an edit of it retrains."""
    folder = tmp_path_factory.mktemp("edited")
    shutil.copytree(SOURCE, folder / "nnbench", ignore=shutil.ignore_patterns("__pycache__"))
    write_document(folder, {"c0": claim(datasets={name: {} for name in DATASETS})})
    files = [path.relative_to(SOURCE).as_posix() for path in sorted(SOURCE.rglob("*.py"))]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *files],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("file", TRAINING)
def test_an_edit_of_the_training_code_retrains_every_cell(
    file: str, retrained: dict[str, list[str]]
) -> None:
    assert retrained[file] == sorted(DATASETS)


@pytest.mark.parametrize(
    ("file", "datasets"),
    {
        "datasets/digits.py": ["digits"],
        "datasets/mnist1d.py": ["mnist1d"],
        "datasets/coin_flip.py": ["coin_flip"],
        "datasets/splits.py": ["digits"],
        "datasets/streams.py": ["coin_flip", "mnist1d"],
        "datasets/mnist.py": [],
    }.items(),
)
def test_an_edit_of_a_datasets_code_retrains_its_cells_alone(
    file: str, datasets: list[str], retrained: dict[str, list[str]]
) -> None:
    assert retrained[file] == datasets


@pytest.mark.parametrize("file", OTHERS)
def test_an_edit_of_what_only_plans_stores_or_reads_retrains_nothing(
    file: str, retrained: dict[str, list[str]]
) -> None:
    assert retrained[file] == []


def test_line_endings_and_places_are_no_edit(tmp_path: Path) -> None:
    from nnbench import fingerprint

    one, other = tmp_path / "a.py", tmp_path / "b.py"
    one.write_bytes(b"x = 1\ny = 2\n")
    other.write_bytes(b"x = 1\r\ny = 2\r\n")
    assert fingerprint._content(one) == fingerprint._content(other)


def test_imports_are_followed_wherever_they_stand() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in reachable(PACKAGE / "cli.py")}
    assert {
        "cli.py",
        "judge.py",
        "cell.py",
        "train.py",
        "report/write.py",
    } <= found  # inside functions


@pytest.mark.parametrize(
    ("module", "file", "changes"),
    [
        ("nnbench.judge", "verdict.py", True),
        ("nnbench.judge", "wording.py", True),
        ("nnbench.judge", "figures/dots.py", False),
        ("nnbench.report", "figures/dots.py", True),
        ("nnbench.report", "templates/report.html.j2", True),
        ("nnbench.judge", "templates/report.html.j2", False),
        ("nnbench.aggregate", "aggregate.py", True),
        ("nnbench.aggregate", "judge.py", False),
    ],
)
def test_the_read_side_runs_again_when_its_own_code_changes(
    module: str, file: str, changes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnbench import dag, fingerprint

    shutil.copytree(SOURCE, tmp_path / "nnbench", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path / "nnbench")
    monkeypatch.setattr(dag, "PACKAGE", tmp_path / "nnbench")
    try:
        fingerprint.forget()
        before = code_of(module)
        with (tmp_path / "nnbench" / file).open("a") as edited:
            edited.write("\n")
        fingerprint.forget()
        assert (code_of(module) != before) == changes
    finally:
        monkeypatch.undo()
        fingerprint.forget()


def test_a_name_that_stands_for_another_object_retrains(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnbench import fingerprint

    def code() -> str:
        fingerprint.forget()
        return fingerprint.code_fingerprint("digits", "mlp", "relu", "adam")

    before = code()
    monkeypatch.setattr(fingerprint, "ACTIVATIONS", {"relu": "torch.nn:GELU"})
    assert code() != before
    monkeypatch.undo()
    monkeypatch.setattr(fingerprint, "MODELS", {"mlp": "nnbench.models.mlp:another"})
    assert code() != before
    monkeypatch.undo()
    assert code() == before
