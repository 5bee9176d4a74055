"""What the Snakefile needs from the package: the plan, and each job's inputs as strings.

No torch and no pandas here: Snakemake reads the Snakefile anew in every remote job.
"""

import hashlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from nnbench.cells.cell import blocks_of
from nnbench.cells.fingerprint import PACKAGE, module_fingerprint, source_of
from nnbench.claims.config import Config
from nnbench.claims.selection import changes_of, now_folder, read_run, tables_folder
from nnbench.errors import NnbenchError
from nnbench.jobs.job import done_path, mark_done
from nnbench.jobs.lease import slots
from nnbench.jobs.planned import Jobs, write_planned
from nnbench.jobs.provenance import cores_there
from nnbench.plan.plan import Plan, make_plan
from nnbench.plan.started import started
from nnbench.progress.estimate import jobs_of
from nnbench.progress.labels import cell_labels
from nnbench.progress.narrator import Outlook
from nnbench.progress.state import states
from nnbench.records.store import (
    AGAIN,
    MADE_OF,
    dataset_folder,
    record_path,
    records_sha256,
    reject,
)

_CELL = re.compile(r"\bcells?[/=]([0-9a-f]{16})")  # of a file, or of a remote job
LONG_AGO = 1  # seconds since the epoch; Snakemake takes 0 for no time at all
SHORTEST_MINUTES = 15  # start-up from a shared disk, the data, and waiting for a lock
SLOWER = 5.0  # how much longer than estimated a cell may take before a cluster ends it


class Workflow:
    """A config as the DAG sees it.

    Args:
        config: The config with all that was laid over it.
        remote: It is for one job of a run that was planned elsewhere, and plans nothing unless it has to.
    """

    def __init__(self, config: Config, *, remote: bool = False) -> None:
        self.config = config
        self.results = Path(self.config.results)
        self.reports = Path(self.config.reports)
        self.tables = tables_folder(self.config)
        self.remote = remote
        self.jobs = Jobs(self.results, lambda: self.plan, remote=remote)
        if not remote:
            self.plan  # noqa: B018 - errors of the config come first

    @cached_property
    def plan(self) -> Plan:
        """What the config asks for."""
        return make_plan(self.config)

    @cached_property
    def config_json(self) -> str:
        """The merged config, as the commands of the read side take it: its order says what decides."""
        return json.dumps(self.config.model_dump(mode="json"), separators=(",", ":"))

    @cached_property
    def started_json(self) -> str:
        """What this run is started with, as the commands of the read side take it."""
        return "" if self.remote else started(self.plan).model_dump_json()

    def cell_json(self, cell_id: str) -> str:
        """A cell's document, as ``nnbench run`` takes it."""
        return self.jobs.of(cell_id).cell.to_json()

    def dataset_manifests(self) -> dict[str, str]:
        """Dataset folder -> name, for every dataset in use."""
        return {str(dataset_folder(self.results, name)): name for name in self.plan.datasets()}

    def dataset_name(self, folder: str) -> str:
        """Whose prepared files go into a folder; NnbenchError if the plan has no such dataset."""
        known = self.dataset_manifests()
        if folder not in known:
            raise NnbenchError(
                f"{folder}: no planned dataset is prepared there",
                allowed=", ".join(known),
                todo="start snakemake again: claims, data or code changed after this run was planned",
            )
        return known[folder]

    def planned_data(self, folder: str) -> str:
        """What the plan takes a dataset's raw files for, as ``nnbench prepare`` takes it."""
        return source_of(self.dataset_name(folder)).model_dump_json()

    def cell_data(self, cell_id: str) -> str:
        """The manifest that a cell waits for."""
        return self.jobs.of(cell_id).data

    def cells_done(self) -> list[str]:
        """The marks of all planned cells, each of which says that its seeds are measured."""
        planned = {} if self.remote else self.plan.seeds
        return [str(done_path(self.results, cell_id, seeds)) for cell_id, seeds in planned.items()]

    def rank(self, cell_id: str) -> int:
        """Priority of a cell: the longest start first, so that none is left alone at the end."""
        return self.jobs.of(cell_id).rank

    def memory_mb(self, cell_id: str) -> int:
        """What to reserve for a cell."""
        return self.jobs.of(cell_id).memory_mb

    def runtime_minutes(self, cell_id: str) -> int:
        """What to ask a cluster for: many times the estimate, since machines differ and estimates err."""
        return SHORTEST_MINUTES + math.ceil(SLOWER * self.jobs.of(cell_id).seconds / 60)

    def slurm_extra(self, cell_id: str) -> str | None:
        """A whole node for a cell that measures time; it computes on all the cores that it finds there."""
        return "--exclusive" if self.jobs.of(cell_id).alone else None

    @cached_property
    def gpu_slots(self) -> int:
        """Jobs that can compute on this machine's GPUs at once; 0: none is asked for, or there is none."""
        return slots(self.config.device, jobs_per_gpu=self.config.jobs_per_gpu)

    @property
    def gpus(self) -> int:
        """What a cell takes of ``gpu_slots``."""
        return min(1, self.gpu_slots)

    def threads(self, cell_id: str, offered: int | None) -> int:
        """Cores that one cell takes of those offered by ``--cores``.

        All of them, if it measures time. Otherwise its own threads; and where more cores are offered
        than there are, its share of the surplus: two cells on a core take more than twice as long,
        because they fight for its cache.
        """
        offered = offered or 1
        if self.jobs.of(cell_id).alone:
            return offered
        return self.config.threads * max(1, offered // cores_there())

    def cores(self, cell_id: str, offered: int | None) -> int:
        """Cores that a cell may compute on: never more than there are."""
        return min(self.threads(cell_id, offered), cores_there())

    def check_asked(self, arguments: Sequence[str]) -> None:
        """Whether the cells that a command line asks for are planned: an error in a rule is a traceback."""
        for cell_id in _CELL.findall(" ".join(arguments)):
            self.jobs.of(cell_id)

    def write_planned(self) -> None:
        """Leave beside each cell that is to be measured what its job has to know, should it be remote."""
        for done, cell_id in zip(self.cells_done(), self.plan.cells, strict=True):
            if os.environ.get(AGAIN) or not Path(done).exists():
                write_planned(self.results, self.jobs.of(cell_id))

    def repair_records(self) -> list[str]:
        """Rename every record that cannot be used, and say so; mark as done what is, and only that.

        Snakemake goes by a file's existence: a cell counts as done by the mark beside its records.
        """
        messages = []
        for cell_id, seeds in self.plan.seeds.items():
            done = done_path(self.results, cell_id, seeds)
            paths = [record_path(self.results, cell_id, block) for block in blocks_of(seeds)]
            rejected = [message for path in paths if (message := reject(path))]
            if rejected or not all(path.exists() for path in paths):
                done.unlink(missing_ok=True)
            else:
                mark_done(self.results, cell_id, seeds)
            messages += rejected
        return messages

    def mark_stale(self) -> None:
        """Give tables and report that were not made of the present records a time before all of them.

        Snakemake goes by time stamps, and a clock may have gone back between two runs.
        """
        if not all(Path(path).exists() for path in self.cells_done()):
            return  # what is missing is made, and all that rests on it
        present = records_sha256(self.results, self.plan.blocks())
        report = self.reports / "results.json"
        for made, outputs in (
            (self.tables / MADE_OF, ()),
            (report, (self.reports / "index.html",)),
        ):
            if made.exists() and not _is_made_of(present, made):
                for path in filter(Path.exists, (made, *outputs)):
                    os.utime(path, (LONG_AGO, LONG_AGO))

    def left_over(self) -> list[str]:
        """What a run that went well leaves to the next one: it had another target, or data were prepared anew."""
        missing = sum(not Path(path).exists() for path in self.cells_done())
        if missing:
            return [f"{missing} of {len(self.plan.cells)} cells are not measured: start it again."]
        report = self.reports / "results.json"
        present = records_sha256(self.results, self.plan.blocks())
        if report.exists() and _is_made_of(present, report):
            return []
        return ["All cells are measured; the report is not made of them yet: start it again."]

    def outlook(self, *, cores: int | None, everything: bool) -> Outlook:
        """What a run is about to do; with ``everything``, finished cells are measured again."""
        cells, seeds = self.plan.cells, self.plan.seeds
        missing = {
            state.cell: seeds[state.cell] if everything else state.missing_seeds
            for state in states(self.plan)
        }
        return Outlook(
            labels=cell_labels(self.plan),
            jobs=jobs_of(cells, missing),
            cores=None if cores is None else min(cores, cores_there()),
        )

    def report_of_what_is_there(self) -> list[str]:
        """After a failure: make a report without the cells that failed, and say so.

        Nothing is made after an interruption: what is missing then is only late.
        """
        found = list(states(self.plan))
        failed = [state for state in found if state.state == "failed"]
        done = f"{sum(state.state == 'done' for state in found)} of {len(found)} cells are measured"
        if not failed:
            return [f"{done}; start it again, and it goes on from there."]
        command = [sys.executable, "-m", "nnbench", "report", "--now", "--config", self.config_json]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - its own command
        made = now_folder(self.config) / "index.html"
        return [f"{done}, {len(failed)} failed. A report of what is there: {made}"]

    def check_writable(self) -> None:
        """Fail early, and by name, where nothing could be stored."""
        for folder in (self.results, self.reports):
            there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
            if not there.is_dir() or not os.access(there, os.W_OK):
                raise NnbenchError(
                    f"folder {folder}: cannot be written",
                    got=f"{there} is {'read-only' if there.is_dir() else 'no folder'}",
                    todo="make it writable, or set `results` and `reports` in the config",
                )


def config_of(options: Any, base: Path) -> Config:
    """What Snakemake's ``--config`` and ``--configfile`` make of a config file, read as ``nnbench plan`` reads it.

    Snakemake's own reader takes 1e-3 for a text, names like 0.10 for numbers, and both of two equal keys.

    Args:
        options: Snakemake's ``config_settings``.
        base: The config file.
    """
    if options.replace_workflow_config:
        raise NnbenchError(
            f"--replace-workflow-config would leave out what {base} says",
            todo="leave the option out; --configfile lays a file over it, key by key",
        )
    return read_run(base, options.configfiles, changes_of(options.config_args or ()))


def _is_made_of(records: str, made: Path) -> bool:
    """Whether a file of tables or results states the checksum of these records, as it does in its head."""
    with made.open("rb") as file:
        return records.encode() in file.read(200)


def use_this_python() -> None:
    """Let the jobs' ``python3`` be the one that runs Snakemake, also where it is not activated."""
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])


def measure_again(forced: object) -> None:
    """Tell the jobs of this run, remote ones too, that what is finished is to be measured again."""
    if forced:
        os.environ[AGAIN] = "1"


def code_of(module: str) -> str:
    """A hash of one read-side module, all that it imports and the templates beside it."""
    digest = hashlib.sha256(module_fingerprint(module).encode())
    if module == "nnbench.report.write":
        for file in sorted(p for p in (PACKAGE / "report" / "templates").rglob("*") if p.is_file()):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
