"""What a batch does once for the processes of all its cells, and what each asks of git."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_plan import claim, planned

from nnbench.cli.measuring import _make_ready
from nnbench.engine.native import build
from nnbench.experiments.run import import_measure
from nnbench.jobs import provenance


def test_what_measures_is_imported_ahead_of_the_cells() -> None:
    """In a new process: this one has imported it already."""
    code = (
        "import sys; from nnbench.experiments.run import import_measure; name = 'nnbench.experiments.training.measure'; "
        "before = name in sys.modules; import_measure('training'); print(before, name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_users_experiment_is_imported_by_the_process_that_runs_it() -> None:
    import_measure("no_such_module:EXPERIMENT")


@pytest.mark.skipif(build.compiler_here() is None, reason="needs a C++ compiler")
def test_the_compiled_code_is_loaded_once_for_all_cells(tmp_path: Path) -> None:
    build.native.cache_clear()
    _make_ready(planned(tmp_path, claim()).cells, tmp_path)
    assert build.native.cache_info().currsize == 1


def test_versions_and_git_are_asked_once_for_all_cells(tmp_path: Path) -> None:
    for once in (provenance.versions, provenance.git_state):
        once.cache_clear()
    _make_ready((), tmp_path)
    assert (
        provenance.versions.cache_info().currsize == provenance.git_state.cache_info().currsize == 1
    )


def test_a_batch_without_a_compiler_leaves_the_word_on_it_to_its_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    _make_ready((), tmp_path)
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_record_names_the_commit_and_whether_files_differ_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.setattr(provenance, "CHECKOUT", str(tmp_path))
    state = provenance.git_state.__wrapped__  # a process remembers its first answer
    assert state() == {"git_commit": None, "git_dirty": None}
    git("init")
    assert state() == {"git_commit": None, "git_dirty": False}
    (tmp_path / "nnbench").mkdir()
    code, other = tmp_path / "nnbench" / "code.py", tmp_path / "notes.md"
    for path in (code, other):
        path.write_text("1\n")
    git("add", ".")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD")
    other.write_text("2\n")
    assert state() == {"git_commit": commit, "git_dirty": False}
    code.write_text("2\n")
    assert state() == {"git_commit": commit, "git_dirty": True}
