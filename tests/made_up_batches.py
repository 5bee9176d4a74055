"""Batches of a made-up plan, as the Snakefile composes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_up_plan import FILE, claim, write_document

from nnbench.claims.config import parse_config
from nnbench.dag import Workflow


def workflow_in(folder: Path, *claims: dict[str, Any], **config: Any) -> Workflow:
    write_document(folder, {f"c{i}": item for i, item in enumerate(claims or [claim()])})
    folders = {name: str(folder / name) for name in ("results", "reports")}
    return Workflow(parse_config({"documents": [str(folder / FILE)], **folders, **config}))


class Options:
    """Snakemake's ``dag_settings``."""

    def __init__(self, *forcerun: str, forceall: bool = False, forcetargets: bool = False) -> None:
        self.forcerun, self.forceall, self.forcetargets = forcerun, forceall, forcetargets


def batches(
    workflow: Workflow, options: Options | None = None, cores: int | None = 2
) -> dict[str, list[str]]:
    """Batch -> its cells."""
    marks = workflow.batches(options or Options(), cores)
    return {Path(mark).stem: list(workflow.batch(Path(mark).stem).cells) for mark in marks}
