"""What a plan's user should know of the machine that makes the plan."""

from collections.abc import Iterator

from nnbench.engine.native.build import compiler_here
from nnbench.jobs.lease import slots
from nnbench.jobs.provenance import cores_there, memory_there
from nnbench.plan.plan import Plan


def machine_notes(plan: Plan) -> Iterator[str]:
    """What makes the plan's jobs slower than they need to be on this machine, and what it cannot decide."""
    trains = any(cell.settings.experiment == "training" for cell in plan.cells.values())
    if trains and plan.config.device in ("auto", "cpu") and compiler_here() is None:
        yield (
            "there is no C++ compiler on this machine (c++, g++, clang++ or $CXX): dense and recurrent "
            "networks train in PyTorch, which takes up to four times as long"
        )
    yield from _undecidable(plan)


def _undecidable(plan: Plan) -> Iterator[str]:
    """The claims that this machine measures and cannot decide, and what they take."""
    planned = {use.claim for use in plan.uses}
    needs = {i: claim.testable for i, _, claim in plan.claims() if i in planned and claim.testable}
    if not needs:
        return
    cores, memory, device = cores_there(), memory_there(), _device(plan)
    for claim_id, need in needs.items():
        if lacking := [*need.lacking(cores=cores, memory_gb=memory, device=device)]:
            takes = " and ".join(lacking)
            yield f"{claim_id}: measured here and not decided, unless a run is on a machine with {takes}"


def _device(plan: Plan) -> str:
    """What jobs here would compute on, as far as it is known without PyTorch."""
    device = plan.config.device
    return "cpu" if device == "auto" and not slots(device, jobs_per_gpu=1) else device
