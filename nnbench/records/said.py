"""What a document says and where, and how a claim's specification was changed, in ``results.json``."""

from pydantic import Field

from nnbench.records.origin import Count, Section


class PlaceResult(Section):
    """Where a document says it: the heading above it, a table's own column names, and the line of its file."""

    section: str = ""
    columns: str = ""
    line: Count | None = None


class AdviceResult(Section):
    """What a claim's contexts may be read as advice on: its condition, and what levels are called."""

    when: str
    about: str = ""
    levels: dict[str, str] = Field(default_factory=dict)


class ChangeResult(Section):
    """A change of a claim's specification after a result of it had been seen."""

    version: Count
    date: str
    what: str
    why: str
    before: str
    """The verdict of the version before, and its numbers."""

    @property
    def verdict(self) -> str:
        """The verdict that ``before`` begins with, or what it says where there is none."""
        return self.before.partition(". ")[0].removesuffix(".")
