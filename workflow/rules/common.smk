# The config and its plan. Errors of the config end here, before anything runs.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from nnbench.claims.looks import first_of
from nnbench.claims.selection import default_config, elsewhere
from nnbench.dag import Workflow, code_of, config_of, measure_again
from nnbench.errors import NnbenchError
from nnbench.jobs.here import machine_notes
from nnbench.jobs.locks import running_here
from nnbench.plan.trial import check_own_parts
from nnbench.processes import import_from_here, use_this_python
from nnbench.report.terminal import closing

use_this_python()
import_from_here()

try:
    BASE = default_config(Path(workflow.basedir))
    WORKFLOW = Workflow(
        config_of(workflow.config_settings, BASE), remote=not workflow.is_main_process
    )
    WORKFLOW.check_asked(sys.argv)
    if workflow.is_main_process:
        RUNNING = running_here()
        WORKFLOW.check_writable()
        check_own_parts(WORKFLOW.plan)
        for message in (
            *elsewhere(BASE),
            *WORKFLOW.repair_records(),
            *machine_notes(WORKFLOW.plan),
            *WORKFLOW.plan.notes(),
        ):
            print(f"nnbench: {message}", file=sys.stderr)
        WORKFLOW.mark_stale()
        if first_of(WORKFLOW.config.seeds) < 5:
            print(
                "nnbench: fewer than five seeds: no verdict is possible",
                file=sys.stderr,
            )
except NnbenchError as error:
    raise WorkflowError(f"nnbench: {error}") from None

# no more local jobs on this machine's GPUs than have room; --resources gpu=… comes first
if WORKFLOW.gpu_slots and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", WORKFLOW.gpu_slots)

# by --cores; None: a cluster's, where each job has those that it asked for
OFFERED = workflow.resource_settings.cores
if workflow.output_settings.dryrun and workflow.resource_settings.nodes:
    OFFERED = None  # by --jobs, as profiles of clusters have it: a dry run sets one core beside it

RESULTS = WORKFLOW.results
REPORTS = WORKFLOW.reports
TABLES = WORKFLOW.tables


wildcard_constraints:
    batch="[0-9a-f]{16}",
    look="[0-9a-f]{16}",
    cell="[0-9a-f]{16}",
    seeds=r"\d+",
    dataset=r"[\w.]+-[0-9a-f]{8}",


if workflow.is_main_process:
    # to the logger that tells the run's story: snakemake_logger_plugin_nnbench
    logger.info(None, extra={"nnbench_reports": REPORTS})


def measured(_):
    """What is to be measured, look after look."""
    return WORKFLOW.measured(
        workflow.dag_settings, OFFERED, looked=checkpoints.look.get
    )


def tell_outlook():
    """What the run is about to do, to the same logger."""
    logger.info(None, extra={"nnbench_outlook": WORKFLOW.outlook(cores=OFFERED)})


WORKFLOW.went_on = tell_outlook


onstart:
    if workflow.is_main_process:
        options = workflow.dag_settings
        forced = options.forceall or options.forcerun or options.forcetargets
        measure_again(forced)
        # Snakemake's own limit on job starts, 100 a second, starts a timer in every round of the scheduler, which starts
        # another round: rounds and processor time grow with the number of finished jobs. No option leaves it out.
        limit = workflow.scheduling_settings.max_jobs_per_timespan
        if limit and (limit.max_jobs, limit.timespan) == (100, 1):
            workflow.scheduler.job_rate_limiter = None
        WORKFLOW.composed.write()
        tell_outlook()


onsuccess:
    if workflow.is_main_process:
        print(
            *(WORKFLOW.left_over() or closing(REPORTS)), sep="\n", file=sys.stderr
        )
        WORKFLOW.composed.forget()
        WORKFLOW.rounds.forget()


onerror:
    if workflow.is_main_process:
        print(*WORKFLOW.report_of_what_is_there(), sep="\n", file=sys.stderr)
