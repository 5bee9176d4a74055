"""Cells measured once more, in a scratch folder, each in a process of its own, as Snakemake's jobs are.

However it ends, it leaves no files and no processes behind.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnbench.cells.cell import Cell, block_name
from nnbench.cells.cost import runs_alone
from nnbench.claims.config import Config
from nnbench.datasets.prepared.manifest import MANIFEST
from nnbench.processes import Child, Ended, last_lines, run_children
from nnbench.records.record import Record
from nnbench.records.store import RejectedRecordError, dataset_folder, read_record, record_path

# set as Snakemake sets them for its jobs, so that numpy's libraries sum in the same order
_THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")

Say = Callable[[str], None]
Block = tuple[int, ...]  # seeds that have one record


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Some of the blocks that seeds 0, 1, … up to the last one of them make."""

    cell: Cell
    blocks: tuple[Block, ...]

    @property
    def key(self) -> str:
        """The same for tasks that one process can answer."""
        return "-".join((self.cell.id, *map(block_name, self.blocks)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What became of a task: the new records, or none and the last lines that its process wrote."""

    records: tuple[Record, ...]
    output: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setup:
    """Where and with what to measure."""

    config: Config
    device: str
    cores: int
    scratch: Path
    say: Say

    def data(self, dataset: str) -> Path:
        return dataset_folder(Path(self.config.results), dataset)

    def cores_for(self, task: Task) -> int:
        return self.cores if runs_alone(task.cell) else task.cell.threads

    def child(self, arguments: Sequence[str], *, threads: int) -> Child:
        limits = {f"{name}_NUM_THREADS": str(threads) for name in _THREADS}
        return Child(
            command=(sys.executable, "-m", "nnbench", *arguments),
            environment={**os.environ, **limits, "TMPDIR": str(self.scratch)},
        )


def measure_again(
    tasks: Sequence[Task], config: Config, *, device: str, cores: int, say: Say
) -> list[Rerun]:
    """Measure anew, as many cells at once as the cores allow, and those that measure time one by one.

    Args:
        tasks: Cells of today's code with their blocks.
        config: Where prepared data lie, and where to prepare them from if they are missing.
        device: Where to compute.
        cores: CPU cores for all processes together.
        say: Told about progress.

    Raises:
        KeyboardInterrupt: Ctrl-C; all processes have ended by then.
    """
    # a process of a killed session may still be dying while its files are removed
    with tempfile.TemporaryDirectory(prefix="nnbench-audit-", ignore_cleanup_errors=True) as folder:
        setup = _Setup(config=config, device=device, cores=cores, scratch=Path(folder), say=say)
        broken = _prepare({task.cell.dataset for task in tasks}, setup)
        # several old cells may be one and the same today
        distinct = {task.key: task for task in tasks if task.cell.dataset not in broken}.values()
        found = _run([task for task in distinct if not runs_alone(task.cell)], setup)
        found |= _run([task for task in distinct if runs_alone(task.cell)], setup)
    failed = {name: Rerun(records=(), output=why, seconds=0.0) for name, why in broken.items()}
    return [failed.get(task.cell.dataset) or found[task.key] for task in tasks]


def _prepare(names: Iterable[str], setup: _Setup) -> dict[str, str]:
    """Prepare the datasets that are not; of those that cannot be, the last words."""
    broken = {}
    for name in sorted(names):
        folder = setup.data(name)
        if (folder / MANIFEST).exists():
            continue
        setup.say(f"preparing {name}")
        options = ["--data-folder", setup.config.data_folder]
        options += ["--download"] if setup.config.download else []
        child = setup.child(["prepare", name, str(folder), *options], threads=setup.cores)
        [ended] = run_children([child])
        if ended.failure:
            broken[name] = _last_words(ended)
    return broken


def _run(tasks: Sequence[Task], setup: _Setup) -> dict[str, Rerun]:
    """What became of each task, by name."""

    def say(index: int, ended: Ended) -> None:
        how = "failed" if ended.failure else "measured again"
        setup.say(f"cell {tasks[index].cell.id}: {how} in {ended.seconds:.0f} s")

    most = max(map(setup.cores_for, tasks), default=1)
    children = [_job(task, setup) for task in tasks]
    ends = run_children(children, at_once=max(1, setup.cores // most), ended=say)
    return {task.key: _rerun(task, end, setup) for task, end in zip(tasks, ends, strict=True)}


def _job(task: Task, setup: _Setup) -> Child:
    cores = setup.cores_for(task)
    command = [
        *("run", task.cell.to_json(), "--seeds", str(task.blocks[-1][-1] + 1)),
        *("--blocks", *map(block_name, task.blocks)),
        # a folder per task: two may measure blocks of the same cell
        *(
            "--results",
            str(setup.scratch / task.key),
            "--data",
            str(setup.data(task.cell.dataset)),
        ),
        *("--device", setup.device, "--cores", str(cores)),
        *("--jobs-per-gpu", str(setup.config.jobs_per_gpu), "--end-with-parent"),
    ]
    return setup.child(command, threads=cores)


def _rerun(task: Task, ended: Ended, setup: _Setup) -> Rerun:
    folder, output = setup.scratch / task.key, ""
    records: tuple[Record, ...] = ()
    paths = [record_path(folder, task.cell.id, block) for block in task.blocks]
    if ended.failure:
        output = _last_words(ended)
    else:
        try:
            records = tuple(map(read_record, paths))
        except RejectedRecordError as error:
            output = error.reason
    return Rerun(records=records, output=output, seconds=ended.seconds)


def _last_words(ended: Ended) -> str:
    return "\n".join(last_lines(f"{ended.output}\n{ended.errors}")) or str(ended.failure)
