"""What was changed in a claim's specification after a result of it had been seen: ``CHANGES.yaml``.

The specification is what decides a verdict: kind, levels, settings, metric, margin and so on, but no words. Its
hash is kept for each version, so that a change without an entry is found.
"""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from nnbench.claims.claim import Claim
from nnbench.schema import Strict, parse
from nnbench.yamlfile import read_yaml

ClaimId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Text = Annotated[str, Field(min_length=1)]

WORDS = frozenset(
    {
        "title",
        "quote",
        "factor",
        "advice",
        "experiment",
        "limits",
        "caveats",
        "second_look",
        "links",
        "place",
    }
)
"""Keys of a claim that decide nothing."""


class Change(Strict):
    """One change: what it made different, when and why, and the verdict before."""

    claim: ClaimId
    version: Annotated[int, Field(ge=2)]
    """The one that it made; a claim begins with version 1."""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    what: Text
    why: Text
    before: Text
    """The verdict under the old specification, with its numbers."""
    specification: Hash | None = None
    """Of that version; a later one says it for all before."""


class Changes(Strict):
    """All changes, and the specifications that were never changed."""

    changes: tuple[Change, ...] = ()
    first: dict[ClaimId, Hash] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consecutive(self) -> Self:
        seen = Counter[str]()
        for change in self.changes:
            seen[change.claim] += 1
            if change.version != (wanted := seen[change.claim] + 1):
                raise ValueError(
                    f"{change.claim}: the change after version {wanted - 1} makes version {wanted}, not {change.version}"
                )
        for name in seen:
            if self.of(name)[-1].specification is None:
                raise ValueError(f"{name}: its last change lacks the specification that it made")
            if name in self.first:
                raise ValueError(f"{name} stands in `changes` and in `first`")
        return self

    def of(self, claim_id: str) -> tuple[Change, ...]:
        """The changes of one claim, the first one first."""
        return tuple(change for change in self.changes if change.claim == claim_id)

    def version(self, claim_id: str) -> int:
        """Of the claim's present specification."""
        return 1 + len(self.of(claim_id))

    def specification(self, claim_id: str) -> str | None:
        """The hash that the claim's present specification should have; None where none is kept."""
        changes = self.of(claim_id)
        return changes[-1].specification if changes else self.first.get(claim_id)


def specification(claim: Claim) -> str:
    """A hash (16 hex digits) of what decides a claim's verdict; a default written out changes nothing."""
    said = claim.model_dump(mode="json", exclude_defaults=True, exclude=set(WORDS))
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def read_changes(path: Path) -> Changes:
    """Read ``CHANGES.yaml``; NnbenchError if it is not one."""
    return parse(Changes, read_yaml(path), where=str(path))
