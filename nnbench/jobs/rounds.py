"""The rounds of a run: one, or with ``seeds: auto`` another one for what a look leaves open."""

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path

from nnbench.claims.config import Config
from nnbench.claims.looks import LOOKS
from nnbench.jobs.composed import Composed
from nnbench.jobs.provenance import cores_there
from nnbench.plan.looks import looks_code, read_looks
from nnbench.plan.plan import Plan


class Rounds:
    """Rounds of batches and the looks after them, of which Snakemake knows by the mark that each leaves."""

    def __init__(self, config: Config, composed: Composed) -> None:
        self.config, self.composed = config, composed
        self._looks: list[str | None] = []  # the name of the look after each round

    def __len__(self) -> int:
        return len(self._looks)

    def add(
        self, plan: Plan, cells: Sequence[str], *, offered: int | None, apart: Collection[str]
    ) -> None:
        """One more round.

        Args:
            plan: As the looks so far have left it.
            cells: What is to be measured.
            offered: Cores, by ``--cores``; None: a cluster's.
            apart: Cells that are in no batch with others.
        """
        here = None if offered is None else min(offered, cores_there())
        self.composed.compose(
            cells,
            plan.seeds,
            parallel=here and max(1, here // self.config.threads),
            minutes=self.config.batch_minutes,
            apart=apart,
        )
        self._looks.append(self._name() if self._look_due(plan) else None)

    def look_after(self, number: int) -> str | None:
        """The name of the look after a round; None: it is the last one."""
        return self._looks[number]

    def marks_before(self, look: str) -> list[str]:
        """What has to be measured before a look."""
        known = look in self._looks  # not in a remote job
        return self.composed.marks_of_round(self._looks.index(look)) if known else []

    def forget(self) -> None:
        """Remove the marks of a run that went well."""
        for name in filter(None, self._looks):
            for suffix in (".done", ".log"):
                self._path(name).with_suffix(suffix).unlink(missing_ok=True)

    def _look_due(self, plan: Plan) -> bool:
        if not any(use.auto for use in plan.uses) or len(self) == len(LOOKS):
            return False
        measures = bool(self.composed.last_round)
        return measures or bool(plan.undecided()) or (not self and self._decided_by_other_code())

    def _decided_by_other_code(self) -> bool:
        return read_looks(self.config).code != looks_code()

    def _name(self) -> str:
        """What Snakemake calls the next look: two runs in different folders never share one."""
        config = self.config.model_dump(mode="json")
        text = json.dumps([str(Path.cwd()), config, len(self)])
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._path(name).unlink(missing_ok=True)  # it has not been, whatever an earlier run left
        return name

    def _path(self, look: str) -> Path:
        return self.composed.results / f"looks/{look}.done"
