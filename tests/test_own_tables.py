"""Tables as other programs write them: what is no knowledge is refused, or named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_cases import FRUIT, csv_data, csv_text, pools_of, refused

from nnbench.datasets.own.description import dataset_at
from nnbench.datasets.own.look import notes_of


def table(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def classes_table(*names: str, times: int = 10) -> str:
    return table(
        "a,kind", [f"{n * 1.7 % 5:.3f},{names[n % len(names)]}" for n in range(times * len(names))]
    )


def numbered_rows(name: str, *, start: int = 1) -> str:
    """Noise, sorted by class, with the numbers of its rows in front."""
    noise = np.random.default_rng(0).normal(size=200)
    rows = [f"{start + n},{x:.9f},{'ab'[n // 100]}" for n, x in enumerate(noise)]
    return table(f"{name},x,kind", rows)


@pytest.mark.parametrize("name", ['""', "", "Unnamed: 0"])
def test_the_row_numbers_of_r_and_pandas_are_no_feature(name: str, tmp_path: Path) -> None:
    message = refused("a column has no name", csv_data(tmp_path, numbered_rows(name)))
    assert message == (
        f"{tmp_path}/t.csv: a column has no name, as the numbers of the rows have that R and pandas write\n"
        f"  got: {name.strip(chr(34))!r}, which begins with 1, 2, 3\n"
        '  do: name it in the header if it says something, or leave it out: features: ["x"]'
    )


def test_a_column_without_a_name_that_is_not_used_does_not_matter(tmp_path: Path) -> None:
    path = csv_data(tmp_path, numbered_rows('""'), features=["x"])
    assert dataset_at(path).input_shape == (1,)
    assert notes_of(path) == ()


@pytest.mark.parametrize("start", [0, 1, 1_000_000])
def test_a_named_column_that_counts_the_rows_is_named(start: int, tmp_path: Path) -> None:
    (note,) = [
        n
        for n in notes_of(csv_data(tmp_path, numbered_rows("id", start=start)))
        if n.startswith("column 'id'")
    ]
    assert note.startswith("column 'id' counts the rows")


def test_numbers_of_rows_in_any_order_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [f"{n},{rng.normal():.3f},{'ab'[n % 2]}" for n in rng.permutation(150)[:100]]
    (note,) = notes_of(csv_data(tmp_path, table("patient,x,kind", rows)))
    assert note.startswith(
        "column 'patient' is another whole number in each row, with few left out"
    )


def test_numbers_that_are_sorted_by_class_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    numbers = np.concatenate([rng.permutation(100), 500 + rng.permutation(100)])
    rows = [f"{n},{rng.normal():.3f},{'ab'[i // 100]}" for i, n in enumerate(numbers)]
    (note,) = notes_of(csv_data(tmp_path, table("patient,x,kind", rows)))
    assert note == (
        "column 'patient' is another whole number in each row, ordered by class: it may be a row's number"
    )


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["3"] * 30, "is constant (3)"),
        ([str(7 + n % 3) for n in range(30)], "alone tells what is to be predicted"),
        ([f"{n / 7:.3f}" for n in range(30)], "has the same values as 'height'"),
        (["-999" if n % 9 == 4 else f"{n * 7 % 11}.5" for n in range(30)], "has -999 in 3 rows"),
    ],
)
def test_columns_that_say_nothing_or_too_much_are_named(
    column: list[str], words: str, tmp_path: Path
) -> None:
    lines = csv_text().splitlines()
    text = table(
        "height,more,kind",
        [
            f"{line.split(',')[1]},{cell},{line.split(',')[2]}"
            for line, cell in zip(lines[1:], column, strict=True)
        ],
    )
    assert [
        note for note in notes_of(csv_data(tmp_path, text)) if words in note and "'more'" in note
    ]


def test_plain_data_have_nothing_to_note(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = [f"{rng.normal():.4f},{rng.normal():.4f},{FRUIT[n % 3]}" for n in range(60)]
    assert notes_of(csv_data(tmp_path, table("width,height,kind", rows))) == ()


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ([str(n) for n in range(1, 13)], [str(n) for n in range(1, 13)]),
        (["10.0", "9.0", "-1.0"], ["-1.0", "9.0", "10.0"]),
        (["1e3", "20", "3"], ["3", "20", "1e3"]),
        (["10", "9", "many"], ["10", "9", "many"]),
    ],
)
def test_classes_that_are_numbers_come_in_their_order(
    names: list[str], order: list[str], tmp_path: Path
) -> None:
    dataset = dataset_at(csv_data(tmp_path, classes_table(*names)))
    assert dataset.class_names == tuple(order)
    pools_of(dataset)


@pytest.mark.parametrize("text", ["NA", "?", "N/A", "nan", "NULL", "#N/A", "None", "-", "<NA>"])
def test_a_missing_class_is_no_class(text: str, tmp_path: Path) -> None:
    path = csv_data(tmp_path, classes_table("male", "female", text, times=4))
    message = refused("missing", path)
    assert message == (
        f"{tmp_path}/t.csv: 4 cells are empty, missing or no usable number\n"
        f"  got: line 4, column 'kind': {text!r}, line 7, column 'kind': {text!r}, "
        f"line 10, column 'kind': {text!r}, line 13, column 'kind': {text!r}\n"
        "  allowed: numbers as in -1.5e3; any text as a class\n"
        "  do: fill in or remove these rows; name `features` to leave out columns of text; "
        "if one of these texts is a class, list those that stand for no value as `missing`"
    )


def test_the_data_say_what_stands_for_a_missing_value(tmp_path: Path) -> None:
    path = csv_data(tmp_path, classes_table("NA", "EU", "none"), missing=["?"])
    assert dataset_at(path).class_names == ("EU", "NA", "none")
    refused(
        "line 3, column 'kind': 'EU'", csv_data(tmp_path, classes_table("NA", "EU"), missing=["EU"])
    )
    codes = classes_table("u", "v").replace("1.700,", "-999,")
    refused("line 3, column 'a': '-999'", csv_data(tmp_path, codes, missing=["-999"]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("caf\u00e9", "cafe\u0301"),
        ("low", "low\u200b"),
        ("high", "high\u00ad"),
        ("a b", "a\u00a0b"),
        ("a b", "a  b"),
        ("01", "1"),
    ],
)
def test_classes_that_look_the_same_are_refused(one: str, other: str, tmp_path: Path) -> None:
    path = csv_data(tmp_path, classes_table(one, other, "5"))
    message = refused("classes have different names that look or count the same", path)
    assert ascii(one) in message
    assert ascii(other) in message


@pytest.mark.parametrize(
    ("one", "other"), [("<=50K", "<=50K."), ("Yes", "yes"), ("New York", "new_york"), ("x", "'x'")]
)
def test_classes_that_may_be_one_are_named_and_can_be_made_one(
    one: str, other: str, tmp_path: Path
) -> None:
    path = csv_data(tmp_path, classes_table(one, other, "zebra"))
    (note,) = [note for note in notes_of(path) if "classes" in note]
    assert repr(one) in note
    assert repr(other) in note
    path = csv_data(tmp_path, classes_table(one, other, "zebra"), rename={other: one})
    dataset = dataset_at(path)
    assert dataset.class_names == tuple(sorted([one, "zebra"]))
    assert np.bincount(pools_of(dataset).test.labels).sum() == 9
    assert not [note for note in notes_of(path) if "classes" in note]


def test_a_class_to_be_renamed_has_to_be_there(tmp_path: Path) -> None:
    path = csv_data(tmp_path, rename={"aple": "apple"})
    refused("rename names no class...'aple'...did you mean 'apple'", path)


@pytest.mark.parametrize(
    "signs", ["<=50K,>50K", "<5,>5", "+,+-", "a-,a+", "-1,1", "1-2,12", "C,C++"]
)
def test_signs_that_tell_classes_apart_are_no_twins(signs: str, tmp_path: Path) -> None:
    path = csv_data(tmp_path, classes_table(*signs.split(",")))
    assert not [note for note in notes_of(path) if "classes" in note]


def test_a_quote_after_a_space_is_a_quote(tmp_path: Path) -> None:
    text = table("a, b, kind", [f'{n}, {n % 7}, "{"uv"[n % 2]}"' for n in range(20)])
    assert dataset_at(csv_data(tmp_path, text)).class_names == ("u", "v")


@pytest.mark.parametrize(("separator", "written"), [(";", ";"), ("\t", "\\t"), ("|", "|")])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_separator_that_is_seen_is_named(
    separator: str, written: str, quote: str, tmp_path: Path
) -> None:
    text = csv_text().replace(",", separator)
    text = text.replace("width", f"{quote}width{quote}")
    message = refused("seem to be separated", csv_data(tmp_path, text))
    assert message == (
        f'{tmp_path}/t.csv: its columns seem to be separated by "{written}", not by ","\n'
        "  got: a first line with 2 of the one and none of the other\n"
        f'  do: set separator: "{written}"'
    )
    assert dataset_at(csv_data(tmp_path, text, separator=separator)).input_shape == (2,)


@pytest.mark.parametrize("written", ["\t", "\\t", "tab"])
def test_a_tabulator_may_be_written_as_people_do(written: str, tmp_path: Path) -> None:
    path = csv_data(tmp_path, csv_text().replace(",", "\t"), separator=written)
    assert dataset_at(path).input_shape == (2,)


def test_decimal_commas_are_told(tmp_path: Path) -> None:
    text = csv_text().replace(",", ";").replace(".", ",")
    refused("write decimal points instead of commas", csv_data(tmp_path, text, separator=";"))


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("14.23,1.71,0", "0"),
        ("5.1,3.5,setosa", "setosa"),
        ("1,1,0", "0"),
        ("150,4,setosa", "setosa"),
        ("-0.3,2,9", "9"),
    ],
)
def test_a_table_without_a_header_loses_no_row(header: str, target: str, tmp_path: Path) -> None:
    rows = [f"{n},{n % 7},{n % 2}" for n in range(30)]
    message = refused("has no header", csv_data(tmp_path, table(header, rows), target=target))
    assert message == (
        f"{tmp_path}/t.csv: has no header: its first line holds numbers, and would be lost as a row\n"
        f"  got: line 1: {header.replace(',', ', ')}\n"
        "  allowed: a first line with the names of the columns\n"
        "  do: write the names of the columns above the rows"
    )


@pytest.mark.parametrize("header", ["0,1,kind", "1990,1991,kind", "0.1,0.2,kind", "x,1,kind"])
def test_names_that_count_are_names(header: str, tmp_path: Path) -> None:
    text = csv_text().replace("width,height,kind", header)
    dataset = dataset_at(csv_data(tmp_path, text))
    assert dataset.test_size == 9


def keys(**changes: Any) -> dict[str, Any]:
    return changes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (keys(group="widht"), "group names no column...did you mean 'width'"),
        (keys(group="kind"), "the group is the target or a feature...got: kind"),
        (keys(group="width", features=["width"]), "the group is the target or a feature"),
        (keys(duplicates="drop"), "duplicates"),
        (keys(separator=";;"), "separator"),
    ],
)
def test_keys_that_do_not_fit_are_named(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    refused(words, csv_data(tmp_path, **changes))
