"""What a plan's user should know of the machine that makes the plan."""

from collections.abc import Iterator

from nnbench.engine.native.build import compiler_here
from nnbench.plan.plan import Plan


def machine_notes(plan: Plan) -> Iterator[str]:
    """What makes the plan's jobs slower than they need to be, if they run on this machine."""
    trains = any(cell.settings.experiment == "training" for cell in plan.cells.values())
    if trains and plan.config.device in ("auto", "cpu") and compiler_here() is None:
        yield (
            "there is no C++ compiler on this machine (c++, g++, clang++ or $CXX): dense networks "
            "train in PyTorch, which takes about four times as long"
        )
