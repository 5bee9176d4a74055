"""The one error type that users see: what is wrong, what was found, what is allowed, what to do."""

from __future__ import annotations

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
        self,
        what: str,
        *,
        got: object = None,
        allowed: object = None,
        todo: str | None = None,
    ) -> None:
        self.what, self.got, self.allowed, self.todo = what, got, allowed, todo
        parts = [
            what,
            None if got is None else f"got: {got}",
            None if allowed is None else f"allowed: {allowed}",
            None if todo is None else f"do: {todo}",
        ]
        super().__init__("\n  ".join(part for part in parts if part is not None))

    def at(self, where: str) -> NnbenchError:
        """The same error with its place in front."""
        what = f"{where}: {self.what}"
        return NnbenchError(what, got=self.got, allowed=self.allowed, todo=self.todo)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one most likely meant, or None."""
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    if name.casefold() in folded:
        return folded[name.casefold()]
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return found[0] if found else None


def unknown_name(
    where: str, name: str, known: Iterable[str], *, todo: str | None = None
) -> NnbenchError:
    """The error for a name that is not registered, with the nearest right one."""
    names = sorted(known)
    guess = nearest(name, names)
    return NnbenchError(
        f"{where}: unknown name",
        got=repr(name),
        allowed=", ".join(names),
        todo=todo or (f"did you mean {guess!r}?" if guess else "use one of the allowed names"),
    )
