"""What a claim's contexts may be read as advice on: words for the report, which decide nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nnbench.schema import Strict

if TYPE_CHECKING:
    from nnbench.claims.claim import Claim

Words = Annotated[str, Field(min_length=1)]


class Advised(Strict):
    """What an advice says beside the levels; a claim without it gives none."""

    when: Words
    """The condition that the experiment keeps, behind the levels: ``on targets with outliers``."""
    about: str = ""
    """What one chooses, where the claim's ``factor`` is more or less than that."""
    levels: dict[str, Words] = Field(default_factory=dict)
    """How a level is called where its name alone does not say what to do: ``"20": 20 epochs``."""

    def problems(self, claim: Claim) -> Iterator[str]:
        """What is wrong with it beside its claim: advice is drawn from contexts, of levels that there are."""
        if claim.contexts is None:
            yield "advice is drawn from contexts: give contexts, too, or leave it out"
        if claim.baseline:
            yield "advice is on levels, and baseline compares their changes: leave one of them out"
        for name in self.levels:
            if name not in claim.levels:
                yield f"advice: levels names {name!r}, which is no level; allowed: {', '.join(claim.levels)}"
