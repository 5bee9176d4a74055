"""A report of more than 200 claims: an index, and a page for each document."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from made_up_parts import claim, level, result
from made_up_results import Page, made_up_results, typed

from nnbench.audit.compare import compare
from nnbench.cli.main import main
from nnbench.records.results import ClaimResult, Results, Summary, read_results
from nnbench.records.store import write_atomically
from nnbench.report import pages
from nnbench.report.pages import MOST
from nnbench.report.write import LIST, write_report

DOCUMENTS = ("keras", "loss", "resolve")
DRAWN = 3  # claims of each document that have figures


def one(document: str, number: int) -> dict[str, Any]:
    """A small claim; those after the first few are quoted only, and need no figure."""
    made = claim(f"{document}/c{number}", f"Claim {number}", quote="q", results=[])
    if number >= DRAWN:
        return {**made, "status": "qualitative", "verdict": None, "reason": "a statement"}
    levels = [level("low", 0.1, 0.2, spread=0.01), level("high", 0.2, 0.4 + number, spread=0.02)]
    found = [result("mnist5k", "test_loss", levels, verdict="partly" if number else "reproduced")]
    return {**claim(f"{document}/c{number}", f"Claim {number}", quote="q", results=found)}


def results_of(claims: int) -> Results:
    """As many claims, in three documents; the first names one of another document."""
    made = [one(name, n) for name in DOCUMENTS for n in range(claims // len(DOCUMENTS))]
    made[0]["links"] = ["resolve/c1"]
    found = [typed(ClaimResult, own) for own in made]
    content: Mapping[str, Any] = {**made_up_results(), "claims": made}
    return typed(Results, content).model_copy(update={"summary": Summary.of(found)})


@pytest.fixture(scope="module")
def results() -> Results:
    return results_of(MOST + 1)


@pytest.fixture(scope="module")
def folder(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("split")
    write_report(results, path)
    write_atomically(path / "results.json", results.to_json())
    return path


def page(folder: Path, name: str) -> Page:
    return Page((folder / name).read_text(encoding="utf-8"))


def ids(folder: Path, name: str) -> list[str]:
    """The anchors of a page, HTML or Markdown."""
    return re.findall(r' id="([^"]+)"', (folder / name).read_text(encoding="utf-8"))


def leads(folder: Path, name: str) -> set[tuple[str, str]]:
    """File and anchor of every link with an anchor on a page."""
    text = (folder / name).read_text(encoding="utf-8")
    links = re.findall(r'href="([\w.-]*)#([^"]+)"|\]\(([\w.-]*)#([^)]+)\)', text)
    return {(link[0] or link[2] or name, link[1] or link[3]) for link in links}


def test_there_is_an_index_and_a_page_per_document_in_both_forms(folder: Path) -> None:
    pages = {path.name for path in folder.iterdir() if path.suffix in (".html", ".md")}
    own = {f"document-{name}.{suffix}" for name in DOCUMENTS for suffix in ("html", "md")}
    assert pages == {"index.html", "README.md", *own}


def test_every_link_of_every_page_leads_to_something(folder: Path) -> None:
    for path in [*folder.glob("*.html"), *folder.glob("*.md")]:
        assert len(ids(folder, path.name)) == len(set(ids(folder, path.name)))
        for file, anchor in leads(folder, path.name):
            # forges make anchors of Markdown's headings
            assert anchor in ids(folder, file) or (file.endswith(".md") and "document" in anchor)


def test_a_link_to_a_claim_or_finding_on_the_index_still_finds_it(folder: Path) -> None:
    anchors = {"loss-c1", "loss-c1-mnist5k-as-written", "loss-c60", "document-loss"}
    assert anchors <= set(ids(folder, "index.html"))
    assert anchors <= set(ids(folder, "document-loss.html"))
    assert ("document-loss.html", "loss-c1") in leads(folder, "index.html")
    assert ("document-loss.md", "loss-c60") in leads(folder, "README.md")


def test_the_index_counts_the_verdicts_of_each_document_and_shows_no_figure(folder: Path) -> None:
    text = page(folder, "index.html").text
    assert "Verdicts by document" in text
    counts = "| [Neural Net Loss](document-loss.md#document-loss) | 67 | 1 | 2 | 64 |"
    assert counts in (folder / "README.md").read_text(encoding="utf-8")
    assert not [image for image in page(folder, "index.html").all("img") if "low" in image["alt"]]
    assert (
        "67 claims in Neural Net Loss, 3 of them measured"
        in page(folder, "document-loss.html").text
    )


def test_a_claim_of_another_document_is_found_by_its_link(folder: Path) -> None:
    assert ("document-resolve.html", "resolve-c1") in leads(folder, "document-keras.html")
    assert ("document-resolve.md", "resolve-c1") in leads(folder, "document-keras.md")


def test_every_claim_is_on_the_page_of_its_document_alone(folder: Path, results: Results) -> None:
    for name in DOCUMENTS:
        shown = {a["id"] for a in page(folder, f"document-{name}.html").all("article")}
        assert shown == {c.id.replace("/", "-") for c in results.claims if c.document == name}


def test_figures_and_data_lie_where_a_whole_report_has_them(folder: Path) -> None:
    assert (folder / "data/loss-c1.csv").exists()
    assert {"verdicts.csv", "pairs.csv"} <= {path.name for path in (folder / "data").iterdir()}
    for path in folder.glob("*.md"):
        for file in re.findall(r"\]\(((?:figures|data)/[^)]+)\)", path.read_text(encoding="utf-8")):
            assert (folder / file).exists()


def test_the_same_results_give_the_same_bytes(
    folder: Path, results: Results, tmp_path: Path
) -> None:
    write_report(results, tmp_path)
    (folder / "results.json").rename(tmp_path / "results.json")
    differing = subprocess.run(["diff", "-r", folder, tmp_path], check=False, capture_output=True)
    (tmp_path / "results.json").rename(folder / "results.json")
    assert b"results.json" in differing.stdout
    assert differing.stdout.count(b"\n") == 1


def test_a_report_of_fewer_claims_removes_the_pages_of_documents(tmp_path: Path) -> None:
    write_report(results_of(MOST + 1), tmp_path)
    write_report(results_of(9), tmp_path)
    assert not list(tmp_path.glob("document-*.html"))
    listed = json.loads((tmp_path / LIST).read_bytes())
    own = [f"document-{name}.md" for name in DOCUMENTS]
    assert [name for name in listed if name.startswith("document-")] == own
    write_report(results_of(9).model_copy(update={"claims": results_of(9).claims[:3]}), tmp_path)
    assert not list(tmp_path.glob("document-*")), "of one document README.md has all"
    assert "All documents" not in page(tmp_path, "index.html").text


def test_the_commands_read_a_split_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "loss/c1", "--report", str(folder)]) == 0
    assert "figures/loss-c1-mnist5k" in capsys.readouterr().out
    found = read_results(folder)
    assert not compare(found, found).differs


def test_markdown_finds_the_index_by_its_own_name() -> None:
    page = pages.Page(stem="loss", results=results_of(3), places={"study": "index", "c": "loss"})
    assert page.path_to("study", "md") == "README.md"
    assert page.path_to("study", "html") == "index.html"
    assert page.path_to("c", "md") == ""
