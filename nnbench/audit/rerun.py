"""Cells measured once more, in a scratch folder, each in a process of its own, as Snakemake's jobs are.

Nothing of a run stays: neither files nor, however it ends, a process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnbench.cells.cell import Cell
from nnbench.cells.cost import runs_alone
from nnbench.claims.config import Config
from nnbench.datasets.prepared.manifest import MANIFEST
from nnbench.records.store import RejectedRecordError, dataset_folder, read_record, record_path

LAST_LINES = 5
# as Snakemake sets them for its jobs, so that numpy's libraries add up in the same order
_THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What became of a cell: its new record, or the last lines of what its process said."""

    record: Mapping[str, Any] | None
    output: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where and with what is measured."""

    config: Config
    device: str
    cores: int
    scratch: Path
    say: Say


def measure_again(
    cells: Sequence[Cell], config: Config, *, device: str, cores: int, say: Say
) -> list[Rerun]:
    """Run cells anew, as many at once as the cores allow, and those that measure time one by one.

    Args:
        cells: Of today's code.
        config: Where prepared data lie, and where to prepare them from if they do not.
        device: Where to compute.
        cores: For all of them together.
        say: Told what is done, as it is done.

    Raises:
        KeyboardInterrupt: Ctrl-C; all processes have ended then.
    """
    # a process of a killed group may still be dying while its files are removed
    with tempfile.TemporaryDirectory(prefix="nnbench-audit-", ignore_cleanup_errors=True) as folder:
        place = _Place(config=config, device=device, cores=cores, scratch=Path(folder), say=say)
        return asyncio.run(_measured(cells, place))


async def _measured(cells: Sequence[Cell], place: _Place) -> list[Rerun]:
    broken = await _prepared({cell.dataset for cell in cells}, place)
    distinct = {cell.id: cell for cell in cells}  # several old records may be one cell of today
    alone = [cell for cell in distinct.values() if runs_alone(cell)]
    others = [cell for cell in distinct.values() if not runs_alone(cell)]
    threads = max((cell.threads for cell in others), default=1)
    slots = asyncio.Semaphore(max(1, place.cores // threads))

    async def run(cell: Cell) -> Rerun:
        if cell.dataset in broken:
            return Rerun(record=None, output=broken[cell.dataset], seconds=0.0)
        async with slots:
            return await _run(cell, place)

    async with asyncio.TaskGroup() as group:
        tasks = {cell.id: group.create_task(run(cell)) for cell in others}
    found = {cell_id: task.result() for cell_id, task in tasks.items()}
    for cell in alone:
        found[cell.id] = await run(cell)
    return [found[cell.id] for cell in cells]


async def _prepared(names: Iterable[str], place: _Place) -> dict[str, str]:
    """Prepare the datasets that are not; of those that cannot be, what was said."""
    broken = {}
    for name in sorted(names):
        folder = dataset_folder(Path(place.config.results), name)
        if (folder / MANIFEST).exists():
            continue
        place.say(f"preparing {name}")
        options = ["--data-folder", place.config.data_folder]
        options += ["--download"] if place.config.download else []
        status, output = await _ended(
            ["prepare", name, str(folder), *options], place, threads=place.cores
        )
        if status:
            broken[name] = output
    return broken


async def _run(cell: Cell, place: _Place) -> Rerun:
    """One cell in one process."""
    cores = place.cores if runs_alone(cell) else cell.threads
    path = record_path(place.scratch, cell.id)
    data = dataset_folder(Path(place.config.results), cell.dataset)
    started = time.perf_counter()
    status, output = await _ended(
        [
            *("run", json.dumps(cell.document(), separators=(",", ":"))),
            *("--record", str(path), "--data", str(data), "--device", place.device),
            *("--cores", str(cores), "--jobs-per-gpu", str(place.config.jobs_per_gpu)),
            "--end-with-parent",
        ],
        place,
        threads=cores,
    )
    seconds = time.perf_counter() - started
    place.say(f"cell {cell.id}: {'failed' if status else 'measured again'} in {seconds:.0f} s")
    try:
        return Rerun(record=None if status else read_record(path), output=output, seconds=seconds)
    except RejectedRecordError as error:
        return Rerun(record=None, output=error.reason, seconds=seconds)


async def _ended(arguments: Sequence[str], place: _Place, *, threads: int) -> tuple[int, str]:
    """Exit status and last lines of an ``nnbench`` command."""
    try:
        process = await _started(arguments, place, threads=threads)
    except OSError as error:
        return 1, f"cannot be started ({error.strerror or error})"
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            _end(process)
            await process.wait()
    lines = output.decode(errors="replace").strip().splitlines()
    return process.returncode or 0, "\n".join(lines[-LAST_LINES:]) or f"status {process.returncode}"


async def _started(
    arguments: Sequence[str], place: _Place, *, threads: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nnbench", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            **os.environ,
            **{f"{name}_NUM_THREADS": str(threads) for name in _THREADS},
            "TMPDIR": str(place.scratch),
        },
        start_new_session=True,  # its own processes are of its group, and end with it
    )


def _end(process: asyncio.subprocess.Process) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)  # nothing in the scratch folder is worth saving
    else:  # Windows
        process.kill()
