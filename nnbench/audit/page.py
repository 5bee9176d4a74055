"""``nnbench compare A B --html FILE``: the comparison as one offline page."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import jinja2

from nnbench.audit.comparison import (
    Comparison,
    FindingVerdict,
    LevelChange,
    StudyChange,
    VerdictChange,
)
from nnbench.audit.text import change_text, compare_summary, not_compared, study_p, verdict_note
from nnbench.records.store import write_atomically
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import Axis, bottom_axis, padded
from nnbench.report.figures.canvas import Image, element
from nnbench.report.figures.dots import spread
from nnbench.report.figures.words import below
from nnbench.report.tables import Table
from nnbench.text.rounding import p_text, value_text
from nnbench.text.vocabulary import TONES

_TEMPLATES = Path(canvas.__file__).parent.parent / "templates"
_COLOURS = {"moved": canvas.CLAIMED, "within noise": canvas.MEASURED, "identical": canvas.CONTROL}
_WORDS = {"moved": "beyond noise", "within noise": "within noise", "identical": "identical"}
_ROW, _TOP, _LEFT = 46.0, 12.0, 104.0


def write_page(found: Comparison, file: Path, *, names: tuple[str, str]) -> None:
    """Write the page; NnbenchError if the file cannot be written."""
    write_atomically(file, page(found, names=names).encode())


def page(found: Comparison, *, names: tuple[str, str]) -> str:
    """The page as text; the same comparison gives the same text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= dict.fromkeys(("chip", "link", "links"), lambda _: False)
    moved = [level for level in found.levels if level.outcome == "moved"]
    others = [level for level in found.levels if level.outcome in ("within noise", "identical")]
    return environment.get_template("compare.html.j2").render(
        figure_style=canvas.page_style(),
        tones=TONES,
        summary=compare_summary(found),
        differs=found.differs,
        sides=_sides(found, names),
        verdicts=_verdicts(found.verdicts),
        moved=_levels(moved, "Levels that moved beyond the noise of seeds", why=True),
        others=_levels(others, "Levels that did not"),
        studies_moved=_studies(
            found.studies, ("moved",), "Of factor studies: what moved beyond noise"
        ),
        studies=_studies(
            found.studies, ("within noise", "identical"), "Of factor studies: what did not"
        ),
        left_out=list(not_compared(found)),
        provenance=[fact.text.replace("->", "→") for fact in found.provenance],
        figure=changes_figure([*moved, *others]),
    )


def _sides(found: Comparison, names: tuple[str, str]) -> Table:
    rows = [
        [side, name, about.generated or "–", about.git_commit or "–", str(about.seeds)]
        for side, name, about in zip("AB", names, (found.a, found.b), strict=True)
    ]
    columns = ("Side", "Report", "Last result", "Commit", "Seeds")
    return Table("What is compared", columns, rows=rows, text=columns)


def _verdicts(changes: Sequence[VerdictChange]) -> Table | None:
    """Each claim whose verdict changed, and below it those of its findings."""
    rows = []
    for change in changes:
        rows.append([change.claim, "", *_both(change), verdict_note(change)])
        rows += [["", one.context, *_both(one), one.skipped or ""] for one in change.results]
    columns = ("Claim", "On", "A", "B", "Note")
    return Table("Verdicts that changed", columns, rows=rows, text=columns) if rows else None


def _both(change: VerdictChange | FindingVerdict) -> list[str]:
    return [change.a or "no verdict", change.b or "no verdict"]


def _levels(levels: Sequence[LevelChange], caption: str, *, why: bool = False) -> Table | None:
    columns = ("Claim", "Where", "Level", "Metric", "A", "B", "Change", "p, Holm")
    rows = [
        [
            level.claim,
            level.context,
            level.level,
            level.metric,
            value_text(level.mean_a, level.unit),
            value_text(level.mean_b, level.unit),
            "–" if level.outcome == "identical" else change_text(level),
            "exact" if level.p_holm is None else p_text(level.p_holm),
            *(["; ".join(level.reasons) or "–"] if why else []),
        ]
        for level in levels
    ]
    shown = (*columns, "May be") if why else columns
    text = ("Where", "Level", "Metric", "May be")
    return Table(caption, shown, rows=rows, text=text) if rows else None


def _studies(changes: Sequence[StudyChange], outcomes: Sequence[str], caption: str) -> Table | None:
    """Shares, orders of factors and numbers of points."""
    rows = [
        [
            change.study,
            change.dataset or "all data",
            change.what,
            change.a,
            change.b,
            _WORDS[change.outcome],
            study_p(change),
            "; ".join(change.reasons) or "–",
        ]
        for change in changes
        if change.outcome in outcomes
    ]
    columns = ("Study", "Where", "What", "A", "B", "Outcome", "p, Holm", "May be")
    text = ("Where", "What", "Outcome", "May be")
    return Table(caption, columns, rows=rows, text=text) if rows else None


# --- how far the means moved


def changes_figure(levels: Sequence[LevelChange]) -> Image | None:
    """Each level's change as a dot, by what it amounts to; None where nothing was compared."""
    known = [(level, change) for level in levels if (change := _relative(level)) is not None]
    if not known:
        return None
    bottom = _TOP + _ROW * len(_COLOURS)
    limits = padded([0.0, *(change for _, change in known)], log=False)
    axis = Axis(limits=limits, log=False, start=_LEFT, end=canvas.WIDTH - 12)
    zero = axis.at(0.0)
    shapes = [bottom_axis(axis, top=_TOP, bottom=bottom)]
    shapes += [canvas.line((zero, _TOP), (zero, bottom), canvas.MUTED)]
    for index, outcome in enumerate(_COLOURS):
        own = [(level, change) for level, change in known if level.outcome == outcome]
        shapes += _strip(own, outcome, axis, _TOP + _ROW * (index + 0.5))
    shapes += [below("Change of a level’s mean from A to B, %", bottom + 29)]
    alt = "; ".join(
        f"{sum(lv.outcome == name for lv in levels)} {word}" for name, word in _WORDS.items()
    )
    return Image(body="".join(shapes), box=(canvas.WIDTH, bottom + 36), alt=f"Levels: {alt}.")


def _relative(level: LevelChange) -> float | None:
    """The change of the mean in percent of its first value."""
    if level.mean_a is None or level.mean_b is None or not level.mean_a:
        return None
    return 100 * (level.mean_b - level.mean_a) / abs(level.mean_a)


def _strip(
    levels: Sequence[tuple[LevelChange, float]], outcome: str, axis: Axis, y: float
) -> Iterator[str]:
    yield canvas.text(_LEFT - 8, y - 2, _WORDS[outcome], text_anchor="end")
    count = f"{len(levels)} level{'' if len(levels) == 1 else 's'}"
    style: canvas.Style = {"fill": canvas.MUTED, "size": canvas.SMALL, "text_anchor": "end"}
    yield canvas.text(_LEFT - 8, y + 12, count, **style)
    dots = [
        canvas.dot(
            axis.at(change), y + 0.32 * _ROW * spread(i), 2.8,
            canvas.titled(f"{level.claim}, {level.context}, {level.level}: {change_text(level)}"),
        )
        for i, (level, change) in enumerate(levels)
    ]  # fmt: skip
    if dots:
        yield element("g", *dots, fill=_COLOURS[outcome], opacity="0.6")
