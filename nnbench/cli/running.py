"""``nnbench status``, and ``nnbench run`` of claims: what goes on, and the whole pipeline for a few claims."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nnbench.cli.options import Commands, add_command, add_config, changes, read, whole
from nnbench.errors import NnbenchError

WATCH_SECONDS = 2.0
_CLEAR = "\x1b[H\x1b[2J"


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    text = "Show what a run is at, from its records and locks: from any terminal, or node of a cluster."
    status = add_command(commands, "status", text, _status)
    add_config(status)
    status.add_argument("--cores", type=whole, help="cores to estimate the rest for")
    status.add_argument(
        "--watch", action="store_true", help="show it anew every two seconds, until all is measured"
    )


def _status(options: argparse.Namespace) -> None:
    from nnbench.plan.plan import make_plan  # noqa: PLC0415 - commands load what they need
    from nnbench.progress.status import overview  # noqa: PLC0415

    plan = make_plan(read(options))
    while True:
        lines, finished = overview(plan, cores=options.cores)
        print(_CLEAR * (options.watch and sys.stdout.isatty()) + "\n".join(lines), flush=True)
        if finished or not options.watch:
            return
        time.sleep(WATCH_SECONDS)


def run_claims(patterns: list[str], options: argparse.Namespace) -> int:
    """Measure claims with Snakemake, on all cores unless told otherwise, and show their tables."""
    from nnbench.plan.plan import make_plan  # noqa: PLC0415
    from nnbench.records.results import read_results  # noqa: PLC0415
    from nnbench.report.terminal import claim_text, study_text  # noqa: PLC0415

    options.claims = patterns
    plan = make_plan(read(options))  # what is wrong is said before Snakemake starts
    if not Path("Snakefile").exists():
        raise NnbenchError("there is no Snakefile here", todo="change to nnbench's own folder")
    command = [sys.executable, "-m", "snakemake"]
    _unlock(command)
    chosen = [*changes(options), f"only={json.dumps(patterns)}"]
    files = ["--configfile", *options.configfile] if options.configfile else []
    cores = str(options.cores or "all")
    command += ["--cores", cores, *files, "--config", *chosen]
    ended = subprocess.run(command, check=False)  # noqa: S603 - the user's own command
    if ended.returncode:
        return ended.returncode
    folder = Path(plan.config.reports)
    results = read_results(folder)
    for study in results.studies:
        print("", study_text(study), sep="\n")
    for claim in (i for i, _, _ in plan.claims() if i not in plan.not_run):
        print("", claim_text(results, claim, folder), sep="\n")
    return 0


def _unlock(command: list[str]) -> None:
    """Remove the lock of a Snakemake that was killed; one that runs keeps its own."""
    from nnbench.jobs.locks import RUN_FILE, is_locked  # noqa: PLC0415

    if any(_locks()) and RUN_FILE.exists() and not is_locked(RUN_FILE):
        print("nnbench: an earlier run was killed; its lock is removed", file=sys.stderr)
        unlock = [*command, "--unlock"]
        subprocess.run(unlock, check=False, stderr=subprocess.DEVNULL)  # noqa: S603 - no one's words


def _locks() -> Iterator[Path]:
    return Path(".snakemake/locks").glob("*.lock")
