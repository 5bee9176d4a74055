"""Text made safe for Markdown as forges read it (CommonMark with tables and formulas)."""

import html
import re
from collections.abc import Callable

_ENTITIES = {"&": "&amp;", "<": "&lt;", "|": "&#124;", "$": "&#36;", "~": "&#126;"}
_SPECIAL = re.compile(
    r"&(?=#?\w+;)|<(?=[A-Za-z/!?])|[|$~\\`*\[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
)
_LINE_START = re.compile(  # of a heading (its underline, too), a quotation, a rule or a list
    r"^(#{1,6}(?=\s|$)|>|[-+](?=\s|$)|(-+|=+)(?=\s*$)|\d{1,9}(?=[.)](\s|$)))"
)


class Safe(str):
    """Text that is Markdown already."""

    __slots__ = ()


def escape(value: object) -> str:
    """Any value as one line of literal text; ``Safe`` text passes unchanged.

    Entities stand where a backslash would be shown inside an HTML block.
    """
    if isinstance(value, Safe):
        return value
    text = _SPECIAL.sub(lambda m: _ENTITIES.get(m[0], f"\\{m[0]}"), _one_line(value))
    return _LINE_START.sub(lambda m: f"{m[0]}\\" if m[0].isdigit() else f"\\{m[0]}", text)


def code(text: str) -> Safe:
    """A code span that no backtick in the text can end."""
    flat = " ".join(text.split())
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return Safe(f"{ticks}{pad}{flat}{pad}{ticks}")


def html_text(value: object) -> Safe:
    """Text inside an HTML block, which a blank line would end."""
    return Safe(html.escape(_one_line(value)))


def _one_line(value: object) -> str:
    return re.sub(r"[\r\n\t]+", " ", str(value))


def cell(item: object, *, path_to: Callable[[str], str]) -> Safe:
    """A table's cell: text, or links to anchors, which are in the files that ``path_to`` says."""
    if several := getattr(item, "links", ()):
        return Safe("; ".join(cell(one, path_to=path_to) for one in several))
    text = escape(str(item))
    target = getattr(item, "target", None)
    return Safe(f"[{text}]({path_to(target)}#{target})" if target else text)
