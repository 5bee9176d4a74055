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
from nnbench.cells.fingerprint import PACKAGE, reachable
from nnbench.dag import code_of

SOURCE = Path(nnbench.__file__).parent
DATASETS = ("digits", "mnist1d", "coin_flip")
TRAINING = (
    *(
        "engine/train.py",
        "cell.py",
        "engine/data.py",
        "engine/optim.py",
        "engine/stacking.py",
        "engine/augment.py",
        "engine/seeding.py",
    ),
    *("settings.py", "models/mlp.py", "models/base.py", "datasets/base.py", "datasets/store.py"),
    *(
        "engine/monitor.py",
        "engine/scores.py",
        "engine/objectives.py",
        "engine/probes.py",
        "engine/transfer.py",
        "engine/rbm.py",
        "engine/shift.py",
    ),
    *("experiments/training.py", "experiments/training_fit.py", "experiments/training_scores.py"),
    *("experiments/declared/training.py", "experiments/base.py", "device.py", "engine/labels.py"),
)
OTHERS = (
    *("judge.py", "aggregate.py", "verdict.py", "wording.py", "cli.py", "job.py", "dag.py"),
    *("plan.py", "config.py", "records.py", "errors.py", "overview.py", "run_provenance.py"),
    *("metrics.py", "report/page.py", "report/write.py", "figures/dots.py", "vocabulary.py"),
    *("experiments/speed.py", "experiments/timing.py", "experiments/reads.py", "models/zoo.py"),
)
# edits each file in turn and prints the datasets whose cells then have other ids
SCRIPT = """
import json, sys
from pathlib import Path
from nnbench.cells import fingerprint
from nnbench.claims.config import parse_config
from nnbench.plan.plan import make_plan
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
# the same for the fingerprints of experiments of several kinds
EXPERIMENTS = """
import json, sys
from pathlib import Path
from nnbench.cells import fingerprint
assert fingerprint.PACKAGE == Path("nnbench").resolve()
KINDS = ("training", "inference_speed", "own:EXPERIMENT")

def codes():
    fingerprint.forget()
    return {kind: fingerprint.code_fingerprint("digits", "mlp", "relu", "adam", kind) for kind in KINDS}

before, found = codes(), {}
assert len(set(before.values())) == len(KINDS)
for name in sys.argv[1:]:
    path = Path(name)
    content = path.read_bytes()
    path.write_bytes(content + b"# an edit\\n")
    found[name] = [kind for kind, code in codes().items() if code != before[kind]]
    path.write_bytes(content)
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
    folder = tmp_path_factory.mktemp("edited")
    write_document(folder, {"c0": claim(datasets={name: {} for name in DATASETS})})
    files = [path.relative_to(SOURCE).as_posix() for path in sorted(SOURCE.rglob("*.py"))]
    return after_edits(folder, SCRIPT, files)


def after_edits(folder: Path, script: str, files: list[str]) -> dict[str, list[str]]:
    """Run a script that edits these files on a copy of the package."""
    shutil.copytree(SOURCE, folder / "nnbench", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", script, *files],
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
    assert after_edits(tmp_path, EXPERIMENTS, list(wanted)) == wanted


def test_an_edit_of_own_data_retrains_and_prepares_them_anew(tmp_path: Path) -> None:
    from nnbench.cells import fingerprint

    table, path = tmp_path / "points.csv", tmp_path / "points.yaml"
    table.write_text("x,kind\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    path.write_text(
        "format: csv\nname: points\ntitle: Points\nsource: made up\nlicence: none\n"
        "path: points.csv\ntarget: kind\n"
    )

    def codes() -> tuple[str, str]:
        fingerprint.forget()
        name = str(path)
        return fingerprint.code_fingerprint(
            name, "mlp", "relu", "adam"
        ), fingerprint.dataset_fingerprint(name)

    before = codes()
    assert codes() == before
    table.write_text(table.read_text().replace("39,b", "39,a"))
    assert all(map(str.__ne__, codes(), before))


def test_line_endings_and_places_are_no_edit(tmp_path: Path) -> None:
    from nnbench.cells import fingerprint

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
        "report/write.py",
    } <= found  # inside functions


@pytest.mark.parametrize(
    ("module", "file", "changes"),
    [
        ("nnbench.verdicts.judge", "verdict.py", True),
        ("nnbench.verdicts.judge", "wording.py", True),
        ("nnbench.verdicts.judge", "figures/dots.py", False),
        ("nnbench.report", "figures/dots.py", True),
        ("nnbench.report", "templates/report.html.j2", True),
        ("nnbench.verdicts.judge", "templates/report.html.j2", False),
        ("nnbench.verdicts.measurements", "aggregate.py", True),
        ("nnbench.verdicts.measurements", "judge.py", False),
    ],
)
def test_the_read_side_runs_again_when_its_own_code_changes(
    module: str, file: str, changes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnbench import dag
    from nnbench.cells import fingerprint

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
    from nnbench.cells import fingerprint

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


def test_a_module_that_an_own_model_imports_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnbench.cells import fingerprint

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.py").write_text(
        "import torch\nimport beside\nfrom mine import layers\n"
    )
    (tmp_path / "mine/layers.py").write_text("WIDTH = 1\n")
    (tmp_path / "mine/beside.py").write_text("DEPTH = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def code() -> str:
        fingerprint.forget()
        return fingerprint.code_fingerprint("digits", "mine.model:build", "relu", "adam")

    found = [code()]
    for name in ("layers", "beside"):
        (tmp_path / f"mine/{name}.py").write_text("CHANGED = 2\n")
        found.append(code())
    assert len(set(found)) == 3
    fingerprint.forget()
