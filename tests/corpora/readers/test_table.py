"""The generic reader: every table format, plain folders, and one clear line for each mistake."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.table import Table
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
ROWS = [
    {"file": "a.wav", "speaker": "03", "EmoAct": "2.5", "emotion": "anger", "note": "x"},
    {"file": "sub/b.mp3", "speaker": None, "EmoAct": None, "emotion": "fear", "note": "y"},
]
SETTINGS: dict[str, Any] = {"columns": {"arousal": "EmoAct"}, "ranges": {"arousal": [1, 7]}, "language": "en"}


def write(path: Path, frame: pd.DataFrame) -> None:
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
        case ".parquet":
            frame.to_parquet(path)
        case ".json":
            path.write_text(json.dumps(frame.astype(object).where(frame.notna(), None).to_dict("records")))
        case ".jsonl":
            frame.to_json(path, orient="records", lines=True)


def corpus_of(plant: Plant, text: str, suffix: str = ".csv", **settings: Any) -> Corpus:
    folder = plant("a.wav", "sub/b.flac")
    (folder / f"labels{suffix}").write_text(text, encoding="utf-8")
    return Table(**settings).read(folder)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json", ".jsonl"])
def test_every_format_gives_the_same_corpus(plant: Plant, suffix: str) -> None:
    folder = plant("a.wav", "sub/b.flac", "sub/unlisted.wav")
    write(folder / f"labels{suffix}", pd.DataFrame(ROWS))
    corpus = Table(**SETTINGS).read(folder)
    table = corpus.utterances
    assert table["id"].tolist() == ["a", "sub/b"] and table["file"].tolist() == ["a.wav", "sub/b.flac"]
    assert table["speaker"].tolist() == ["03", None] and table["language"].tolist() == ["en", "en"]
    assert table["arousal"][0] == 2.5 and np.isnan(table["arousal"][1]) and table["note"].tolist() == ["x", "y"]
    assert corpus.meta["ranges"] == {"arousal": [1.0, 7.0]} and corpus.meta["emotions"] == ["anger", "fear"]
    loaded = Corpus.load(str(corpus.save(folder / "saved")))
    assert loaded.fingerprint == corpus.fingerprint


def test_excel_where_pandas_can(plant: Plant) -> None:
    folder = plant("a.wav", "sub/b.flac")
    pd.DataFrame(ROWS).to_excel(folder / "labels.xlsx", index=False)
    assert Table(**SETTINGS).read(folder).utterances["speaker"].tolist() == ["03", None]


def test_other_sheets_of_a_workbook_are_named(plant: Plant) -> None:
    folder = plant("a.wav", "sub/b.flac")
    with pd.ExcelWriter(folder / "labels.xlsx") as book:
        for sheet in ("first", "second", "old"):
            pd.DataFrame(ROWS[: 2 if sheet == "first" else 1]).to_excel(book, sheet_name=sheet, index=False)
    corpus = Table(**SETTINGS).read(folder)
    assert len(corpus) == 2
    assert f"{folder / 'labels.xlsx'}: its first sheet, first, is read, not second, old" in corpus.meta["notes"]


def test_excel_that_cannot_be_read_is_one_clear_line(plant: Plant) -> None:
    folder = plant("a.wav")
    (folder / "labels.xlsx").write_bytes(b"not a workbook")
    with pytest.raises(EmotoneError, match="labels.xlsx: cannot be read as a table"):
        Table().read(folder)
    with zipfile.ZipFile(folder / "labels.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(EmotoneError, match="labels.xlsx: (tables of this format need a package|cannot be read)"):
        Table().read(folder)


def test_semicolons_byte_order_mark_and_spaces(plant: Plant) -> None:
    table = corpus_of(plant, "\ufefffile; speaker\na.wav; 03\n").utterances
    assert table["speaker"].tolist() == ["03"]


def test_parts_of_a_file(plant: Plant) -> None:
    text = "file,start,end,split\na.wav,0,1.5,train\na.wav,1.5,3,test\nsub/b,,,test\n"
    table = corpus_of(plant, text).utterances
    assert table["id"].tolist() == ["a#0-1.5", "a#1.5-3", "sub/b"]
    assert table["start_s"].tolist()[:2] == [0, 1.5] and np.isnan(table["end_s"][2])
    assert table["split"].tolist() == ["train", "test", "test"]


def test_extra_columns_of_mixed_types_can_be_saved(plant: Plant, tmp_path: Path) -> None:
    rows = [{"file": "a.wav", "tag": 1, "list": [1, 2]}, {"file": "sub/b.flac", "tag": "two", "list": None}]
    corpus = corpus_of(plant, json.dumps(rows), ".json")
    assert corpus.utterances["tag"].tolist() == ["1", "two"]
    assert Corpus.load(str(corpus.save(tmp_path / "saved"))).fingerprint == corpus.fingerprint


def test_a_mapped_column_replaces_one_of_that_name(plant: Plant) -> None:
    table = corpus_of(plant, "file,emotion,acted\na.wav,fear,anger\n", columns={"emotion": "acted"}).utterances
    assert table["emotion"].tolist() == ["anger"] and list(table).count("emotion") == 1


def test_plain_folders(shared: Path, plant: Plant) -> None:
    corpus = Table(emotion_from_folder=True).read(shared / "data/esc10")
    assert len(corpus) == 50 and corpus.utterances["emotion"].nunique() == 10 and len(corpus.meta["emotions"]) == 10
    table = Table().read(plant("x.wav", "anger/1.wav", "fear/1.wav")).utterances
    assert table["id"].tolist() == ["anger/1", "fear/1", "x"] and table["emotion"].isna().all()
    named = Table(emotion_from_folder=True).read(plant()).utterances
    assert named["emotion"].tolist() == ["anger", "fear", None]


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (
            "file,act\na.wav,3\nsub/b.wav,7.5\n",
            {"columns": {"arousal": "act"}, "ranges": {"arousal": [1, 7]}},
            "labels.csv: 1 of 2 rows have arousal outside [1, 7], e.g. row 2 (7.5)",
        ),
        ("file,arousal\na.wav,high\n", {}, "labels.csv: 1 of 1 rows have no number as arousal, e.g. row 1 (high)"),
        ("file,arousal\na.wav,inf\n", {}, "labels.csv: 1 of 1 rows have an infinite arousal, e.g. row 1 (inf)"),
        ("file\na.wav\nc.wav\n", {}, "1 of 2 rows have no audio, e.g. c.wav; set incomplete=true to leave them out"),
        ("file\n../a.wav\n", {}, "labels.csv: 1 of 1 rows name a file outside"),
        ("file\n/etc/a.wav\n", {}, "e.g. row 1 (/etc/a.wav)"),
        ("file\n..\\a.wav\n", {}, "rows name a file outside"),
        ("file,x\n,1\n", {}, "1 of 1 rows have no file, e.g. row 1"),
        (
            "file,EmoAct\na.wav,1\n",
            {"columns": {"arousal": "EmoAkt"}},
            "labels.csv: unknown column 'EmoAkt'; did you mean 'EmoAct'?",
        ),
        ("file,EmoAct\na.wav,1\n", {"ranges": {"valence": [1, 7]}}, "has no column 'valence'; map it"),
        ("name\na.wav\n", {}, "has no column 'file'; map it, e.g. columns: {file: COLUMN} (its columns: name)"),
        ("file\n", {}, "holds no rows"),
        ("", {}, "cannot be read as a table"),
        (
            "file,split\na.wav,trian\nsub/b.mp3,Dev\na,trian\n",
            {},
            "labels.csv: 2 split names are not mapped: trian (2), Dev (1); set splits to map them",
        ),
        ("file\na.wav\na.wav\n", {}, "1 of 2 utterances repeat the id of another, e.g. 'a'"),
        ("file\na.wav\n", {"table": "label.csv"}, "label.csv is missing"),
        ("file\na.wav\n", {"table": "../x.csv"}, "../x.csv is missing"),
        ("file,x\na.wav,1,2\n", {}, "1 of 1 rows do not have 2 cells"),
        (
            "file,start,end\na.wav,0,1\na.wav,1,3.2\n",
            {},
            "1 of 2 rows begin or end after their audio, e.g. row 2 (a.wav is",
        ),
        ("file,start,end\na.wav,-1,1\n", {}, "1 of 1 utterances begin before 0 s, e.g. 'a#-1-1', -1, 1"),
        ("file,start,end\na.wav,1,1\n", {}, "1 of 1 utterances do not end after they start"),
        ("file,arousal\na.wav,NA\n", {}, "1 of 1 rows have no number as arousal, e.g. row 1 (NA)"),
        ("file;arousal\na.wav;2,5\n", {"decimal": "."}, "1 of 1 rows have no number as arousal, e.g. row 1 (2,5)"),
        ("file;arousal\na.wav;2.5\n", {"decimal": ","}, "1 of 1 rows have no number as arousal, e.g. row 1 (2.5)"),
        ("file\na.wav\n", {"emotion_from_folder": True}, "needs a folder without a table"),
        ("file,a\na.wav,1\n", {"columns": {"arousal": "a", "valence": "a"}}, "serves only one"),
    ],
)
def test_mistakes_in_tables_are_one_clear_line(plant: Plant, text: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        corpus_of(plant, text, **settings)
    assert message in str(error.value)


def test_maps_of_emotions_and_splits(plant: Plant) -> None:
    text = "file,what,part\na.wav,joy,train\nsub/b.wav,unclear,dev\n"
    columns, emotions = {"emotion": "what", "split": "part"}, {"joy": "happiness", "unclear": None, "rage": "anger"}
    corpus = corpus_of(plant, text, columns=columns, emotions=emotions, splits={"dev": "validation"})
    assert corpus.utterances["emotion"].tolist() == ["happiness", None] and corpus.meta["emotions"] == ["happiness"]
    assert corpus.utterances["split"].tolist() == ["train", "validation"]
    assert (
        len(corpus.meta["notes"]) == 1
        and "1 of 2 labels are left out, as emotions says: 'unclear' (1)" in (corpus.meta["notes"][0])
    )


def test_a_map_that_leaves_labels_out_is_refused(plant: Plant) -> None:
    text = "file,emotion\na.wav,joy\na.wav,rage\na.wav,?\nsub/b.wav,rage\n"
    with pytest.raises(EmotoneError, match=r"labels.csv: 2 emotions are not mapped: rage \(2\), \? \(1\); map each"):
        corpus_of(plant, text, emotions={"joy": "happiness"})


def test_numbers_as_emotions_are_mapped_from_yaml(plant: Plant) -> None:
    corpus = corpus_of(plant, "file,emotion\na.wav,1\n", emotions={1: "anger"})
    assert corpus.utterances["emotion"].tolist() == ["anger"]


def test_folder_names_are_mapped_too(plant: Plant) -> None:
    folder = plant("Wut/1.wav", "Ruhe/2.wav")
    table = Table(emotion_from_folder=True, emotions={"Wut": "anger", "Ruhe": "calm"}).read(folder).utterances
    assert table["emotion"].tolist() == ["calm", "anger"]


def test_audio_without_rows_is_noted_and_rows_without_audio_on_request(plant: Plant) -> None:
    corpus = corpus_of(plant, "file\nc.wav\nsub/b.wav\nd.wav\n", incomplete=True)
    assert corpus.utterances["id"].tolist() == ["sub/b"]
    missing, unlisted = corpus.meta["notes"]
    assert missing.endswith("2 of 3 rows have no audio and are left out, e.g. c.wav, d.wav")
    assert unlisted.endswith("1 of 2 audio files have no row, e.g. a.wav")
    with pytest.raises(EmotoneError, match="none of its 1 rows has audio"):
        corpus_of(plant, "file\nc.wav\n", incomplete=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("file,speaker\na.wav,J\xf6rg\n".encode("latin-1"), "1 of 2 lines are not utf-8 text, the first is line 2;"),
        (
            "file,speaker\na.wav,Jörg\n".encode() + "a.wav,Ren\xe9\n".encode("latin-1"),
            "1 of 3 lines are not utf-8 text, the first is line 3 (1 others with such letters are, so it mixes enc",
        ),
        ("file\na.wav\n".encode("utf-16"), "lines are not utf-8 text, the first is line 1"),
    ],
)
def test_other_encodings_are_named(plant: Plant, data: bytes, message: str) -> None:
    folder = plant("a.wav")
    (folder / "labels.csv").write_bytes(data)
    with pytest.raises(EmotoneError) as error:
        Table().read(folder)
    assert message in str(error.value)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8"])
def test_encoding_is_a_setting(plant: Plant, encoding: str) -> None:
    folder = plant("a.wav")
    (folder / "labels.csv").write_bytes("file,speaker\na.wav,Jörg\n".encode(encoding))
    assert Table(encoding=encoding).read(folder).utterances["speaker"].tolist() == ["Jörg"]
    with pytest.raises(EmotoneError, match="encoding: 'utf-9' is not the name of one"):
        Table(encoding="utf-9").read(folder)


def test_folders_with_several_tables_or_no_list_of_rows(plant: Plant) -> None:
    folder = plant("a.wav")
    (folder / "labels.csv").write_text("file\na.wav\n")
    (folder / "more.json").write_text('{"file": "a.wav"}')
    with pytest.raises(EmotoneError, match=r"holds several tables \(labels.csv, more.json\); set table"):
        Table().read(folder)
    with pytest.raises(EmotoneError, match="more.json: cannot be read as a table .not a list of objects"):
        Table(table="more.json").read(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": {"arousl": "a"}}, "columns: unknown column 'arousl'; did you mean 'arousal'?"),
        ({"ranges": {"activation": [1, 7]}}, "ranges: unknown attribute 'activation'"),
        ({"ranges": {"arousal": [7, 1]}}, r"ranges: arousal must be [lowest, highest], not [7, 1]"),
        ({"ranges": {"arousal": [1]}}, "must be [lowest, highest]"),
        ({"splits": {"dev": "valid"}}, "splits: unknown split 'valid'; did you mean 'validation'?"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        Table(**settings)
    assert message in str(error.value)


def test_table_settings_need_a_table(plant: Plant) -> None:
    with pytest.raises(EmotoneError, match="describe a table, but the folder holds none"):
        Table(ranges={"arousal": [1, 5]}).read(plant("a.wav"))


def test_genders_are_written_out_whatever_their_case(plant: Plant) -> None:
    root = plant("a.wav", "b.wav", "c.wav", "d.wav")
    (root / "labels.csv").write_text("file,gender\na.wav,F\nb.wav,male\nc.wav,nonbinary\nd.wav,\n")
    genders = Table().read(root).utterances["gender"].tolist()
    assert genders == ["female", "male", "nonbinary", None]


def test_a_table_elsewhere_and_audio_elsewhere(plant: Plant, tmp_path: Path) -> None:
    root = plant("wav/a.wav", "wav/b.flac")
    (tmp_path / "labels.csv").write_text("file,speaker\na.wav,x\nb.wav,y\n")
    corpus = Table(table=str(tmp_path / "labels.csv"), audio="wav").read(root)
    assert corpus.root == root / "wav" and corpus.utterances["file"].tolist() == ["a.wav", "b.flac"]
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "mine.csv").write_text("file,speaker\nwav/a.wav,x\n")
    corpus = Table(audio=str(root)).read(tmp_path / "tables")
    assert corpus.path_of(corpus.utterances.loc[0, "file"]).is_file() and corpus.utterances["id"].tolist() == ["wav/a"]


def test_parts_beyond_their_audio_are_left_out_on_request(plant: Plant) -> None:
    text = "file,start,end\na.wav,0,1\na.wav,1,3.2\nsub/b.wav,3,\n"
    corpus = corpus_of(plant, text, incomplete=True)
    assert corpus.utterances["id"].tolist() == ["a#0-1"]
    assert corpus.meta["notes"][0].endswith(
        "labels.csv: 2 of 3 rows begin or end after their audio, e.g. row 2 (a.wav is 3 s long); they are left out"
    )


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_words_that_look_like_nothing_are_names_and_said(plant: Plant, suffix: str) -> None:
    folder = plant("a.wav", "b.wav", "c.wav")
    rows = pd.DataFrame(
        {"file": ["a.wav", "b.wav", "c.wav"], "speaker": ["NA", "null", None], "emotion": ["NA", "joy ", "joy"]}
    )
    write(folder / f"labels{suffix}", rows)
    corpus = Table().read(folder)
    assert corpus.utterances["speaker"].tolist() == ["NA", "null", None]
    assert corpus.utterances["emotion"].tolist() == ["NA", "joy", "joy"]
    assert [note.partition(": ")[2] for note in corpus.meta["notes"]] == [
        "'NA' (2) is kept as a word, in speaker, emotion; set missing=[NA] where it means nothing",
        "'null' (1) is kept as a word, in speaker; set missing=[null] where it means nothing",
    ]
    table = Table(missing=["NA"]).read(folder).utterances
    assert table["speaker"].tolist() == [None, "null", None] and table["emotion"].tolist() == [None, "joy", "joy"]


def test_decimal_commas_are_guessed_and_said(plant: Plant) -> None:
    text = "file;arousal;start;end;share;tags\na.wav;2,5;0,5;1;0,25;1.5\nsub/b.wav;3;;;;a,b\n"
    corpus = corpus_of(plant, text)
    table = corpus.utterances
    assert table["arousal"].tolist() == [2.5, 3] and table["start_s"].tolist()[0] == 0.5
    assert table["share"].tolist()[0] == 0.25 and table["tags"].tolist() == ["1.5", "a,b"]
    assert corpus.meta["notes"][0].endswith(
        "commas in arousal, start_s, share are taken for decimal ones; set decimal to . or , to say so"
    )
    table = corpus_of(plant, text.replace("tags", "other"), decimal=",").utterances
    assert table["arousal"].tolist() == [2.5, 3] and table["share"].tolist()[0] == 0.25
    alone = corpus_of(plant, "file;pair\na.wav;1,2\n")  # may be a list as well
    assert alone.utterances["pair"].tolist() == ["1,2"]


def test_extra_columns_are_named_and_numbers_stay_numbers(plant: Plant) -> None:
    corpus = corpus_of(plant, "file,Speaker,age,code\na.wav,anna,31,07\nsub/b.wav,otto,,12\n")
    table = corpus.utterances
    assert table["age"].tolist()[0] == 31.0 and np.isnan(table["age"][1]) and table["code"].tolist() == ["07", "12"]
    assert corpus.meta["notes"][-1].endswith(
        "kept under their own names: Speaker (speaker?), age, code; set columns to use them as columns of Emotone"
    )


def test_cells_that_are_objects_are_refused_where_words_are_wanted(plant: Plant) -> None:
    for cell in ([1], {"a": 1}):
        with pytest.raises(EmotoneError, match="1 of 1 rows have a list or an object as speaker, e.g. row 1"):
            corpus_of(plant, json.dumps([{"file": "a.wav", "speaker": cell}]), ".json")
