"""CREMA-D: the owners' vote tables, the official layout with and without them, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from emotone.corpora.readers.crema_d import CremaD
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
CLIPS = ("1001_IEO_NEU_XX", "1001_IEO_HAP_LO", "1001_IEO_DIS_HI", "1003_IEO_DIS_LO")
RESPONSES = (
    '"","X","localid","pos","ans","ttr","queryType","numTries","clipNum","questNum","subType","clipName","sessionNums",'
    '"respEmo","respLevel","dispEmo","dispVal","dispLevel"\n'
    '"1",1,"17","40","N_73",6148,1,0,1,1,4,"1001_IEO_NEU_XX",1,"N",73,"N","X",50\n'
    '"2",2,"18","41","H_20",6148,1,0,1,1,4,"1001_IEO_NEU_XX",1,"H",20,"N","X",50\n'
    '"3",3,"17","42","A_80",6148,3,0,1,1,4,"1001_IEO_NEU_XX",1,"A",80,"N","X",50\n'
    '"4",4,"17","43","A_80",6148,1,0,9,1,4,"1002_IEO_NEU_XX",1,"A",80,"N","X",50\n'
)


@pytest.fixture
def official(plant: Plant, shared: Path) -> Path:
    """A release with four clips, the demographics as they are, and the first rows of the vote tables."""
    folder = plant(*(f"AudioWAV/{clip}.wav" for clip in CLIPS), *(f"AudioMP3/{clip}.mp3" for clip in CLIPS))
    (folder / "processedResults").mkdir()
    tables = shared / "data/crema-d"
    shutil.copy(tables / "VideoDemographics.csv", folder)
    for name in ("tabulatedVotes", "summaryTable"):
        shutil.copy(tables / f"{name}.head.csv", folder / f"processedResults/{name}.csv")
    (folder / "finishedResponses.csv").write_text(RESPONSES)
    return folder


def test_official_layout(official: Path) -> None:
    corpus = CremaD().read(official)
    table = corpus.utterances.set_index("id")
    row = table.loc["AudioWAV/1001_IEO_HAP_LO"]
    expected = {
        "file": "AudioWAV/1001_IEO_HAP_LO.wav",
        "speaker": "1001",
        "gender": "male",
        "age": 51.0,
        "race": "Caucasian",
        "script": "IEO",
        "transcript": "It's eleven o'clock.",
        "emotion": "happiness",
        "intensity": "low",
        "language": "en",
    }
    assert row[list(expected)].to_dict() == expected
    # Heard on the voice: three times happiness, six times neutral.
    assert row[["votes_happiness", "votes_neutral", "votes_anger", "num_votes"]].tolist() == [3, 6, 0, 9]
    assert row[["agreement", "mean_level"]].tolist() == pytest.approx([6 / 9, 62])
    assert row[["voice_vote", "voice_level"]].tolist() == ["neutral", 71.67]
    assert table["intensity"].fillna("not given").tolist() == ["high", "low", "not given", "low"]
    assert table["gender"].tolist() == ["male", "male", "male", "female"]
    votes = table[[column for column in table if column.startswith("votes_")]]
    assert (votes.sum(axis=1) == table["num_votes"]).all()


def test_only_votes_on_the_voice_make_the_rater_table(official: Path) -> None:
    corpus = CremaD().read(official)
    assert corpus.raters is not None
    assert corpus.raters[["id", "rater", "emotion", "level"]].values.tolist() == [
        ["AudioWAV/1001_IEO_NEU_XX", "17", "neutral", 73.0],
        ["AudioWAV/1001_IEO_NEU_XX", "18", "happiness", 20.0],
    ]
    notes = [note for note in corpus.meta["notes"] if "finishedResponses.csv" in note]
    assert notes[0].endswith("1 of 2 rows have no audio and are left out, e.g. 1002_IEO_NEU_XX") and len(notes) == 2


def test_votes_of_several_emotions_are_null(official: Path) -> None:
    path = official / "processedResults/summaryTable.csv"
    path.write_text(path.read_text().replace('"1001_IEO_HAP_LO","N","71.67"', '"1001_IEO_HAP_LO","H:N","60:71.67"'))
    row = CremaD().read(official).utterances.set_index("id").loc["AudioWAV/1001_IEO_HAP_LO"]
    assert pd.isna(row["voice_vote"]) and pd.isna(row["voice_level"])


def test_a_folder_of_audio_alone_is_fine(plant: Plant) -> None:
    corpus = CremaD().read(plant("1040_ITH_SAD_X.wav", "1001_DFA_ANG_XX.flac"))
    assert corpus.utterances["emotion"].tolist() == ["anger", "sadness"] and corpus.raters is None
    assert corpus.utterances["gender"].isna().all() and len(corpus.meta["notes"]) == 3
    assert "there is no VideoDemographics.csv" in corpus.meta["notes"][0]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("VideoDemographics.csv", '1001,51,"Male"', '1001,51,"M"', "unknown sex 'M'"),
        ("VideoDemographics.csv", "1001,51,", "1001,old,", "VideoDemographics.csv: 1 of 91 rows have no number as Age"),
        ("VideoDemographics.csv", "1002,21,", "1001,21,", "1 of 91 rows repeat a ActorID, e.g. row 2 (1001)"),
        ("processedResults/tabulatedVotes.csv", "numResponses", "responses", "unknown column 'numResponses'"),
        ("processedResults/summaryTable.csv", '"N","69.1"', '"Q","69.1"', "unknown vote 'Q'"),
        ("finishedResponses.csv", '"N",73', '"Q",73', "unknown vote 'Q'"),
    ],
)
def test_damaged_tables_are_one_clear_line(official: Path, file: str, old: str, new: str, message: str) -> None:
    text = (official / file).read_text()
    assert old in text
    (official / file).write_text(text.replace(old, new))
    with pytest.raises(EmotoneError) as error:
        CremaD().read(official)
    assert message in str(error.value) and Path(file).name in str(error.value)


def test_strange_names_are_refused(plant: Plant) -> None:
    with pytest.raises(EmotoneError, match="AudioWAV/take.wav is not named like a file of this corpus"):
        CremaD().read(plant("AudioWAV/take.wav"))
