"""A text with claims: a file of ``config/claims``."""

from pydantic import field_validator

from nnbench.claims.claim import NAME, Claim
from nnbench.schema import Strict


class Document(Strict):
    """A text with claims: its short name, its title and its claims by name."""

    document: str
    title: str
    file: str
    claims: dict[str, Claim]

    @field_validator("document")
    @classmethod
    def _short_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("a document's name is lower-case letters, digits, - and _")
        return name

    @field_validator("claims")
    @classmethod
    def _claim_names(cls, claims: dict[str, Claim]) -> dict[str, Claim]:
        for name in claims:
            if not NAME.fullmatch(name):
                raise ValueError(f"claim {name!r}: use lower-case letters, digits, - and _")
        return claims
