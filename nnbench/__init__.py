"""nnbench: measures what documents claim about neural networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnbench.api import compare, judge, load_results, make_plan, measure, write_report

__version__ = "0.1.0"
__all__ = ["compare", "judge", "load_results", "make_plan", "measure", "write_report"]


def __getattr__(name: str) -> object:
    """The public functions, imported when they are first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nnbench import api  # noqa: PLC0415

    return getattr(api, name)
