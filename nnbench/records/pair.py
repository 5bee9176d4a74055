"""Two levels of a finding, compared. A section of ``results.json``."""

from typing import Literal

from nnbench.claims.outcomes import Status
from nnbench.records.origin import Count, Section


class PairResult(Section):
    """Two levels, compared; a positive difference is as claimed."""

    a: str
    b: str
    difference: float | None
    low: float | None
    high: float | None
    repeated: bool = False  # they are repeated confidence intervals: one of several looks
    low_samples: float | None = None  # over new test samples, too
    high_samples: float | None = None
    margin: float
    unit: Literal["raw", "log"]
    percent: float | None = None
    status: Status
    small: bool = False
    role: str
    p: float | None
    p_holm: float | None
    p_equal: float | None = None  # that the difference lies within the margin
    tie: bool
    n: Count
    censored: bool
    detectable: float | None = None
    blocks_needed: Count | None = None
    seconds_needed: float | None = None
    text: str
