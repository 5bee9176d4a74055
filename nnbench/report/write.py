"""Write the report: ``index.html``, ``README.md`` and a page for each document, ``figures/`` and ``data/``."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jinja2

from nnbench.errors import NnbenchError
from nnbench.records.results import SCHEMA_VERSION, Results
from nnbench.records.store import write_atomically
from nnbench.report import (
    advice,
    appendix,
    belief,
    details,
    evidence,
    general,
    head,
    markdown,
    matrix,
    page,
    quotation,
    remarks,
    studies,
    tables,
)
from nnbench.report.anchors import Anchors, anchors_of
from nnbench.report.csvs import over_all, runs_of_each, runs_of_studies, shares_of_each
from nnbench.report.figures.canvas import page_style
from nnbench.report.figures.card import cards
from nnbench.report.figures.pictures import Pictures, pictures_of
from nnbench.report.pages import Page, pages_of, twins_of
from nnbench.report.terminal import HEADLINE, headline
from nnbench.text import vocabulary

# What fields that disagree make tables and figures raise.
_UNSHOWN = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
LIST = ".nnbench-files.json"  # what the last report wrote beside README.md and index.html
_OURS = re.compile(
    r"(figures|data|claims)/[a-z0-9_.-]+\.(svg|png|csv)|document-[a-z0-9_.-]+\.(html|md)"
)
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|(?:s|ms|min|h|nats|points?)\b)")
_TEMPLATES = Path(__file__).parent / "templates"
_SCRIPTS = ("report", "scales", "downloads")
_MODULES = (
    advice,
    appendix,
    belief,
    details,
    evidence,
    general,
    head,
    matrix,
    page,
    quotation,
    remarks,
    studies,
    tables,
    vocabulary,
)  # what templates call


def write_report(results: Results, folder: Path) -> None:
    """Write the whole report into a folder; the same results give the same bytes.

    Figures, data files and pages that an earlier report wrote, and that this one does not have, are removed.

    Raises:
        NnbenchError: The results are of an older version, their fields disagree, or the folder cannot
            be written.
    """
    if results.schema_version != SCHEMA_VERSION:
        raise NnbenchError(
            "results.json was judged by other rules than this nnbench explains",
            got=f"schema version {results.schema_version}",
            allowed=SCHEMA_VERSION,
            todo="run `nnbench judge` again, with the measurements in the results folder",
        )
    try:
        _write_all(report_files(results), folder)
    except _UNSHOWN as error:
        raise NnbenchError(
            "results.json holds what cannot be shown, although each field has its type",
            got=f"{type(error).__name__}: {error}"[:200],
            todo="run `nnbench judge` again",
        ) from error
    except OSError as error:
        raise NnbenchError(
            f"the report folder {str(folder)!r} cannot be written",
            got=str(error),
            todo="make the folder writable, or name another one",
        ) from error


def report_files(results: Results) -> Iterator[dict[str, bytes]]:
    """The files of each page by their names in the folder; nothing is written."""
    anchors, html, twin = anchors_of(results), _html(), _markdown()
    claims = {claim.id: claim for claim in results.claims}
    for sheet in pages_of(results, anchors):
        pictures = pictures_of(sheet, anchors)
        csvs, packed = _csvs(sheet, anchors)
        shown = {"claims": claims, "anchors": anchors, "csvs": csvs, "packed": packed}
        page = html.render(
            shown, sheet=sheet, results=sheet.results, pictures=pictures,
            path_to=partial(sheet.path_to, suffix="html"),
        )  # fmt: skip
        yield {
            **_markdown_files(twin, sheet, pictures, shown),
            **{f"data/{name}": data for name, data in csvs.items()},
            **{f"figures/{name}": data for name, data in pictures.files().items()},
            **({} if sheet.is_index else _cards(sheet, anchors)),
            **({HEADLINE: _headline(results)} if sheet.stem == "index" else {}),
            f"{sheet.stem}.html": page.encode(),
        }


def _headline(results: Results) -> bytes:
    return "".join(f"{line}\n" for line in headline(results)).encode()


def _cards(sheet: Page, anchors: Anchors) -> dict[str, bytes]:
    """Each claim on its own, to be embedded elsewhere."""
    return {f"claims/{name}": image.data for name, image in cards(sheet.results, anchors)}


def _markdown_files(
    twin: jinja2.Template, sheet: Page, pictures: Pictures, shown: Mapping[str, Any]
) -> dict[str, bytes]:
    """A page as Markdown: its texts, and the figures that only these have."""
    files: dict[str, bytes] = {}
    for part in twins_of(sheet, shown["anchors"]):
        own = pictures if part is sheet else pictures.on(part, shown["anchors"])
        place = f"#{part.stem}" if part.document and part is not sheet else ""
        text = twin.render(
            shown, sheet=part, results=part.results, pictures=own, html=f"{sheet.stem}.html{place}",
            path_to=partial(part.path_to, suffix="md"),
        )  # fmt: skip
        files |= {f"figures/{name}": data for name, data in own.summary_files().items()}
        files[f"{part.stem if part.document else 'README'}.md"] = text.rstrip().encode() + b"\n"
    return files


def _csvs(page: Page, anchors: Anchors) -> tuple[dict[str, bytes], dict[str, str]]:
    """CSV files by name; those that the page carries, as gzip in base64. A page that is alone carries all."""
    own = runs_of_each(page.evidence, anchors) | shares_of_each(page.evidence, anchors)
    own |= runs_of_studies(page.studies)
    summed = {} if page.document else over_all(page.results.claims)
    carried = own if page.is_index else own | summed
    packed = {
        name: base64.b64encode(gzip.compress(data, mtime=0)).decode()
        for name, data in carried.items()
    }
    return own | summed, packed


def _html() -> jinja2.Template:
    """The page as one HTML file with everything inside."""
    environment = _environment()
    environment.finalize = _joined
    environment.filters["json"] = _pretty
    environment.globals |= {"figure_style": page_style(), **_script()}
    environment.tests["chip"] = lambda cell: hasattr(cell, "symbol")
    environment.tests["link"] = lambda cell: hasattr(cell, "target")
    environment.tests["links"] = lambda cell: hasattr(cell, "links")
    return environment.get_template("report.html.j2")


def _joined(value: object) -> object:
    """Text whose numbers stay on one line with their units; markup as it is."""
    return _BEFORE_UNIT.sub("\u00a0", value) if type(value) is str else value


def _script() -> dict[str, str]:
    """The page's own script, and the only one that its policy allows."""
    text = "\n".join((_TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"script": text, "script_hash": f"sha256-{digest}"}


def _markdown() -> jinja2.Template:
    """The page as Markdown with figures beside it."""
    environment = _environment()
    environment.finalize = markdown.escape
    filters = {"code": markdown.code, "cell": _cell, "html": markdown.html_text}
    environment.filters |= filters
    return environment.get_template("report.md.j2")


@jinja2.pass_context
def _cell(context: jinja2.runtime.Context, item: object) -> markdown.Safe:
    return markdown.cell(item, path_to=context["path_to"])


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {module.__name__.rpartition(".")[2]: module for module in _MODULES}
    return environment


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _write_all(pages: Iterable[Mapping[str, bytes]], folder: Path) -> None:
    """Write, then remove what only an earlier report had: nothing else in these folders is ours.

    What is written is listed first, so that an interrupted report can be cleared up, too.
    """
    old = _listed(folder)
    new: set[str] = set()
    for files in pages:
        new |= files.keys()
        _list(old | new, folder)
        for name, data in files.items():
            write_atomically(folder / name, data)
    for name in sorted(old - new):
        (folder / name).unlink(missing_ok=True)
    _list(new, folder)


def _list(names: Iterable[str], folder: Path) -> None:
    own = sorted(name for name in names if _OURS.fullmatch(name))
    write_atomically(folder / LIST, json.dumps(own, indent=0).encode() + b"\n")


def _listed(folder: Path) -> set[str]:
    """The figures and data files of the last report in a folder; none without its list."""
    try:
        names = json.loads((folder / LIST).read_bytes())
    except (OSError, ValueError):
        return set()
    listed = names if isinstance(names, list) else []
    return {name for name in listed if isinstance(name, str) and _OURS.fullmatch(name)}
