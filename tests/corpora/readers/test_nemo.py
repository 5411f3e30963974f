"""nEMO: the real subset, the official layout, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.nemo import Nemo
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\r\n"
ROW = "EB0_surprised_5.wav\tsurprised\tPrzestań go judzić.\tprzestań go judzić\tEB0\tfemale\t27\r\n"


def official(plant: Plant, rows: str = ROW, *more: str) -> Path:
    folder = plant("samples/EB0_surprised_5.wav", *more)
    (folder / "data.tsv").write_text(HEADER + rows, encoding="utf-8", newline="")
    return folder


def test_real_corpus(shared: Path) -> None:
    corpus = Nemo().read(shared / "data/nemo")
    table = corpus.utterances.set_index("id")
    assert len(table) == 265 and table["speaker"].nunique() == 9
    assert table["emotion"].value_counts().to_dict() == {"surprise": 40} | dict.fromkeys(
        ("anger", "fear", "happiness", "neutral", "sadness"), 45
    )
    assert table["transcript"].notna().all() and table["transcript"].nunique() == table["script"].nunique() == 83
    assert table.groupby("speaker")["gender"].first().value_counts().to_dict() == {"male": 5, "female": 4}
    expected = {
        "file": "samples/EB0_anger_33.flac",
        "speaker": "EB0",
        "gender": "female",
        "age": 27.0,
        "script": "33",
        "transcript": "Po operacji nie mam żadnych blizn.",
        "emotion": "anger",
        "language": "pl",
    }
    assert table.loc["samples/EB0_anger_33", list(expected)].to_dict() == expected


def test_official_layout(plant: Plant) -> None:
    table = Nemo().read(official(plant)).utterances
    assert table.loc[0, ["file", "emotion", "age"]].tolist() == ["samples/EB0_surprised_5.wav", "surprise", 27.0]


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        (ROW + ROW.replace("_5", "_6"), [], "1 of 2 rows have no audio, e.g. EB0_surprised_6; set incomplete"),
        (ROW + ROW, [], "data.tsv: 1 of 2 rows repeat a file_id, e.g. row 2 (EB0_surprised_5.wav)"),
        (ROW.replace("\tsurprised", "\tsuprised"), [], "unknown emotion 'suprised'; did you mean 'surprised'?"),
        (ROW.replace("27", "old"), [], "EB0_surprised_5.wav: the age is 'old', not a number"),
        (ROW, ["samples/take1.wav"], "samples/take1.wav is not named like a file of this corpus"),
    ],
)
def test_table_and_audio_must_agree(plant: Plant, rows: str, more: list[str], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        Nemo().read(official(plant, rows, *more))
    assert message in str(error.value)


def test_what_only_table_or_audio_has_is_noted(plant: Plant) -> None:
    folder = official(plant, ROW + ROW.replace("_5", "_6"), "samples/EB0_anger_1.wav")
    corpus = Nemo(incomplete=True).read(folder)
    assert corpus.utterances["id"].tolist() == ["samples/EB0_surprised_5"]
    assert [note.partition(": ")[2] for note in corpus.meta["notes"]] == [
        "1 of 2 rows have no audio and are left out, e.g. EB0_surprised_6",
        "1 of 2 audio files have no row, e.g. EB0_anger_1",
    ]


def test_missing_table_and_column_are_named(plant: Plant) -> None:
    folder = plant("samples/EB0_surprised_5.wav")
    with pytest.raises(EmotoneError, match="data.tsv is missing"):
        Nemo().read(folder)
    (folder / "data.tsv").write_text(HEADER.replace("raw_text", "text") + ROW)
    with pytest.raises(EmotoneError, match="data.tsv: unknown column 'raw_text'"):
        Nemo().read(folder)
