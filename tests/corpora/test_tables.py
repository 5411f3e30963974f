"""Label tables: encodings, maps of words, numbers, rows and their audio; every mistake counted and named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.tables import (
    check_columns,
    check_ranges,
    check_splits,
    locate_rows,
    map_emotions,
    map_splits,
    map_words,
    read_table,
    read_text,
    rows_by_stem,
    to_numbers,
)
from emotone.errors import EmotoneError

PATH = Path("corpus/labels.csv")


def test_cells_of_text_tables_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbffile;speaker;x\r\na.wav; 03;NA\r\n")
    table = read_table(tmp_path / "a.csv", ["speaker"])
    assert table["speaker"].tolist() == ["03"] and table["x"].isna().all() and list(table) == ["file", "speaker", "x"]


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"a\nJ\xf6rg\nRen\xe9\n", "utf-8", "2 of 3 lines are not utf-8 text, the first is line 2; save it as UTF-8"),
        (b"J\xc3\xb6rg\nRen\xe9\n", "utf-8", "1 of 2 lines are not utf-8 text, the first is line 2 (1 others"),
        (b"a\x81\n", "cp1252", "1 of 1 lines are not cp1252 text, the first is line 1; save"),
        (b"a\n", "latin-9000", "encoding: 'latin-9000' is not the name of one"),
    ],
)
def test_text_of_another_encoding_names_its_first_line(
    tmp_path: Path, data: bytes, encoding: str, message: str
) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(EmotoneError) as error:
        read_text(tmp_path / "a.csv", encoding)
    assert message in str(error.value)


def test_words_that_are_not_mapped_are_all_named() -> None:
    words = pd.Series(["a", "b", "c", "b", None])
    with pytest.raises(EmotoneError, match=r"labels.csv: 2 words are not mapped: b \(2\), c \(1\); do so"):
        map_words(words, {"a": "A"}, "words", "labels.csv", "do so")
    mapped = map_words(words, {"a": "A", "b": None, "c": "C", "d": "D"}, "words", "labels.csv", "")
    assert mapped.tolist() == ["A", None, "C", None, None]


def test_emotions_that_the_map_leaves_out_are_counted() -> None:
    words = pd.Series(["joy", "x", "x", "y", None])
    assert map_emotions(words, {}, "here")[0] is words
    mapped, notes = map_emotions(words, {"joy": "happiness", "x": None, "y": None}, "here")
    assert mapped.tolist() == ["happiness", None, None, None, None]
    assert notes == ["here: 3 of 4 labels are left out, as emotions says: 'x' (2), 'y' (1)"]


def test_own_split_names_need_no_map() -> None:
    assert map_splits(pd.Series(["train", "unlabelled", None]), {}, "here").tolist() == ["train", "unlabelled", None]
    with pytest.raises(EmotoneError, match=r"2 split names are not mapped: Train \(1\), dev \(1\); set splits"):
        map_splits(pd.Series(["Train", "dev"]), {}, "here")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1", "x", "y"], "2 of 3 rows have no number as arousal, e.g. row 2 (x)"),
        (["1", "-inf"], "1 of 2 rows have an infinite arousal, e.g. row 2 (-inf)"),
        (["0.5", "1", "9"], "2 of 3 rows have arousal outside [1, 7], e.g. row 1 (0.5)"),
    ],
)
def test_wrong_numbers_are_counted(cells: list[str], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        to_numbers(pd.Series(cells), "arousal", PATH, (1, 7))
    assert str(error.value) == f"{PATH}: {message}"
    np.testing.assert_array_equal(to_numbers(pd.Series(["1", None, 7]), "arousal", PATH, (1, 7)), [1, np.nan, 7])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.wav", None], "1 of 2 rows have no file, e.g. row 2"),
        (["a.wav", "b.wav", "a.wav", "a.wav"], "2 of 4 rows repeat a file, e.g. row 3 (a.wav)"),
    ],
)
def test_rows_are_found_by_the_stem_of_their_file(files: list[str | None], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        rows_by_stem(pd.DataFrame({"file": files}), "file", PATH)
    assert message in str(error.value)


def test_rows_and_audio_are_compared() -> None:
    table = pd.DataFrame({"file": ["a.wav", "sub/b.wav", "c.wav", "d"]})
    audio = ["a.flac", "e.wav", "sub/b.wav"]
    with pytest.raises(EmotoneError, match="labels.csv: 2 of 4 rows have no audio, e.g. c.wav, d; set incomplete=true"):
        locate_rows(table, audio, PATH, incomplete=False)
    located, notes = locate_rows(table, audio, PATH, incomplete=True)
    assert located["file"].tolist() == ["a.flac", "sub/b.wav"] and located.index.tolist() == [0, 1]
    assert [note.partition(": ")[2] for note in notes] == [
        "2 of 4 rows have no audio and are left out, e.g. c.wav, d",
        "1 of 3 audio files have no row, e.g. e.wav",
    ]


def test_settings_of_generic_readers_are_checked() -> None:
    check_columns({"emotion": "label"})
    check_ranges({"arousal": [1, 5]})
    check_splits({"dev": "validation"})
    for check, wrong, message in (
        (check_columns, {"emotions": "label"}, "columns: unknown column 'emotions'; did you mean 'emotion'"),
        (check_columns, {"emotion": "a", "valence": "a"}, "serves only one of Emotone's columns"),
        (check_ranges, {"arousal": [5, 1]}, r"ranges: arousal must be \[lowest, highest\], not \[5, 1\]"),
        (check_splits, {"dev": "development"}, "splits: unknown split 'development'"),
    ):
        with pytest.raises(EmotoneError, match=message):
            check(wrong)  # type: ignore[operator]
