"""An edit of the code retrains what it can change, and nothing else; an edit of prose retrains nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edited_code import forget

import nnbench
from nnbench.cells import fingerprint, modules
from nnbench.cells.modules import NEUTRAL_TO_READERS, PACKAGE, find, reached

SOURCE = Path(nnbench.__file__).parent
DATASETS = ("coin_flip", "digits", "mnist1d")
TRAINING = (
    *(f"engine/{name}.py" for name in (
        "train", "data", "optim", "stacking", "images", "seeding", "monitor", "scores", "objectives",
        "probes", "pretraining", "labels", "device",
    )),
    *("settings.py", "models/mlp.py", "models/base.py", "datasets/base.py"),
    *("datasets/prepared/store.py", "experiments/run.py", "experiments/base.py"),
    *(f"experiments/training/{name}.py" for name in ("declared", "fit", "measure", "scores")),
)  # fmt: skip
OTHERS = (
    *("verdicts/judge.py", "verdicts/measurements.py", "verdicts/rules.py", "text/wording.py"),
    *(
        "cli/main.py",
        "jobs/job.py",
        "dag.py",
        "plan/plan.py",
        "cli/overview.py",
        "claims/config.py",
    ),
    *("records/store.py", "records/results.py", "errors.py", "registry.py", "jobs/provenance.py"),
    *("metrics.py", "report/page.py", "report/write.py", "report/figures/dots.py"),
    *("text/vocabulary.py", "experiments/speed/measure.py", "experiments/timing.py"),
    *(
        "experiments/reads.py",
        "models/zoo.py",
        "models/costs.py",
        "models/costs.py",
        "cells/cell.py",
    ),
)
# edits each file in turn and prints which of the fingerprints then differ
SCRIPT = """
import json, sys
from pathlib import Path
from edited_code import forget
from nnbench.cells import fingerprint
assert fingerprint.PACKAGE == Path("nnbench").resolve()
KINDS = {"datasets": ("coin_flip", "digits", "mnist1d"),
         "experiments": ("training", "inference_speed", "own:EXPERIMENT")}[sys.argv[1]]

def codes():
    forget()
    first = sys.argv[1] == "datasets"
    names = [(kind, "training") if first else ("digits", kind) for kind in KINDS]
    return [fingerprint.code_fingerprint(d, "mlp", "relu", "adam", e) for d, e in names]

before, found = codes(), {}
assert codes() == before
assert len(set(before)) == len(KINDS)
for name in sys.argv[2:]:
    path = Path(name)
    content = path.read_bytes()
    path.write_bytes(content + b"\\n# an edit\\n'and another'\\n")
    assert codes() == before, name
    path.write_bytes(content + b"\\nEDITED = 1\\n")
    found[name] = [kind for kind, old, new in zip(KINDS, before, codes()) if old != new]
    path.write_bytes(content)
assert codes() == before
assert "torch" not in sys.modules
print(json.dumps(found))
"""
OWN = """
from nnbench.experiments.base import Experiment
from nnbench.schema import Strict
EXPERIMENT = Experiment(
    name="own", title="own", measure="own_measure:measure", options=Strict, metrics=("seconds",)
)
"""


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """File of the package -> the datasets whose cells an edit of it retrains."""
    files = [path.relative_to(SOURCE.parent).as_posix() for path in sorted(SOURCE.rglob("*.py"))]
    found = after_edits(tmp_path_factory.mktemp("edited"), "datasets", files)
    return {name.removeprefix("nnbench/"): kinds for name, kinds in found.items()}


def after_edits(folder: Path, kinds: str, files: list[str]) -> dict[str, list[str]]:
    """Edit these files of a copy of the package."""
    shutil.copytree(SOURCE, folder / "nnbench", ignore=shutil.ignore_patterns("__pycache__"))
    path = os.pathsep.join(map(str, (folder, Path(__file__).parent)))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kinds, *files],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
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


def test_an_edit_changes_the_cells_of_the_experiments_that_need_it_alone(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own_measure.py").write_text("import nnbench.engine.optim\n")
    every = ["training", "inference_speed", "own:EXPERIMENT"]
    wanted = {
        "nnbench/engine/train.py": ["training"],
        "nnbench/engine/data.py": ["training"],
        "nnbench/experiments/training/declared.py": ["training"],
        "nnbench/experiments/speed/measure.py": ["inference_speed"],
        "nnbench/experiments/speed/declared.py": ["inference_speed"],
        "own.py": ["own:EXPERIMENT"],
        "own_measure.py": ["own:EXPERIMENT"],
        "nnbench/experiments/run.py": every,
        "nnbench/engine/device.py": every,
        "nnbench/engine/optim.py": every,
        "nnbench/experiments/parallel/measure.py": [],
        "nnbench/experiments/reads.py": [],
    }
    assert after_edits(tmp_path, "experiments", list(wanted)) == wanted


def test_an_edit_of_own_data_retrains_and_prepares_them_anew(tmp_path: Path) -> None:
    table, path = tmp_path / "points.csv", tmp_path / "points.yaml"
    table.write_text("x,kind\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    path.write_text(
        "format: csv\nname: points\ntitle: Points\nsource: made up\nlicence: none\n"
        "path: points.csv\ntarget: kind\n"
    )

    def codes() -> tuple[str, str]:
        forget()
        name = str(path)
        return fingerprint.code_fingerprint(
            name, "mlp", "relu", "adam"
        ), fingerprint.dataset_fingerprint(name)

    before = codes()
    assert codes() == before
    table.write_text(table.read_text().replace("39,b", "39,a"))
    assert all(map(str.__ne__, codes(), before))


def test_imports_are_followed_wherever_they_stand() -> None:
    main = find("nnbench.cli.main")
    assert main is not None
    paths = {module.path for module in reached(main, NEUTRAL_TO_READERS)}
    found = {path.relative_to(PACKAGE).as_posix() for path in paths if path}
    assert {
        "cli/main.py",
        "verdicts/judge.py",
        "cells/cell.py",
        "report/write.py",
    } <= found  # inside functions


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package that is fingerprinted in its place."""
    shutil.copytree(SOURCE, tmp_path / "nnbench", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(modules, "PACKAGE", tmp_path / "nnbench")
    forget()
    yield tmp_path / "nnbench"
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    ("module", "file", "changes"),
    [
        ("nnbench.verdicts.judge", "verdicts/rules.py", True),
        ("nnbench.verdicts.judge", "text/wording.py", True),
        ("nnbench.verdicts.judge", "errors.py", True),
        ("nnbench.verdicts.judge", "report/figures/dots.py", False),
        ("nnbench.report.write", "report/figures/dots.py", True),
        ("nnbench.verdicts.measurements", "records/record.py", True),
        ("nnbench.verdicts.measurements", "verdicts/judge.py", False),
    ],
)
def test_the_read_side_runs_again_when_its_own_code_changes(
    module: str, file: str, changes: bool, copied: Path
) -> None:
    before = fingerprint.module_fingerprint(module)
    for addition, changed in (("\n# prose\n", False), ("\nEDITED = 1\n", changes)):
        with (copied / file).open("a") as edited:
            edited.write(addition)
        forget()
        assert (fingerprint.module_fingerprint(module) != before) == changed


@pytest.mark.parametrize(
    ("module", "changes"), [("nnbench.report.write", True), ("nnbench.verdicts.judge", False)]
)
def test_a_page_is_made_again_when_its_template_changes(
    module: str, changes: bool, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnbench import dag

    monkeypatch.setattr(dag, "PACKAGE", copied)
    before = dag.code_of(module)
    with (copied / "report/templates/report.html.j2").open("a") as edited:
        edited.write("\n")
    assert (dag.code_of(module) != before) == changes


def test_a_name_that_stands_for_another_object_retrains(monkeypatch: pytest.MonkeyPatch) -> None:
    def code() -> str:
        forget()
        return fingerprint.code_fingerprint("digits", "mlp", "relu", "adam")

    before = code()
    monkeypatch.setattr(fingerprint, "ACTIVATIONS", {"relu": "torch.nn:GELU"})
    assert code() != before
    monkeypatch.undo()
    monkeypatch.setattr(fingerprint, "MODELS", {"mlp": "nnbench.models.mlp:another"})
    assert code() != before
    monkeypatch.undo()
    assert code() == before
