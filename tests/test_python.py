"""The public functions: their examples hold, the page and the notebook run, and importing is free."""

from __future__ import annotations

import doctest
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from project import ROOT

import nnbench
from nnbench import api

PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the project's config, report and notebook, and nothing measured."""
    for name in ("config", "reports"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples/notebook.ipynb", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", nnbench.__all__)
def test_every_public_function_has_an_example_that_holds(
    name: str, checkout: Path, tmp_path: Path
) -> None:
    function = getattr(nnbench, name)
    assert function is getattr(api, name)
    tests = doctest.DocTestFinder().find(function, name, globs={"tmp_path": tmp_path / "made"})
    assert any(test.examples for test in tests)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        assert runner.run(test).failed == 0


def test_the_programs_of_the_page_run(checkout: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(programs) >= 2
    for program in programs:
        subprocess.run([sys.executable, "-c", program], cwd=checkout, check=True)
    assert (checkout / "my-report/index.html").exists()


def test_the_page_names_every_public_function() -> None:
    assert all(f"`{name}(" in PAGE for name in nnbench.__all__)


def test_the_notebook_runs_and_measures_one_more_level(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNBENCH_NOTEBOOK_FOLDER", str(checkout / "own"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(checkout / "jupyter"))  # nothing stays in the home folder
    notebook = nbformat.read(checkout / "examples/notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(
        cwd=str(checkout / "examples")
    )
    assert len(list((checkout / "own/cells").iterdir())) == 4
    assert "GELU" in str(notebook.cells)


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, nnbench; print(*{'torch', 'pandas', 'pydantic'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evaluate'"):
        nnbench.evaluate  # noqa: B018
