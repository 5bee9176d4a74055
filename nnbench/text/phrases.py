"""Pieces of sentences: their first letter, and names in a row."""

from collections.abc import Sequence


def capitalised(text: str) -> str:
    """With its first letter in upper case, the others as they are."""
    return f"{text[:1].upper()}{text[1:]}"


def lowered(text: str) -> str:
    """With its first letter in lower case, the others as they are."""
    return f"{text[:1].lower()}{text[1:]}"


def in_a_row(names: Sequence[str], last: str = "and") -> str:
    """As in: L1, L2 and dropout; ``last`` stands before the last of several."""
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
