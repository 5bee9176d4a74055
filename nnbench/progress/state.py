"""What has become of each planned cell, read from its records, its lock and its log alone."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nnbench.cells.cell import blocks_of
from nnbench.jobs.locks import is_locked
from nnbench.jobs.marks import log_path
from nnbench.plan.plan import Plan
from nnbench.records.store import cell_folder, record_path

State = Literal["done", "running", "failed", "waiting"]
_TAIL_BYTES = 65536  # a traceback through an own model takes more than 4,096
_FAILED = ("nnbench: error:", "Traceback (most recent call last)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellState:
    """One planned cell: what it is doing, since when, and the last words of its log."""

    cell: str
    state: State
    missing_seeds: int = 0
    running_seconds: float = 0.0
    said: str = ""


def states(plan: Plan) -> Iterator[CellState]:
    """The state of every planned cell; nothing is locked, written or waited for."""
    results = Path(plan.config.results)
    for cell_id, seeds in plan.seeds.items():
        yield cell_state(results, cell_id, seeds)


def cell_state(results: Path, cell_id: str, seeds: int) -> CellState:
    """The state of one cell, of which so many seeds are planned."""
    blocks = blocks_of(seeds)
    missing = sum(len(b) for b in blocks if not record_path(results, cell_id, b).exists())
    if not missing:
        return CellState(cell=cell_id, state="done")
    lock, log = cell_folder(results, cell_id) / ".lock", log_path(results, cell_id, seeds)
    if is_locked(lock):
        since = max(0.0, time.time() - lock.stat().st_mtime)
        said = last_words(log)
        return CellState(
            cell=cell_id, state="running", missing_seeds=missing, running_seconds=since, said=said
        )
    said = _tail(log)
    if not any(mark in said for mark in _FAILED):  # an interrupted job's log has no error
        return CellState(cell=cell_id, state="waiting", missing_seeds=missing)
    said = _error_in(said).partition("\n")[0].removeprefix("nnbench: ")
    return CellState(cell=cell_id, state="failed", missing_seeds=missing, said=said)


def last_words(log: Path) -> str:
    """The last line of a job's log, without the program's name; empty: there is none."""
    return _last_line(_tail(log))


def error_of(log: Path) -> str:
    """What a failed job's log says of its error: from ``nnbench: error`` on, or its last line."""
    return _error_in(_tail(log))


def _error_in(text: str) -> str:
    at = text.rfind(_FAILED[0])
    return text[at:].strip() if at >= 0 else _last_line(text)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("nnbench: ") if lines else ""


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
