"""Claims that some factors matter: judged by the shares of variance that a factor study finds."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from nnbench.claims.outcomes import Conclusion
from nnbench.schema import Strict

Weight = Literal["matters", "unclear", "does not matter"]


class Shares(Strict):
    """Which factors of which study are claimed to matter."""

    study: str
    """Its name."""
    matter: Annotated[tuple[str, ...], Field(min_length=1)]
    """Factors that are said to matter."""
    beside: str | None = None
    """The factor that is said not to be the only one."""
    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    """The share of the variance, interactions included, from which a factor matters."""

    @property
    def factors(self) -> tuple[str, ...]:
        """All factors that it names."""
        return (*self.matter, *((self.beside,) if self.beside else ()))


def weight(low: float, high: float, share: float) -> Weight:
    """What the 95 % interval of a factor's share says."""
    return "matters" if low >= share else "does not matter" if high < share else "unclear"


def shares_outcome(weights: Mapping[str, Sequence[Weight]]) -> Conclusion:
    """A factor counts as one that matters if it does on most data sets; all that are claimed have to.

    Args:
        weights: What each data set says of each factor that is claimed to matter.
    """
    found = {n: sum(w == "matters" for w in own) > len(own) / 2 for n, own in weights.items()}
    missing = [name for name, matters in found.items() if not matters]
    if not missing:
        return "reproduced", "each factor matters on most data sets"
    shown = {n: f"{weights[n].count('matters')} of {len(weights[n])}" for n in missing}
    told = f"not shown to matter on most data sets: {', '.join(f'{n} ({on})' for n, on in shown.items())}"
    if any(found.values()):
        return "partly", told
    if all(w == "does not matter" for own in weights.values() for w in own):
        return "contradicted", "none of the factors matters on any data set"
    return "inconclusive", told
