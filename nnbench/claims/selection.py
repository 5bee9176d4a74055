"""What of the config files one run takes, and in which folder its report goes.

A report of some claims, of fewer seeds or of other settings never replaces the whole one: it gets a folder
of its own, ``reports/parts/…``.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from nnbench.claims.config import (
    DEFAULT_CONFIG,
    Config,
    laid_over,
    parse_config,
    read_config,
    sections,
)
from nnbench.errors import NnbenchError
from nnbench.yamlfile import parse_yaml

PARTS = "parts"
NOW = "now"
"""The folder, among the parts, of a report that is made before everything is measured."""
# Where and on what something is measured: another value of these is the same run.
_WHERE = {
    "device",
    "jobs_per_gpu",
    "batch_minutes",
    "data_folder",
    "download",
    "results",
    "reports",
}
_CHANGE = re.compile(r"([A-Za-z_][\w-]*)=(.*)", re.DOTALL)


def default_config(home: Path) -> Path:
    """The ``config/config.yaml`` of this folder or, where there is none, of the project in ``home``.

    Raises:
        NnbenchError: Neither has one.
    """
    here = Path(DEFAULT_CONFIG)
    found = next((path for path in (here, home.resolve() / here) if path.is_file()), None)
    if found is None:
        raise NnbenchError(
            f"{here}: not in this folder",
            got=str(Path.cwd()),
            todo="change to the project's folder, or name a config file: nnbench … --config FILE",
        )
    return found


def elsewhere(base: Path) -> list[str]:
    """What is said where the defaults are those of another folder."""
    lies_here = base.resolve().is_relative_to(Path.cwd())
    return (
        []
        if lies_here
        else [f"this folder has no {DEFAULT_CONFIG}; the defaults are those of {base}"]
    )


def read_run(base: Path, files: Sequence[Path], changes: Mapping[str, object]) -> Config:
    """The config that the files and changes of a command line make of a config file.

    Args:
        base: The config file.
        files: Files that are laid over it, as with ``--configfile``.
        changes: Keys that come last, as with ``--config KEY=VALUE``.

    Raises:
        NnbenchError: Something in them is wrong.
    """
    if not files and not changes:
        return read_config(str(base))
    data = sections(base)
    for path in files:
        data = laid_over(data, sections(path))
    where = " + ".join([*map(str, (base, *files)), *(f"{key}=…" for key in changes)])
    merged = parse_config(laid_over(data, changes), where=where)
    return with_own_reports(merged, base, files)


def changes_of(texts: Sequence[str]) -> dict[str, object]:
    """``KEY=VALUE`` texts as keys of a config; a value is YAML, as with Snakemake's ``--config``."""
    found: dict[str, object] = {}
    for text in texts:
        match = _CHANGE.fullmatch(text)
        if match is None:
            raise NnbenchError(
                "no change of the config",
                got=repr(text),
                allowed="KEY=VALUE",
                todo="write a key of a section in braces: --config 'reference={lr: 0.1}'",
            )
        key, value = match.groups()
        all_of_it = key == "only" and value.startswith("*")  # to YAML an alias
        found[key] = value if all_of_it else parse_yaml(value, where=f"--config {key}")
    return found


def with_own_reports(config: Config, base: Path, files: Sequence[Path]) -> Config:
    """The config with a report folder of its own, if it is a part of what ``base`` and ``files`` ask for.

    A folder that the command line or one of the files names is taken as it is.
    """
    whole = read_config(str(base))
    laid = read_config(str(base), *map(str, files)) if files else whole
    if laid.reports != whole.reports:
        whole = laid
    if config.reports != whole.reports or not (name := _part(config, whole)):
        return config
    return config.model_copy(update={"reports": str(Path(whole.reports) / PARTS / name)})


def now_folder(config: Config) -> Path:
    """Where a report goes that is made before everything is measured."""
    reports = Path(config.reports)
    whole = reports.parent.parent if reports.parent.name == PARTS else reports
    return whole / PARTS / NOW


def tables_folder(config: Config) -> Path:
    """Where the tables go that the report is made of: those of a part beside those of the whole."""
    reports, whole = Path(config.reports), Path(config.results) / "aggregate"
    return whole / PARTS / reports.name if reports.parent.name == PARTS else whole


def _part(config: Config, whole: Config) -> str:
    """A name made of what differs; empty: nothing, or only more seeds."""
    own, all_of_it = _science(config), _science(whole)
    changed = [key for key, value in own.items() if value != all_of_it[key]]
    words = []
    if "only" in changed:
        words.append(_slug("-".join(config.only)))
    before, now = whole.seeds, config.seeds
    more = isinstance(before, int) and isinstance(now, int) and now > before
    if "seeds" in changed and not (more and changed == ["seeds"]):
        words.append(f"{config.seeds}-seeds")
    if "tier" in changed:
        words.append(config.tier)
    if others := {key: own[key] for key in changed if key not in {"only", "seeds", "tier"}}:
        text = json.dumps(others, sort_keys=True)
        words.append(hashlib.sha256(text.encode()).hexdigest()[:8])
    return "-".join(words)


def _science(config: Config) -> dict[str, object]:
    return config.model_dump(mode="json", exclude=_WHERE)


def _slug(text: str) -> str:
    """A folder's name: letters, digits and dashes; shortened by a hash."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower().replace("*", "all")).strip("-")
    if len(slug) <= 60:
        return slug
    return f"{slug[:51]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
