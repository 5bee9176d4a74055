"""The one error type that users see: what is wrong, what was found, what is allowed, what to do."""

import difflib
from collections.abc import Iterable


class NnbenchError(Exception):
    """An error that a user can act on; the command line prints it without a traceback.

    Args:
        what: The invariant that does not hold, and where.
        got: What was found instead.
        allowed: What would have been accepted.
        todo: The next step for the user.
    """

    def __init__(
        self, what: str, *, got: object = None, allowed: object = None, todo: str | None = None
    ) -> None:
        self.what, self.got, self.allowed, self.todo = what, got, allowed, todo
        more = {"got": got, "allowed": allowed, "do": todo}
        said = [f"{key}: {value}" for key, value in more.items() if value is not None]
        super().__init__("\n  ".join([what, *said]))

    def at(self, where: str) -> "NnbenchError":
        """The same error with its place in front."""
        what = f"{where}: {self.what}"
        return NnbenchError(what, got=self.got, allowed=self.allowed, todo=self.todo)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one most likely meant, or None."""
    folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[found[0]] if found else None


def unknown_name(where: str, name: str, known: Iterable[str]) -> NnbenchError:
    """The error for a name that is not registered, with the nearest right one."""
    names = sorted(known)
    guess = nearest(name, names)
    return NnbenchError(
        f"{where}: unknown name",
        got=repr(name),
        allowed=", ".join(names),
        todo=f"did you mean {guess!r}?" if guess else "use one of the allowed names",
    )
