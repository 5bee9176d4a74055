"""Tables that cannot be what was meant, and the words in which they are refused."""

from __future__ import annotations

from plausible_kinds import MISSING, REFUSED, Draw, Table, kind, some

__all__ = ["REFUSED"]


@kind(REFUSED)
def another_separator(made: Table, draw: Draw) -> str:
    made.write = {"delimiter": str(draw.choice([";", "\t", "|", " "]))}
    return "its columns seem to be separated by"


@kind(REFUSED)
def decimal_commas(made: Table, draw: Draw) -> str:
    made.write, made.spec = {"delimiter": ";"}, {"separator": ";"}
    made.rows = [[cell.replace(".", ",") for cell in row] for row in made.rows]
    made.set(0, "x0", "1,5")
    return "write decimal points instead of commas"


@kind(REFUSED)
def thousands_separators(made: Table, draw: Draw) -> str:
    made.add("price", [f"{1000 + 7 * n:,}" for n in range(len(made.rows))])
    return "column 'price': '1,000'"


@kind(REFUSED)
def row_numbers_without_a_name(made: Table, draw: Draw) -> str:
    made.add("" if draw.integers(2) else "Unnamed: 0", range(len(made.rows)))
    return "a column has no name"


@kind(REFUSED)
def a_missing_number(made: Table, draw: Draw) -> str:
    row = some(draw, made)
    made.set(row, "x1", str(draw.choice(MISSING)))
    return f"line {row + 2}, column 'x1'"


@kind(REFUSED)
def a_missing_class(made: Table, draw: Draw) -> str:
    row = some(draw, made)
    made.set(row, "kind", str(draw.choice(MISSING)))
    return f"line {row + 2}, column 'kind'"


@kind(REFUSED)
def truth_values(made: Table, draw: Draw) -> str:
    made.add(
        "open",
        draw.choice([["True", "False"], ["yes", "no"]][some(draw, made) % 2], size=len(made.rows)),
    )
    return "column 'open'"


@kind(REFUSED)
def dates(made: Table, draw: Draw) -> str:
    made.add("day", [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(len(made.rows))])
    return "column 'day': '2024-01-01'"


@kind(REFUSED)
def no_header(made: Table, draw: Draw) -> str:
    made.headless, made.spec = True, {"target": made.rows[0][made.header.index("kind")]}
    return "has no header"


@kind(REFUSED)
def a_header_twice(made: Table, draw: Draw) -> str:
    row = some(draw, made)
    made.rows.insert(row, list(made.header))
    return f"line {row + 2}, column 'x0': 'x0'"


@kind(REFUSED)
def numbers_beyond_float32(made: Table, draw: Draw) -> str:
    made.set(some(draw, made), "x0", str(draw.choice(["inf", "1e39", "-1e400", "1e999"])))
    return "column 'x0'"


@kind(REFUSED)
def names_that_look_the_same(made: Table, draw: Draw) -> str:
    for row in range(3):
        made.set(row, "kind", "ash\u200b" if draw.integers(2) else "as\u00adh")
    return "look or count the same"


@kind(REFUSED)
def a_class_of_one_row(made: Table, draw: Draw) -> str:
    made.set(some(draw, made), "kind", "yew")
    return "yew"


@kind(REFUSED)
def another_encoding(made: Table, draw: Draw) -> str:
    made.set(0, "kind", "fähre"), made.set(1, "kind", "fähre"), made.set(2, "kind", "fähre")
    made.encoding = str(draw.choice(["latin-1", "utf-16", "cp1252"]))
    return "cannot be read as CSV"
