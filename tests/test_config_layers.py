"""From any folder, by nnbench and by Snakemake: the same defaults, and the same names and numbers."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_up_plan import FILE, claim, write_document
from project import Project

from nnbench.cells.cell import canonical
from nnbench.claims.config import parse_config
from nnbench.claims.selection import changes_of, default_config, elsewhere, read_run
from nnbench.cli.main import main
from nnbench.dag import config_of
from nnbench.errors import NnbenchError
from nnbench.plan.plan import make_plan

MINE = "documents: [mine.yaml]\nseeds: 5\n"


def project_in(folder: Path) -> Path:
    """A project whose config has defaults of its own."""
    (folder / "config/claims").mkdir(parents=True)
    write_document(folder, {"c0": claim()})
    (folder / FILE).rename(folder / "config/claims" / FILE)
    config = {"documents": [f"config/claims/{FILE}"], "reference": {"train_for": "200 epochs"}}
    (folder / "config/config.yaml").write_text(canonical(config))
    return folder


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project; the current folder is another one, with a config and a document."""
    here = tmp_path / "here"
    here.mkdir()
    write_document(here, {"own": claim(settings={})})
    (here / FILE).rename(here / "mine.yaml")
    (here / "my.yaml").write_text(MINE)
    monkeypatch.chdir(here)
    return project_in(tmp_path / "there")


def test_a_file_laid_over_it_from_another_folder_keeps_the_projects_defaults(there: Path) -> None:
    base = default_config(there)
    config = read_run(base, [Path("my.yaml")], {})
    assert (config.documents, config.seeds) == (("mine.yaml",), 5)
    plan = make_plan(config)
    assert {cell.settings.train_for for cell in plan.cells.values()} == {"200 epochs"}
    assert elsewhere(base) == [
        f"this folder has no config/config.yaml; the defaults are those of {base}"
    ]


def test_the_projects_own_documents_are_found_from_another_folder(there: Path) -> None:
    config = read_run(default_config(there), [], {})
    assert config.documents == (str(there / "config/claims" / FILE),)
    assert len(make_plan(config).cells) == 3


def test_a_config_in_this_folder_comes_first_and_nothing_is_said(
    there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(there)
    base = default_config(there.parent)
    assert str(base) == "config/config.yaml"
    assert read_run(base, [], {}).documents == (f"config/claims/{FILE}",)
    assert elsewhere(base) == []


def test_without_any_config_the_error_says_where_to_go(there: Path) -> None:
    with pytest.raises(NnbenchError) as error:
        default_config(Path.cwd())
    assert str(error.value) == (
        f"config/config.yaml: not in this folder\n  got: {Path.cwd()}\n  do: change to the project's "
        "folder, or name a config file: nnbench … --config FILE"
    )


def options(*changes: str, files: tuple[str, ...] = (), replaced: bool = False) -> SimpleNamespace:
    """Snakemake's ``config_settings``."""
    paths = [Path(file).absolute() for file in files]
    return SimpleNamespace(
        config_args=list(changes), configfiles=paths, replace_workflow_config=replaced
    )


OVER = """\
overrides:
  paper/c0:
    levels:
      0.10: {dropout: 0.1}
      .50: {dropout: 0.5}
      no: {dropout: 0.0}
      010: {dropout: 0.2}
      1:30: {dropout: 1e-3}
      null: {dropout: 0.3}
    claimed: {}
    kind: differs
    margin: 0.05
"""


def test_names_and_numbers_are_as_they_are_written_on_both_sides(there: Path) -> None:
    Path("over.yaml").write_text(OVER)
    base = default_config(there)
    config = config_of(options("seeds=5", files=("over.yaml",)), base)
    levels = config.overrides["paper/c0"]["levels"]
    assert list(levels) == ["0.10", ".50", "no", "010", "1:30", "null"]
    assert levels["1:30"] == {"dropout": 0.001}
    assert config == read_run(base, [Path("over.yaml").absolute()], {"seeds": 5})


def test_names_in_the_other_sections_stay_texts_too(there: Path) -> None:
    Path("over.yaml").write_text("instead: {on: [wine], 010: [digits]}\n")
    assert list(config_of(options(files=("over.yaml",)), default_config(there)).instead) == [
        "on",
        "010",
    ]
    Path("twice.yaml").write_text("dataset_settings: {wine: {lr: 0.1}, wine: {lr: 0.2}}\n")
    with pytest.raises(NnbenchError, match="line 1: duplicate key 'wine'"):
        config_of(options(files=("twice.yaml",)), default_config(there))


def test_snakemakes_option_that_leaves_the_defaults_out_is_refused(there: Path) -> None:
    with pytest.raises(NnbenchError, match=r"--replace-workflow-config would leave out what .*con"):
        config_of(options(files=("my.yaml",), replaced=True), default_config(there))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("learning_rate=0.1", "'learning_rate' is no key of a config, but 'lr' is a setting of tr"),
        ("lr=0.1", "set it under `reference`: --config 'reference={lr: …}'"),
        ("epochs=3", "set it under `reference`: --config 'reference={train_for: …}'"),
        ("reference={learning_rate: 0.1}", "did you mean 'lr'?"),
        ("tuning-seeds=3", "did you mean 'tuning_seeds'?"),
        ("replicates=3", "did you mean 'seeds'?"),
        ("documents=[]", "documents: should have at least this many entries: 1"),
        ("documents=x.yaml", "documents: should be a list: [a, b]"),
        ("seeds=0", "seeds: should be a whole number from 1 to 1000, or auto"),
        ("seeds=", "seeds: should be a whole number"),
        ("seeds=5.5", "seeds: should be a whole number"),
        ("tier=fast", "tier: should be one of: 'quick', 'default' or 'full'"),
        ("reference.lr=0.1", "write a key of a section in braces: --config 'reference={lr: 0.1}'"),
    ],
)
def test_a_wrong_change_is_refused_in_the_users_terms(
    there: Path, change: str, message: str
) -> None:
    with pytest.raises(NnbenchError) as error:
        make_plan(read_run(default_config(there), [], changes_of([change])))
    assert message in str(error.value)
    assert not re.search(
        r"Input should|[Tt]uple|dictionary|valid (integer|number)", str(error.value)
    )


def test_all_claims_may_be_written_as_a_star(there: Path) -> None:
    assert changes_of(["only=*"]) == {"only": "*"}
    assert read_run(default_config(there), [], changes_of(["only=*"])).only == ("*",)


def test_the_console_script_finds_the_modules_of_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "my_parts_here.py").write_text("VALUE = 3\n")
    code = (
        "import sys; sys.path = [p for p in sys.path if p]; from nnbench.cli.main import main\n"
        "try: main(['--version'])\nexcept SystemExit: import my_parts_here; print(my_parts_here.VALUE)"
    )
    for flags, found in (([], True), (["-P"], False)):  # as python -m has it
        done = subprocess.run(
            [sys.executable, *flags, "-c", code],
            cwd=tmp_path, env={**os.environ}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ("3" in done.stdout.split()) == found, done.stderr


def test_a_command_line_error_says_which_key_was_meant(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(there)
    assert main(["plan", "--config", "reference.lr=0.1"]) == 2
    assert "no change of the config" in capsys.readouterr().err


@pytest.mark.dag
def test_snakemake_from_another_folder_plans_as_nnbench_does(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    project.config["reference"] = {"l2": 0.125}
    project.save()
    (tmp_path / "it's here").mkdir()
    over = "overrides: {tiny/rate: {levels: {0.10: {lr: 0.1}, no: {lr: 0.2}}, claimed: {0.10: 1, no: 2}}}"
    mine = f"{over}\nresults: 'my \"results\" $HOME'\nonly: [tiny/rate]\n"
    (tmp_path / "it's here/my.yaml").write_text(mine)
    done = subprocess.run(
        project.command("-n", "-p", "-s", str(project.folder / "Snakefile"), "--configfile", "my.yaml"),
        cwd=tmp_path / "it's here", env=project.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert f"the defaults are those of {project.folder / 'config/config.yaml'}" in output
    read = re.search(r"nnbench aggregate --config (.*) --started ", output)
    assert read is not None
    config = parse_config(json.loads(shlex.split(read[1])[0]))
    plan = make_plan(config, root=tmp_path / "it's here")
    assert [cell.settings.l2 for cell in plan.cells.values()] == [0.125, 0.125]
    assert [(use.level, plan.cells[use.cells[0]].settings.lr) for use in plan.uses] == [
        ("0.10", 0.1),
        ("no", 0.2),
    ]
