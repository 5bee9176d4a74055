"""The report of the made-up results, written once, and what its pages say."""

from __future__ import annotations

import pytest
from made_up_results import Page, made_up_results, write


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("reports")
    write(made_up_results(), path)
    return path


@pytest.fixture(scope="session")
def page(folder):
    return Page((folder / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def readme(folder):
    """The Markdown pages, the index first."""
    names = ["README.md", *sorted(path.name for path in folder.glob("document-*.md"))]
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
