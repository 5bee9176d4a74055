"""What the Snakefile needs from the package: the plan, and each job's inputs as strings.

No torch and no pandas here: Snakemake reads the Snakefile anew in every remote job.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from nnbench.cells.cell import blocks_of
from nnbench.cells.fingerprint import PACKAGE, module_fingerprint, source_of
from nnbench.claims.config import Config
from nnbench.claims.selection import changes_of, now_folder, read_run, tables_folder
from nnbench.errors import NnbenchError
from nnbench.jobs.batches import Batch
from nnbench.jobs.composed import Composed
from nnbench.jobs.lease import slots
from nnbench.jobs.marks import done_path, is_marked, mark_done, stamps_of
from nnbench.jobs.planned import Jobs
from nnbench.jobs.provenance import cores_there
from nnbench.jobs.rounds import Rounds
from nnbench.jobs.stale import changed, is_made_of, make_again
from nnbench.plan.plan import Plan, make_plan
from nnbench.plan.started import started
from nnbench.progress.estimate import jobs_of
from nnbench.progress.labels import cell_labels
from nnbench.progress.looks import looks_told
from nnbench.progress.narrator import Outlook
from nnbench.progress.state import cell_state, states
from nnbench.records.store import (
    AGAIN,
    check_writable,
    dataset_folder,
    record_path,
    records_sha256,
    reject,
)

_CELL = re.compile(r"\bcells/([0-9a-f]{16})")  # of a file
_BATCH = re.compile(r"\bbatch=([0-9a-f]{16})")  # of a remote job


class Workflow:
    """A config, with all that was laid over it, as the DAG sees it.

    ``remote``: it is for one job of a run that was planned elsewhere, and plans nothing unless it has to.
    """

    def __init__(self, config: Config, *, remote: bool = False) -> None:
        self.config = config
        self.results = Path(self.config.results)
        self.reports = Path(self.config.reports)
        self.tables = tables_folder(self.config)
        self.remote = remote
        self.jobs = Jobs(self.results, lambda: self.plan)
        self.asked: frozenset[str] = frozenset()
        self.composed = Composed(self.results, self.jobs)
        self.rounds = Rounds(config, self.composed)
        self.went_on: Callable[[], None] = lambda: None  # called when a look has added a round
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

    def cells_done(self) -> list[str]:
        """The marks of all planned cells, each of which says that its seeds are measured."""
        planned = {} if self.remote else self.plan.seeds
        return [str(done_path(self.results, cell_id, seeds)) for cell_id, seeds in planned.items()]

    def batches(self, options: Any, offered: int | None) -> list[str]:
        """The marks of all batches that are to be measured; composed once, whatever is finished meanwhile.

        Args:
            options: Snakemake's ``dag_settings``.
            offered: Cores, by ``--cores``; None: a cluster's.
        """
        if not self.rounds:
            cells = self.to_measure(options)
            self.rounds.add(self.plan, cells, offered=offered, apart=self.asked)
        return self.composed.marks()

    def measured(
        self, options: Any, offered: int | None, *, looked: Callable[..., Any]
    ) -> list[str]:
        """The same, and with ``seeds: auto`` those of each further round, after the look before it.

        ``looked``, called with a look's name, raises what Snakemake understands while it has not been.
        """
        self.batches(options, offered)
        number = 0
        while look := self.rounds.look_after(number):
            looked(look=look)
            number += 1
            if number == len(self.rounds):
                self._go_on(offered)
        return self.composed.marks()

    def _go_on(self, offered: int | None) -> None:
        """Plan anew after a look, and leave the next round's batches for their jobs."""
        self.plan = make_plan(self.config)
        self.jobs.forget()
        self.repair_records()
        self.rounds.add(self.plan, self.missing(), offered=offered, apart=self.asked)
        self.composed.write()
        self.went_on()

    def batch_of(self, cell_id: str, options: Any, offered: int | None) -> list[str]:
        """The mark of the batch that measures a cell; none if the cell is measured."""
        self.batches(options, offered)
        return self.composed.marks(of=cell_id)

    def to_measure(self, options: Any) -> list[str]:
        """The cells that are not measured, and those that Snakemake is told to measure again."""
        if options.forceall or "cell" in options.forcerun:
            return list(self.plan.cells)
        again = self.asked if options.forcerun or options.forcetargets else ()
        return list(dict.fromkeys([*self.missing(), *again]))

    def missing(self) -> list[str]:
        """The planned cells of which not all seeds are measured."""
        marks = zip(self.plan.cells, self.cells_done(), strict=True)
        return [cell for cell, mark in marks if not Path(mark).exists()]

    def batch(self, name: str) -> Batch:
        """A batch of this run; for a remote job as it was when the run was started."""
        return self.composed.of(name)

    @cached_property
    def gpu_slots(self) -> int:
        """Jobs that can compute on this machine's GPUs at once; 0: none is asked for, or there is none."""
        return slots(self.config.device, jobs_per_gpu=self.config.jobs_per_gpu)

    @property
    def gpus(self) -> int:
        """What a cell takes of ``gpu_slots``."""
        return min(1, self.gpu_slots)

    def threads(self, batch: str, offered: int | None) -> int:
        """Cores that one batch takes of those offered by ``--cores``.

        All of them, if it measures time. Otherwise its own threads; and where more cores are offered
        than there are, its share of the surplus: two cells on a core take more than twice as long,
        because they fight for its cache.
        """
        offered = offered or 1
        if self.batch(batch).alone:
            return offered
        return self.config.threads * max(1, offered // cores_there())

    def cores(self, batch: str, offered: int | None) -> int:
        """Cores that a batch may compute on: never more than there are."""
        return min(self.threads(batch, offered), cores_there())

    def check_asked(self, arguments: Sequence[str]) -> None:
        """Whether the cells that a command line asks for are planned: an error in a rule is a traceback."""
        for name in _BATCH.findall(" ".join(arguments)):
            self.batch(name)
        self.asked = frozenset(_CELL.findall(" ".join(arguments)))
        for cell_id in self.asked:
            self.jobs.of(cell_id)

    def repair_records(self) -> list[str]:
        """Rename every record that cannot be used, and say so; mark as done what is, and only that.

        Snakemake goes by a file's existence: by the mark beside a cell's records, which also says which need no look.
        """
        messages = []
        for cell_id, seeds in self.plan.seeds.items():
            stamps = stamps_of(self.results, cell_id, seeds)
            if is_marked(self.results, cell_id, seeds, stamps):
                continue
            paths = [record_path(self.results, cell_id, block) for block in blocks_of(seeds)]
            rejected = [message for path in paths if (message := reject(path))]
            if rejected or not all(path.exists() for path in paths):
                done_path(self.results, cell_id, seeds).unlink(missing_ok=True)
            else:
                mark_done(self.results, cell_id, seeds, stamps)
            messages += rejected
        return messages

    def mark_stale(self) -> None:
        """Have tables and report made again that were not made of the present records."""
        if not all(Path(path).exists() for path in self.cells_done()):
            return  # what is missing is made, and all that rests on it
        make_again(records_sha256(self.results, self.plan.blocks()), self.tables, self.reports)

    def changed_records(self) -> list[str]:
        """What the tables wait for beside jobs that measure: records that changed outside a run."""
        return [str(path) for path in changed(self.tables)]

    def left_over(self) -> list[str]:
        """What a run that went well leaves to the next one: it had another target, or data were prepared anew."""
        if missing := sum(not Path(path).exists() for path in self.cells_done()):
            return [f"{missing} of {len(self.plan.cells)} cells are not measured: start it again."]
        report = self.reports / "results.json"
        present = records_sha256(self.results, self.plan.blocks())
        if report.exists() and is_made_of(present, report):
            return []
        return ["All cells are measured; the report is not made of them yet: start it again."]

    def outlook(self, *, cores: int | None) -> Outlook:
        """What a run is about to do."""
        missing = dict.fromkeys(self.plan.cells, 0)
        for batch in map(self.batch, self.composed.last_round):
            for cell_id, seeds in batch.cells.items():
                missing[cell_id] = cell_state(self.results, cell_id, seeds).missing_seeds or seeds
        return Outlook(
            labels=cell_labels(self.plan),
            jobs=jobs_of(self.plan.cells, missing),
            cores=None if cores is None else min(cores, cores_there()),
            news=tuple(looks_told(self.plan)),
        )

    def report_of_what_is_there(self) -> list[str]:
        """After a failure: make a report without the cells that failed; after an interruption, what is missing is only late."""
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
        check_writable(self.results, self.reports)


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
