"""MSP-Podcast: releases 1.6, 1.11 and 2.0 in the official layout, unlabelled segments, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.audio.words.alignment import read_words
from emotone.corpora.readers.msp_podcast import MspPodcast
from emotone.data.split import official
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
STEMS = ("MSP-PODCAST_0001_0008", "MSP-PODCAST_0001_0019", "MSP-PODCAST_0153_0774", "MSP-PODCAST_1023_0012_0001")
HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"
OLD = (
    HEADER
    + "MSP-PODCAST_0001_0008.wav,N,2.2,4,3.8,127,Male,Train\n"
    + "MSP-PODCAST_0001_0019.wav,X,5.4,3.2,5,Unknown,Unknown,Validation\n"
    + "MSP-PODCAST_0153_0774.wav,U,7,1,4.6,16,Female,Test\n"
    + "MSP-PODCAST_1023_0012_0001.wav,C,4.2,2.8,5.2,88,Female,Train\n"
)
NEW = OLD.replace("Validation", "Development").replace("16,Female,Test", "16,Female,Test1")
NEW_TESTS = NEW.replace("88,Female,Train", "88,Female,Test2")
# 1.6 has a column each, 1.11 the whole vote in one cell.
OLD_VOTES = """FileName,Workers,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom
MSP-PODCAST_0001_0008.wav,WORKER00000014,Neutral,"Neutral,Concerned",2,4,4
MSP-PODCAST_0001_0008.wav,WORKER00000025,Other-calm,Neutral,3,4,
MSP-PODCAST_0153_0774.wav,WORKER00000014,Surprise,Surprise,7,1,5
"""
NEW_VOTES = """FileName,EmoDetail
MSP-PODCAST_0001_0008.wav,"WORKER00000014; Neutral; Neutral,Concerned; A:2.000000; V:4.000000; D:4.000000;"
MSP-PODCAST_0001_0008.wav,"WORKER00000025; Other-calm; tired; Neutral; A:3.000000; V:4.000000; D:;"
MSP-PODCAST_0153_0774.wav,"WORKER00000014; Surprise; Surprise; A:7.000000; V:1.000000; D:5.000000;"
"""
CONCENSUS = {"file": "labels_concensus.csv"}
JSON_VOTES = json.dumps(
    {
        f"{STEMS[0]}.wav": {
            "WORKER00000014": {
                "EmoClass_Major": "Neutral",
                "EmoClass_Second": "Neutral,Concerned",
                "EmoAct": 2.0,
                "EmoVal": 4.0,
                "EmoDom": 4.0,
            },
            "WORKER00000025": {"EmoClass_Major": "Other-calm", "EmoAct": 3.0, "EmoVal": 4.0, "EmoDom": None},
        },
        f"{STEMS[2]}.wav": {"WORKER00000014": {"EmoClass_Major": "Surprise", "EmoAct": 7, "EmoVal": 1, "EmoDom": 5}},
    }
)
TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"
0
0.1
<exists>
1
"IntervalTier" "words"
0 0.1 2
0 0.04 ""
0.04 0.1 "oh"
"""


def release(plant: Plant, consensus: str = OLD, votes: dict[str, str] | None = None, **names: str) -> Path:
    """A release folder; names: audio, labels, consensus file."""
    audio, labels = names.get("audio", "Audios"), names.get("labels", "Labels")
    folder = plant(*(f"{audio}/{stem}.wav" for stem in STEMS))
    (folder / labels).mkdir()
    (folder / labels / names.get("file", "labels_consensus.csv")).write_text(consensus)
    for file, text in (votes or {}).items():
        (folder / labels / file).write_text(text, encoding="utf-8")
    return folder


def as_json(table: str) -> str:
    return json.dumps(pd.read_csv(StringIO(table), dtype=str).set_index("FileName").to_dict("index"))


@pytest.mark.parametrize(
    ("names", "consensus", "votes"),
    [
        ({"audio": "Audio", "labels": "label"} | CONCENSUS, OLD, {"labels_detailed.csv": OLD_VOTES}),
        (CONCENSUS, OLD, {"labels_detailed.json": JSON_VOTES}),
        ({"file": "labels_concensus.json"}, as_json(OLD), {"labels_detailed.json": JSON_VOTES}),
        ({}, NEW, {"labels_detailed.csv": NEW_VOTES, "labels_detailed.json": "{}"}),
    ],
    ids=["1.6", "1.8", "json", "1.11"],
)
def test_releases(plant: Plant, names: dict[str, str], consensus: str, votes: dict[str, str]) -> None:
    corpus = MspPodcast().read(release(plant, consensus, votes, **names))
    table = corpus.utterances
    audio = names.get("audio", "Audios")
    assert table["id"].tolist() == [f"{audio}/{stem}" for stem in STEMS]
    assert table["file"].tolist() == [f"{audio}/{stem}.wav" for stem in STEMS]
    assert table["emotion"].tolist() == ["neutral", None, "surprise", "contempt"]
    assert table["arousal"].tolist() == [2.2, 5.4, 7, 4.2] and table["valence"].tolist() == [4, 3.2, 1, 2.8]
    assert table["dominance"].tolist() == [3.8, 5, 4.6, 5.2]
    assert table["speaker"].tolist() == ["127", None, "16", "88"]
    assert table["gender"].tolist() == ["male", None, "female", "female"]
    assert table["split"].tolist() == ["train", "validation", "test", "train"]
    assert table["session"].tolist() == ["0001", "0001", "0153", "1023"] and set(table["language"]) == {"en"}
    assert table["transcript"].isna().all() and table["alignment"].isna().all() and corpus.meta["notes"] == []
    raters = corpus.raters
    assert raters is not None
    assert raters["id"].tolist() == [f"{audio}/{STEMS[0]}"] * 2 + [f"{audio}/{STEMS[2]}"]
    assert raters["rater"].tolist() == ["WORKER00000014", "WORKER00000025", "WORKER00000014"]
    assert raters["emotion"].tolist() == ["neutral", "other", "surprise"]
    np.testing.assert_array_equal(raters[["arousal", "dominance", "valence"]], [[2, 4, 4], [3, np.nan, 4], [7, 5, 1]])
    assert corpus.meta["ranges"] == {name: [1.0, 7.0] for name in ("arousal", "dominance", "valence")}
    split = official(table)[0]
    assert [len(part) for part in (split.train, split.validation, split.test)] == [2, 1, 1]


def test_transcripts_and_alignments(plant: Plant) -> None:
    folder = release(plant)
    (folder / "Transcripts").mkdir()
    (folder / "Transcripts" / f"{STEMS[0]}.txt").write_text(" yeah, that’s it\n", encoding="utf-8")
    (folder / "Transcripts" / f"{STEMS[1]}.txt").write_bytes("that’s it".encode("cp1252"))
    (folder / "Transcripts" / "MSP-PODCAST_9999_0001.txt").write_text("of another release")
    (folder / "ForceAligned").mkdir()
    (folder / "ForceAligned" / f"{STEMS[2]}.TextGrid").write_text(TEXTGRID)
    table = MspPodcast().read(folder).utterances
    assert table["transcript"].tolist() == ["yeah, that’s it", "that’s it", None, None]
    assert table["alignment"].tolist()[2] == f"ForceAligned/{STEMS[2]}.TextGrid" and table["alignment"].count() == 1
    assert read_words(folder / table["alignment"][2]) == [("oh", 0.04, 0.1)]


def test_one_test_set_is_the_official_one_and_the_others_are_parts(plant: Plant) -> None:
    folder = release(plant, NEW_TESTS)
    plant("Audios/MSP-PODCAST_test3_0001.wav", "Audios/MSP-PODCAST_test3_0002.wav")
    corpus = MspPodcast().read(folder)
    table = corpus.utterances
    assert table["split"].tolist() == ["train", "validation", "test", "test2", "test3", "test3"]
    assert corpus.meta["notes"] == [
        "1 segments of Test2 are the part test2; the test part is Test1",
        "2 segments of Test3 are the part test3; the test part is Test1",
    ]
    assert [len(corpus.part(name)) for name in ("test", "test1", "test2", "test3", "train", "all")] == [
        1,
        1,
        1,
        2,
        1,
        6,
    ]
    with pytest.raises(EmotoneError, match="unknown part 'test4'; did you mean"):
        corpus.part("test4")
    assert official(table)[0].test == (f"Audios/{STEMS[2]}",)
    assert official(MspPodcast(test="Test2").read(folder).utterances)[0].test == (f"Audios/{STEMS[3]}",)
    hidden = MspPodcast(test="Test3").read(folder).utterances
    assert hidden.loc[hidden["split"] == "test", "partition"].tolist() == ["Test3", "Test3"]
    hidden = hidden[hidden["partition"] == "Test3"]
    assert hidden[["emotion", "arousal", "speaker", "gender", "session"]].isna().all(axis=None)
    pooled = MspPodcast(test="all").read(folder)
    assert len(official(pooled.utterances)[0].test) == 4 and pooled.meta["notes"] == []


def test_a_test_set_that_is_not_there(plant: Plant) -> None:
    with pytest.raises(EmotoneError, match=r"unknown test set 'Test2'.*known: Test1, all"):
        MspPodcast(test="Test2").read(release(plant))


@pytest.mark.parametrize("names", [("MSP-PODCAST_0002_0001.wav", "more/b.wav"), ("Audio/MSP-PODCAST_0002_0001.wav",)])
def test_segments_without_labels(plant: Plant, names: tuple[str, ...]) -> None:
    corpus = MspPodcast().read(plant(*names))
    assert corpus.utterances["file"].tolist() == sorted(names) and set(corpus.utterances["split"]) == {"unlabelled"}
    assert corpus.raters is None and corpus.meta["notes"] == ["there is no folder Labels: all segments are unlabelled"]
    assert corpus.utterances["session"][0] == "0002" and len(official(corpus.utterances)[0].unlabelled) == len(names)


def test_missing_files_are_named(plant: Plant) -> None:
    folder = plant(f"Audios/{STEMS[0]}.wav")
    (folder / "Labels").mkdir()
    with pytest.raises(EmotoneError, match=r"Labels/labels_consensus.csv is missing"):
        MspPodcast().read(folder)
    (folder / "Audios").rename(folder / "Sounds")
    with pytest.raises(EmotoneError, match=r"corpus/Audios is missing"):
        MspPodcast().read(folder)


def test_rows_without_audio_and_audio_without_rows(plant: Plant) -> None:
    folder = release(plant, votes={"labels_detailed.csv": OLD_VOTES})
    (folder / "Audios" / f"{STEMS[0]}.wav").unlink()
    plant("Audios/MSP-PODCAST_0777_0001.wav")
    problems = (
        f"1 of 4 rows have no audio, e.g. {STEMS[0]} (labels_consensus)",
        "1 of 4 audio files have no row in labels_consensus, e.g. Audios/MSP-PODCAST_0777_0001.wav",
    )
    with pytest.raises(EmotoneError) as error:
        MspPodcast().read(folder)
    assert str(error.value) == f"{'; '.join(problems)}; set incomplete=true to leave them out"
    corpus = MspPodcast(incomplete=True).read(folder)
    assert len(corpus) == 3 and corpus.raters is not None and len(corpus.raters) == 1
    assert corpus.meta["notes"] == [f"left out: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("consensus", "votes", "message"),
    [
        (
            OLD.replace(",N,", ",Q,").replace(",X,", ",Q,"),
            OLD_VOTES,
            "_consensus.csv: 1 emotions are not mapped: Q (2)",
        ),
        (
            OLD.replace("7,1,4.6", "7.5,1,4.6"),
            OLD_VOTES,
            "1 of 4 rows have EmoAct outside [1, 7], e.g. '7.5' of MSP",
        ),
        (OLD.replace("7,1,4.6", "7,high,4.6"), OLD_VOTES, "1 of 4 rows have EmoVal outside [1, 7], e.g. 'high' of"),
        (OLD.replace("Train", "Trial"), OLD_VOTES, "values of Split_Set are not mapped: Trial (2)"),
        (OLD.replace(",Train", ","), OLD_VOTES, "2 of 4 rows have no Split_Set"),
        (OLD.replace("Female", "Femme"), OLD_VOTES, "genders are not mapped: Femme (2)"),
        (OLD + OLD.splitlines()[1], OLD_VOTES, f"1 rows list a file again, e.g. {STEMS[0]} (labels_consensus)"),
        (OLD.replace("SpkrID", "Speaker"), OLD_VOTES, "unknown column 'SpkrID'"),
        (OLD, OLD_VOTES.replace(",3,4,", ",0,4,"), "1 of 3 rows have arousal outside [1, 7], e.g. '0' of " + STEMS[0]),
        (OLD, OLD_VOTES.replace("Surprise,S", "Bliss,S"), "labels_detailed.csv: 1 emotions are not mapped: bliss (1)"),
        (OLD, OLD_VOTES.replace("_0153", "_0154"), "rates 1 segments without consensus, e.g. MSP-PODCAST_0154_0774"),
        (OLD, OLD_VOTES.replace("Workers", "Who"), "has no column of raters (Workers, Worker"),
        (OLD, NEW_VOTES.replace("A:7.000000; ", ""), "1 of 3 votes unreadable, e.g. 'WORKER00000014; Surprise"),
    ],
)
def test_damaged_labels_are_one_clear_line(plant: Plant, consensus: str, votes: str, message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        MspPodcast().read(release(plant, consensus, {"labels_detailed.csv": votes}))
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_damaged_json(plant: Plant, text: str) -> None:
    with pytest.raises(EmotoneError, match="labels_consensus.json"):
        MspPodcast().read(release(plant, text, file="labels_consensus.json"))


def test_files_are_listed_not_looked_up(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    stems = [f"MSP-PODCAST_{number:04}_0001" for number in range(300)]
    folder = plant()
    for place, suffix in {"Audios": "wav", "Transcripts": "txt", "ForceAligned": "TextGrid"}.items():
        (folder / place).mkdir()
        for stem in stems:
            (folder / place / f"{stem}.{suffix}").touch()
    (folder / "Labels").mkdir()
    rows = [f"{stem}.wav,N,2.2,4,3.8,127,Male,Test1\n" for stem in stems]
    (folder / "Labels/labels_consensus.csv").write_text(HEADER + "".join(rows))
    asked: list[Path] = []
    stat = Path.stat

    def count(path: Path, **settings: bool) -> os.stat_result:
        asked.append(path)
        return stat(path, **settings)

    monkeypatch.setattr(Path, "stat", count)
    assert len(MspPodcast().read(folder)) == 300
    assert len(asked) < 30
