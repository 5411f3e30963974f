"""Lines for users: always one, with the nearest match and what is allowed."""

from __future__ import annotations

import pytest

from emotone.errors import EmotoneError, missing_extra, name_some, nearest, unknown


def test_an_error_is_one_line() -> None:
    assert str(EmotoneError("a.wav: cannot\n be\tread\r\n(reason )")) == "a.wav: cannot be read (reason )"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("emodbb", "emodb"),
        ("emobd", "emodb"),
        ("iemocap", "iemocap"),
        ("zebra", None),
        ("", None),
        ("EmoDB", "emodb"),
        ("IEMO", "iemocap"),
    ],
)
def test_the_nearest_is_named_only_where_it_is_near(given: str, expected: str | None) -> None:
    assert nearest(given, ["emodb", "iemocap", "msp-podcast"]) == expected


def test_the_nearest_may_be_written_in_other_letters() -> None:
    assert nearest("emotion", ["Emotion", "speaker"]) == "Emotion"
    assert nearest("a-b", ["A-B", "a-b"]) == "A-B"  # the first of two that are alike


def test_unknown_names_say_what_is_known() -> None:
    assert str(unknown("split", "trian", iter(["train", "test"]), where="x.csv")) == (
        "x.csv: unknown split 'trian'; did you mean 'train'? (known: test, train)"
    )
    assert str(unknown("corpus", "x", [])) == "unknown corpus 'x' (known: none)"


def test_a_missing_package_says_how_to_get_it() -> None:
    assert (
        str(missing_extra("av", "av", "reading m4a")) == 'reading m4a needs the package av: pip install "emotone[av]"'
    )
    assert str(missing_extra("av", "av", "it", note="; or convert")).endswith('"emotone[av]"; or convert')


def test_the_first_of_many_names() -> None:
    assert name_some(["a"]) == "a" and name_some(["a", "b", "c"]) == "a, b, c" and name_some([]) == ""
    assert name_some(list("abcd")) == "a, b, c, .." and name_some(list("abc"), 1) == "a, .."
