"""ESD: the official layout with and without split folders, transcripts of several encodings, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.esd import Esd
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
ENGLISH = "0011_000351\tThe nine the eggs, I keep.\tAngry\n0011_000001\tDon\u2019t ask.\tNeutral\n"
MANDARIN = "0001_000701\t打远一看,它们的确很是美丽,\t快乐\n"


def test_flat_layout(plant: Plant) -> None:
    names = ("0011/Angry/0011_000351.wav", "0011/Neutral/0011_000001.wav", "0001/Happy/0001_000701.wav")
    folder = plant(*(f"Emotion Speech Dataset/{name}" for name in names))
    (folder / "Emotion Speech Dataset/0011/0011.txt").write_text(ENGLISH, encoding="utf-8")
    (folder / "Emotion Speech Dataset/ReadMe.txt").write_text("not a transcript")
    corpus = Esd().read(folder)
    table = corpus.utterances
    assert table["emotion"].tolist() == ["happiness", "anger", "neutral"]
    assert table["speaker"].tolist() == ["0001", "0011", "0011"] and table["split"].tolist() == [None] * 3
    assert table["gender"].tolist() == ["female", "male", "male"]
    assert table["language"].tolist() == ["zh", "en", "en"]
    # The first sentence in other emotions is the same sentence.
    assert table["script"].tolist() == ["zh001", "en001", "en001"]
    assert table["transcript"].tolist() == [None, "The nine the eggs, I keep.", "Don’t ask."]
    assert (
        len(corpus.meta["notes"]) == 1
        and "1 of 3 audio files have no row, e.g. 0001_000701" in (corpus.meta["notes"][0])
    )


def test_split_folders_are_the_official_split(plant: Plant) -> None:
    names = ("evaluation/0020_000351.wav", "test/0020_000371.wav", "train/0020_000401.wav")
    table = Esd().read(plant(*(f"0020/Angry/{name}" for name in names))).utterances
    assert table["split"].tolist() == ["validation", "test", "train"] and set(table["emotion"]) == {"anger"}
    assert table["script"].tolist() == ["en001", "en021", "en051"]


@pytest.mark.parametrize(
    ("speaker", "text", "encoding", "named"),
    [
        ("0001", MANDARIN, "utf-8", None),
        ("0001", MANDARIN, "utf-8-sig", None),
        ("0001", MANDARIN, "utf-16", "utf-16"),
        ("0001", MANDARIN, "gbk", "gb18030"),
        ("0011", ENGLISH, "cp1252", "cp1252"),
        ("0011", ENGLISH.replace("\t", " "), "utf-8", None),
        ("0011", ENGLISH.replace("\n", "\r\n"), "utf-8", None),
    ],
)
def test_transcripts_of_any_encoding(plant: Plant, speaker: str, text: str, encoding: str, named: str | None) -> None:
    stem = {"0001": "0001_000701", "0011": "0011_000351"}[speaker]
    folder = plant(f"{speaker}/Happy/{stem}.wav")
    (folder / speaker / f"{speaker}.txt").write_bytes(text.encode(encoding))
    corpus = Esd().read(folder)
    expected = {"0001": "打远一看,它们的确很是美丽,", "0011": "The nine the eggs, I keep."}[speaker]
    assert corpus.utterances["transcript"].tolist() == [expected]
    notes = [note for note in corpus.meta["notes"] if "is not UTF-8" in note]
    assert notes == ([f"{folder / speaker / speaker}.txt: is not UTF-8, read as {named}"] if named else [])


def test_lines_that_are_no_transcripts_are_noted(plant: Plant) -> None:
    folder = plant("0011/Angry/0011_000351.wav")
    (folder / "0011/0011.txt").write_text(ENGLISH + "0011_00035\n")
    notes = Esd().read(folder).meta["notes"]
    assert any(note.endswith("1 of 3 lines are no transcripts, e.g. '0011_00035'") for note in notes)


def test_parts(plant: Plant) -> None:
    folder = plant("0011/Sad/0011_001051.wav", "0001/Sad/0001_001051.wav")
    assert Esd(part="english").read(folder).utterances["speaker"].tolist() == ["0011"]
    assert Esd(part="mandarin").read(folder).utterances["speaker"].tolist() == ["0001"]
    with pytest.raises(EmotoneError, match="holds no audio of the mandarin part"):
        Esd(part="mandarin").read(plant("0011/Sad/0011_001051.wav", folder="english"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0021/Sad/0021_001051.wav", "0021/Sad/0021_001051.wav is not named like a file of this corpus"),
        ("0000/Sad/0000_001051.wav", "is not named like a file of this corpus"),
        ("0011/0011_001051.wav", "0011/0011_001051.wav lies in no folder of one emotion (Angry, Happy,"),
        ("0011/Sad/train/test/0011_001051.wav", "and one split"),
    ],
)
def test_strange_files_are_refused(plant: Plant, name: str, message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        Esd().read(plant(name))
    assert message in str(error.value)
