"""Write the report: ``index.html``, ``README.md``, ``figures/`` and ``data/``."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

import jinja2

from nnbench.errors import NnbenchError
from nnbench.records.results import SCHEMA_VERSION, Results
from nnbench.records.store import write_atomically
from nnbench.report import appendix, details, general, markdown, page, tables
from nnbench.report.anchors import anchors_of
from nnbench.report.csvs import csv_files
from nnbench.report.figures.canvas import Image
from nnbench.report.figures.pictures import Pictures, draw
from nnbench.text import vocabulary

# What fields that disagree make tables and figures raise.
_UNSHOWN = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
_PLAIN = ",:;/()@=+*!"  # stand for themselves in a data address, beside letters, digits and -._~
LIST = ".nnbench-files.json"  # the figures and data files that the last report wrote
_OURS = re.compile(r"(figures|data)/[a-z0-9_.-]+\.(svg|png|csv)")
_TEMPLATES = Path(__file__).parent / "templates"
_MODULES = (appendix, details, general, page, tables, vocabulary)  # what templates call
_MIME = {"svg": "image/svg+xml", "png": "image/png"}


def write_report(results: Results, folder: Path) -> None:
    """Write the whole report into a folder; the same results give the same bytes.

    Figures and data files that an earlier report wrote, and that this one does not have, are removed.

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
        files = report_files(results)
    except _UNSHOWN as error:
        raise NnbenchError(
            "results.json holds what cannot be shown, although each field has its type",
            got=f"{type(error).__name__}: {error}"[:200],
            todo="run `nnbench judge` again",
        ) from error
    try:
        _write_all(files, folder)
    except OSError as error:
        raise NnbenchError(
            f"the report folder {str(folder)!r} cannot be written",
            got=str(error),
            todo="make the folder writable, or name another one",
        ) from error


def report_files(results: Results) -> dict[str, bytes]:
    """Every file of a report by its name in the folder; nothing is written."""
    anchors = anchors_of(results)
    pictures = draw(results, anchors)
    csvs = csv_files(results.claims, anchors)
    shown = {"results": results, "anchors": anchors, "pictures": pictures}
    return {
        "README.md": _markdown().render(shown).rstrip().encode() + b"\n",
        **{f"data/{name}": data for name, data in csvs.items()},
        **{f"figures/{name}": image.data for name, image in _figure_files(pictures).items()},
        "index.html": _html().render(shown, csvs=_links(csvs)).encode(),
    }


def _html() -> jinja2.Template:
    """The page as one HTML file with everything inside."""
    environment = _environment()
    environment.filters |= {"data_uri": _data_uri, "json": _pretty}
    environment.tests["chip"] = lambda cell: hasattr(cell, "symbol")
    environment.tests["link"] = lambda cell: hasattr(cell, "target")
    return environment.get_template("report.html.j2")


def _markdown() -> jinja2.Template:
    """The page as Markdown with figures beside it."""
    environment = _environment()
    environment.finalize = markdown.escape
    filters = {"code": markdown.code, "cell": markdown.cell, "html": markdown.html_text}
    environment.filters |= filters
    return environment.get_template("report.md.j2")


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


def _links(csvs: Mapping[str, bytes]) -> dict[str, str]:
    return {name: f"data:text/csv,{quote(data, safe=_PLAIN)}" for name, data in csvs.items()}


def _data_uri(image: Image) -> str:
    return f"data:{_MIME[image.suffix]};base64,{base64.b64encode(image.data).decode()}"


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _figure_files(pictures: Pictures) -> dict[str, Image]:
    named = {**pictures.dots, **pictures.forests, **pictures.samples}
    if pictures.overview is not None:
        named["overview"] = pictures.overview
    return {f"{name}.{image.suffix}": image for name, image in named.items()}


def _write_all(files: Mapping[str, bytes], folder: Path) -> None:
    """Write, then remove what only an earlier report had: nothing else in these folders is ours.

    What is written is listed first, so that an interrupted report can be cleared up, too.
    """
    old = _listed(folder)
    _list({*old, *files}, folder)
    for name, data in files.items():
        write_atomically(folder / name, data)
    for name in sorted(old - files.keys()):
        (folder / name).unlink(missing_ok=True)
    _list(files, folder)


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
