"""Tables as text: separators, marks, blanks and rows of another length."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.base.delimited import read_delimited
from emotone.errors import EmotoneError

PATH = Path("labels.csv")


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a,b\n1,2\n", PATH, (["a", "b"], [["1", "2"]])),
        ("a;b\r\n1,5;2\r\n", PATH, (["a", "b"], [["1,5", "2"]])),
        ("a\tb\n1,2\t3\n", PATH, (["a", "b"], [["1,2", "3"]])),
        ("a,b\tc\n1\t2\n", Path("x.TSV"), (["a,b", "c"], [["1", "2"]])),
        ('a,b\n"x ""y"" ,\nz",2\n', PATH, (["a", "b"], [['x "y" ,\nz', "2"]])),
        ("a,b\n\n1,2,,\n", PATH, (["a", "b"], [["1", "2"]])),
        ("a,b\r1,2\r", PATH, (["a", "b"], [["1", "2"]])),
        ("a,b\n'=1,'tis\n-1,'\n", PATH, (["a", "b"], [["=1", "'tis"], ["-1", "'"]])),
        ("a\n b \n", PATH, (["a"], [[" b "]])),
        ("", PATH, ([], [])),
    ],
)
def test_cells_are_as_they_stand(text: str, path: Path, expected: tuple[list[str], list[list[str]]]) -> None:
    assert read_delimited(text, path) == expected


def test_marks_behind_blanks_only_where_asked() -> None:
    assert read_delimited('a, "b, c"\n1, "2, 3"\n', PATH, skip_blanks=True) == (["a", "b, c"], [["1", "2, 3"]])
    assert read_delimited("a,b\n1, 2\n", PATH)[1] == [["1", " 2"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1\n2,3\n4,5,6\n", "labels.csv: 2 of 3 rows do not have 2 cells, as the header has, e.g. row 1 (1)"),
        ('a\n"x\n', "labels.csv: cannot be read as a table (line 2: unexpected end of data)"),
    ],
)
def test_what_does_not_fit_is_one_line(text: str, message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        read_delimited(text, PATH)
    assert str(error.value) == message
