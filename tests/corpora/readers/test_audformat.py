"""audformat: databases that the package audformat writes, in either format, and what is refused."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.readers.audformat import Audformat
from emotone.errors import EmotoneError

audformat = pytest.importorskip("audformat")
Plant = Callable[..., Path]


def add(database: Any, table: str, column: str, values: list[Any], scheme: str, rater: str | None = None) -> None:
    database[table][column] = audformat.Column(scheme_id=scheme, rater_id=rater)
    database[table][column].set(values)


def example(rater_columns: bool = True) -> Any:
    """Two speakers; segments in a training and a development table, speakers and texts by file."""
    database = audformat.Database("example", languages=["de"], license="CC0-1.0", description="A database for tests")
    database.schemes["emotion"] = audformat.Scheme(labels=["joy", "rage", "unclear"])
    database.schemes["arousal"] = audformat.Scheme("float", minimum=1, maximum=7)
    speakers = {"s1": {"gender": "female", "age": 31}, "s2": {"gender": "male", "age": 44}}
    database.schemes["speaker"] = audformat.Scheme(labels=speakers)
    for name, dtype in {"transcription": "str", "quality": "float"}.items():
        database.schemes[name] = audformat.Scheme(dtype)
    database.splits["train"], database.splits["dev"] = audformat.Split("train"), audformat.Split("dev")
    for rater in ("r1", "r2", "gold"):
        database.raters[rater] = audformat.Rater()
    database["files"] = audformat.Table(audformat.filewise_index(["wav/a.wav", "wav/b.wav"]))
    add(database, "files", "speaker", ["s1", "s2"], "speaker")
    add(database, "files", "text", ["Guten Tag", None], "transcription")
    segments = audformat.segmented_index(["wav/a.wav", "wav/a.wav"], [0, "1.5s"], ["1.5s", "2.25s"])
    database["emotion.train"] = audformat.Table(segments, split_id="train")
    whole = audformat.segmented_index(["wav/b.wav"], [0], [pd.NaT])
    database["emotion.dev"] = audformat.Table(whole, split_id="dev")
    for table, size in {"emotion.train": 2, "emotion.dev": 1}.items():
        add(database, table, "emotion", ["joy", "rage"][:size], "emotion", "gold")
        add(database, table, "arousal", [2.5, None][:size], "arousal")
        add(database, table, "quality", [0.5, 1.0][:size], "quality")
        if rater_columns:
            add(database, table, "emotion.r1", ["joy", "joy"][:size], "emotion", "r1")
            add(database, table, "emotion.r2", [None, "rage"][:size], "emotion", "r2")
    return database


@pytest.fixture
def folder(plant: Plant) -> Path:
    return plant("wav/a.wav", "wav/b.wav")


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_segments_with_what_is_said_of_their_files(folder: Path, storage: str) -> None:
    example().save(folder, storage_format=storage)
    corpus = Audformat(splits={"dev": "test"}).read(folder)
    table = corpus.utterances
    assert table["id"].tolist() == ["wav/a#0-1.5", "wav/a#1.5-2.25", "wav/b"]
    assert table["start_s"].tolist()[:2] == [0, 1.5] and np.isnan(table["start_s"][2]) and np.isnan(table["end_s"][2])
    assert table["emotion"].tolist() == ["joy", "rage", "joy"] and table["split"].tolist() == ["train", "train", "test"]
    assert table["speaker"].tolist() == ["s1", "s1", "s2"] and table["gender"].tolist() == ["female"] * 2 + ["male"]
    assert table["age"].tolist() == [31, 31, 44] and table["quality"].tolist() == [0.5, 1.0, 0.5]
    assert table["transcript"].tolist() == ["Guten Tag", "Guten Tag", None] and set(table["language"]) == {"de"}
    np.testing.assert_array_equal(table["arousal"], [2.5, np.nan, 2.5])
    assert corpus.meta["ranges"] == {"arousal": [1.0, 7.0]} and corpus.meta["licence"] == "CC0-1.0"
    assert corpus.raters is not None and corpus.raters[["id", "rater", "emotion"]].values.tolist() == [
        ["wav/a#0-1.5", "r1", "joy"],
        ["wav/a#1.5-2.25", "r1", "joy"],
        ["wav/a#1.5-2.25", "r2", "rage"],
        ["wav/b", "r1", "joy"],
    ]


def test_development_is_validation_and_emotions_are_mapped(folder: Path) -> None:
    example().save(folder)
    corpus = Audformat(emotions={"joy": "happiness", "rage": "anger"}).read(folder)
    assert corpus.utterances["split"].tolist() == ["train", "train", "validation"]
    assert corpus.utterances["emotion"].tolist() == ["happiness", "anger", "happiness"]
    assert corpus.raters is not None and set(corpus.raters["emotion"]) == {"happiness", "anger"}
    with pytest.raises(EmotoneError, match=r"db.yaml: 1 emotions are not mapped: rage \(1\); map each of them"):
        Audformat(emotions={"joy": "happiness"}).read(folder)


def test_without_segments_rows_are_files(folder: Path) -> None:
    database = example()
    add(database, "files", "mood", ["joy", "rage"], "emotion")
    database.save(folder)
    corpus = Audformat(tables=["files"]).read(folder)
    assert corpus.utterances["id"].tolist() == ["wav/a", "wav/b"] and corpus.raters is None
    assert corpus.utterances["emotion"].tolist() == ["joy", "rage"]


def test_columns_are_found_by_a_map(folder: Path) -> None:
    example(rater_columns=False).save(folder)
    corpus = Audformat(columns={"valence": "quality"}, ranges={"valence": [0, 1]}).read(folder)
    assert corpus.utterances["valence"].tolist() == [0.5, 1.0, 0.5] and corpus.raters is None
    assert corpus.meta["ranges"]["valence"] == [0.0, 1.0]


def test_labels_may_lie_in_a_misc_table(folder: Path) -> None:
    database = example()
    database["people"] = audformat.MiscTable(pd.Index(["s1", "s2"], name="person", dtype="string"))
    database["people"]["gender"] = audformat.Column()
    database["people"]["gender"].set(["female", "male"])
    database.schemes["person"] = audformat.Scheme("str", labels="people")
    add(database, "files", "who", ["s2", "s1"], "person")
    database.save(folder)
    table = Audformat(columns={"speaker": "person"}).read(folder).utterances
    assert table["speaker"].tolist() == ["s2", "s2", "s1"] and table["gender"].tolist() == ["male", "male", "female"]


def test_audio_and_rows_are_compared(folder: Path) -> None:
    example().save(folder)
    (folder / "wav/c.wav").touch()
    assert [note.partition(": ")[2] for note in Audformat().read(folder).meta["notes"]] == [
        "1 of 3 audio files have no row, e.g. wav/c.wav",
        "kept under their own names: quality, age; set columns to use them as columns of Emotone",
    ]
    (folder / "wav/b.wav").unlink()
    with pytest.raises(EmotoneError, match="db.yaml: 1 of 3 rows have no audio, e.g. wav/b.wav; set incomplete=true"):
        Audformat().read(folder)
    corpus = Audformat(incomplete=True).read(folder)
    assert len(corpus) == 2 and corpus.raters is not None and len(corpus.raters) == 3


class Trap:
    """What a pickled table may hold."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.sprung),)


def test_pickled_tables_are_never_read(folder: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    example().save(folder)
    pickled = folder / "db.emotion.train.pkl"
    pickled.write_bytes(pickle.dumps(Trap(sprung)))  # newer than the table, so that audformat would take it
    assert len(Audformat().read(folder)) == 3
    (folder / "db.emotion.train.parquet").unlink()
    with pytest.raises(EmotoneError, match="db.emotion.train.pkl: pickled tables are not read"):
        Audformat().read(folder)
    assert not sprung.exists()


def test_headers_run_no_code(folder: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    (folder / "db.yaml").write_text(f"name: !!python/object/apply:os.mkdir [{str(sprung)!r}]\ntables: {{}}\n")
    with pytest.raises(EmotoneError, match="db.yaml: is no YAML of plain values"):
        Audformat().read(folder)
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("db.yaml", "tables:", "tabels:", "is no audformat header with tables"),
        ("db.yaml", "schemes:\n", "schemes: [a]\nold:\n", "db.yaml: schemes must be a mapping of mappings"),
        ("db.yaml", "type: dev", "type: other", "1 split names are not mapped: other (1); set splits"),
        ("db.emotion.train.csv", "rage", "fury", "1 of 2 rows have a emotion that scheme emotion does not list"),
        ("db.emotion.train.csv", "2.5", "high", "have no number as arousal, e.g. row 1 (high)"),
        ("db.emotion.train.csv", "2.5", "9.5", "1 of 3 utterances have arousal outside [1, 7], e.g. 'wav/a#0-1.5'"),
        ("db.emotion.train.csv", "0 days 00:00:02.250000", "later", "have no time as end, e.g. row 2 (later)"),
        ("db.emotion.train.csv", "0 days 00:00:02.250000", "0 days 00:00:01", "1 of 3 utterances do not end after"),
        ("db.emotion.train.csv", "quality", "qual", "db.emotion.train.csv: unknown column 'quality'"),
        ("db.files.csv", "wav/b.wav", "../b.wav", "rows name a file outside"),
        ("db.files.csv", "wav/b.wav", "wav/a.wav", "1 of 2 rows repeat a file or segment, e.g. row 2 (wav/a.wav)"),
    ],
)
def test_damaged_databases_are_one_clear_line(folder: Path, file: str, old: str, new: str, message: str) -> None:
    example().save(folder, storage_format="csv")
    if old == "wav/b.wav" and new.startswith(".."):
        path = folder / "db.emotion.dev.csv"
        path.write_text(path.read_text().replace(old, new))
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    with pytest.raises(EmotoneError) as error:
        Audformat().read(folder)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_tables_that_contradict_each_other_are_refused(folder: Path) -> None:
    database = example()
    segments = audformat.segmented_index(["wav/a.wav"], [0], ["1.5s"])
    database["wished"] = audformat.Table(segments, split_id="train")
    add(database, "wished", "emotion", ["rage"], "emotion")
    database.save(folder)
    with pytest.raises(EmotoneError, match=r"1 rows have another emotion in one table .* \('joy' and 'rage'\); set"):
        Audformat().read(folder)
    assert len(Audformat(tables=["files", "emotion.train", "emotion.dev"]).read(folder)) == 3
    with pytest.raises(EmotoneError, match="unknown table 'fils'; did you mean 'files'"):
        Audformat(tables=["fils"]).read(folder)


def test_missing_files_are_named(folder: Path) -> None:
    with pytest.raises(EmotoneError, match="db.yaml is missing"):
        Audformat().read(folder)
    example().save(folder)
    (folder / "db.files.parquet").unlink()
    with pytest.raises(EmotoneError, match="db.files.parquet is missing"):
        Audformat().read(folder)


def test_columns_cannot_take_the_place_of_the_index(folder: Path) -> None:
    example().save(folder, storage_format="csv")
    with pytest.raises(EmotoneError) as caught:
        Audformat(columns={"start_s": "quality"}).read(folder)
    assert str(caught.value) == "column quality would be start_s, which the index says; rename it, or set columns"


def test_a_database_without_rows_is_refused(folder: Path) -> None:
    database = audformat.Database("empty")
    database["files"] = audformat.Table(audformat.filewise_index([]))
    database.save(folder, storage_format="csv")
    with pytest.raises(EmotoneError, match="db.yaml: holds no rows"):
        Audformat().read(folder)
