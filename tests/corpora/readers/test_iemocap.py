"""IEMOCAP: the official layout with votes, transcripts and alignments, the published folds, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotone.audio.words.alignment import read_words
from emotone.corpora.readers.iemocap import Iemocap
from emotone.data.split import SPLITS
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
HEADING = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
TURNS = (
    HEADING
    + """[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.0000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral; Frustration;\t()
C-E4:\tOther;\t(curious; a bit)
C-F1:\tSadness;\t()
A-E3:\tval 3; act 2; dom  1;\t()
A-E4:\tval 2; act 3; dom  3;\t(mixture of (both))
A-F1:\tval 1; act 2; dom  ;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\txxx\t[5.0000, 1.0000, 3.5000]
C-E2:\tExcited;\t()
A-E5:\tval 5; act 1; dom  3;\t()

"""
)
SCRIPTED = HEADING + "[1.0 - 2.0]\tSes02M_script01_1b_F007\tfru\t[1.5000, 4.0000, 4.5000]\nC-E1:\tFrustration;\t()\n"
WORDS = """Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me, that’s mine.
M: [LAUGHTER]
Ses01F_impro01_MXX0 [009.1-010.2]: Oh
"""
WDSEG = "   SFrm  EFrm    SegAScr Word\n  0  41  -9 <s>\n  42  71  -17530 EXCUSE(8)\nTotal score: -17539\n"


def wav(stem: str) -> str:
    return f"Session{stem[4]}/sentences/wav/{stem.rpartition('_')[0]}/{stem}.wav"


def label(folder: Path, session: int, dialogue: str, text: str) -> None:
    place = folder / f"Session{session}/dialog/EmoEvaluation"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{dialogue}.txt").write_text(text, encoding="utf-8")
    (place / f"._{dialogue}.txt").write_bytes(b"\x00\x05\x16\x07")  # what some systems leave beside a file


def official(plant: Plant, turns: str = TURNS) -> Path:
    folder = plant(
        wav("Ses01F_impro01_F000"),
        wav("Ses01F_impro01_M000"),
        wav("Ses02M_script01_1b_F007"),
        "Session1/dialog/wav/Ses01F_impro01.wav",
    )
    label(folder, 1, "Ses01F_impro01", turns)
    label(folder, 2, "Ses02M_script01_1b", SCRIPTED)
    return folder


def test_official_layout(plant: Plant) -> None:
    folder = official(plant)
    (folder / "Session1/dialog/transcriptions").mkdir()
    (folder / "Session1/dialog/transcriptions/Ses01F_impro01.txt").write_bytes(WORDS.encode("cp1252"))
    aligned = "Session1/sentences/ForcedAlignment/Ses01F_impro01/Ses01F_impro01_F000.wdseg"
    (folder / aligned).parent.mkdir(parents=True)
    (folder / aligned).write_text(WDSEG)
    corpus = Iemocap().read(folder)
    table = corpus.utterances
    assert table["id"].tolist() == [
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000",
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000",
        "Session2/sentences/wav/Ses02M_script01_1b/Ses02M_script01_1b_F007",
    ]
    assert table["file"].tolist() == [f"{id_}.wav" for id_ in table["id"]]
    assert table["speaker"].tolist() == ["1F", "1M", "2F"] and table["gender"].tolist() == ["female", "male", "female"]
    assert table["session"].tolist() == ["1", "1", "2"] and set(table["language"]) == {"en"}
    assert table["script"].tolist() == ["impro01", "impro01", "script01_1b"]
    assert table["dialogue"].tolist() == ["Ses01F_impro01", "Ses01F_impro01", "Ses02M_script01_1b"]
    assert table["dialogue_start_s"].tolist() == [6.2901, 10.01, 1.0]
    assert table["kind"].tolist() == ["improvised", "improvised", "scripted"]
    assert table["emotion"].tolist() == ["neutral", None, "frustration"] and table["split"].isna().all()
    assert table["valence"].tolist() == [2.5, 5, 1.5] and table["arousal"].tolist() == [2.5, 1, 4]
    assert table["dominance"].tolist() == [2, 3.5, 4.5]
    assert table["transcript"].tolist() == ["Excuse me, that’s mine.", None, None]
    assert table["alignment"][0] == aligned and table["alignment"].isna().tolist() == [False, True, True]
    assert read_words(folder / aligned) == [("EXCUSE", 0.42, 0.72)]
    assert corpus.meta["notes"] == ["only Session1, Session2 of five sessions are there"]
    assert corpus.meta["ranges"]["valence"] == [1.0, 5.0] and "excitement" in corpus.meta["emotions"]


def test_votes(plant: Plant) -> None:
    folder = official(plant)
    raters = Iemocap().read(folder).raters
    assert raters is not None
    first = raters[raters["id"].str.endswith("F000")]
    assert first["rater"].tolist() == ["E2", "E3", "E3", "E4"]
    assert first["emotion"].tolist() == ["neutral", "neutral", "frustration", "other"]
    nan = np.nan
    np.testing.assert_array_equal(
        first[["valence", "arousal", "dominance"]], [[nan, nan, nan], [3, 2, 1], [nan, nan, nan], [2, 3, 3]]
    )
    # The owner's attributes are the listeners' means, without the actor's own.
    np.testing.assert_array_equal(first[["valence", "arousal", "dominance"]].mean(), [2.5, 2.5, 2.0])
    second = raters[raters["id"].str.endswith("M000")]
    assert second["rater"].tolist() == ["E2", "E5"] and second["emotion"].tolist() == ["excitement", None]
    with_self = Iemocap(self_ratings=True).read(folder).raters
    assert with_self is not None and len(with_self) == len(raters) + 1
    own = with_self[with_self["rater"] == "1F"].iloc[0]
    assert own["emotion"] == "sadness" and own["valence"] == 1 and np.isnan(own["dominance"])


def test_published_folds(plant: Plant) -> None:
    stems = [f"Ses0{session}F_impro01_{actor}000" for session in range(1, 6) for actor in "FM"]
    folder = plant(*map(wav, stems))
    for session in range(1, 6):
        turns = [f"[1.0 - 2.0]\t{stem}\tang\t[1.0, 4.0, 4.0]\n" for stem in stems if stem[4] == str(session)]
        label(folder, session, f"Ses0{session}F_impro01", HEADING + "\n".join(turns))
    corpus = Iemocap().read(folder)
    folds = SPLITS["iemocap"](corpus.utterances)
    assert len(folds) == 10 and corpus.meta["notes"] == []
    assert (len(folds[0].train), len(folds[0].validation), len(folds[0].test)) == (8, 1, 1)
    with pytest.raises(EmotoneError, match="10 of 10 utterances have no official split"):
        SPLITS["official"](corpus.utterances)


def test_missing_folders_are_named(plant: Plant) -> None:
    with pytest.raises(EmotoneError, match="corpus/Session1 is missing"):
        Iemocap().read(plant("a.wav"))
    with pytest.raises(EmotoneError, match="Session3/dialog/EmoEvaluation is missing"):
        Iemocap().read(plant(wav("Ses03F_impro01_F000"), folder="other"))


def test_rows_without_audio_and_audio_without_rows(plant: Plant) -> None:
    folder = official(plant)
    (folder / wav("Ses01F_impro01_F000")).unlink()
    plant(wav("Ses02M_impro08_M001"))
    with pytest.raises(EmotoneError) as error:
        Iemocap().read(folder)
    assert "1 of 3 rows have no audio, e.g. Ses01F_impro01_F000 (EmoEvaluation); 1 of 3 audio files have no row" in str(
        error.value
    )
    corpus = Iemocap(incomplete=True).read(folder)
    assert len(corpus) == 2 and len(corpus.meta["notes"]) == 3 and corpus.raters is not None
    assert set(corpus.raters["id"]) == set(corpus.utterances["id"])


def test_slips_of_raters(plant: Plant) -> None:
    folder = official(plant, TURNS.replace("[5.0000, 1", "[5.5000, 1").replace("val 5;", "val 6;"))
    with pytest.raises(EmotoneError) as error:
        Iemocap().read(folder)
    assert str(error.value) == (
        "1 of 3 rows have valence outside [1, 5], e.g. '5.5000' of Ses01F_impro01_M000 (EmoEvaluation); "
        "set out_of_range=drop to go on without such ratings"
    )
    corpus = Iemocap(out_of_range="drop").read(folder)
    assert corpus.utterances["valence"].isna().tolist() == [False, True, False]
    assert corpus.utterances["arousal"].notna().all() and corpus.raters is not None
    assert corpus.raters["valence"].max() == 3
    assert corpus.meta["notes"][1:] == [
        "1 of 3 turns have valence outside [1, 5]: dropped",
        "1 of 8 votes have valence outside [1, 5]: dropped",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tneu\t", "\tjoy\t", "EmoEvaluation: 1 emotions are not mapped: joy (1)"),
        ("Excited;", "Elated;", "emotions are not mapped: Elated (1)"),
        (
            "2.5000, 2.5000, 2.0000",
            "2.5000, 2.5000",
            "Ses01F_impro01.txt, line 3: expected '[start - end] turn",
        ),
        ("A-E4:\tval 2;", "A-E4:\tvalue 2;", "Ses01F_impro01.txt, line 9: is no rater's vote"),
        ("val 3;", "val three;", "have valence outside [1, 5], e.g. 'three' of Ses01F_impro01_F000"),
        ("Ses01F_impro01_M000", "Ses01F_impro01_F000", "1 rows list a file again, e.g. Ses01F_impro01_F000"),
    ],
)
def test_damaged_labels_are_one_clear_line(plant: Plant, old: str, new: str, message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        Iemocap().read(official(plant, TURNS.replace(old, new)))
    assert message in str(error.value)


def test_strange_names_are_refused(plant: Plant) -> None:
    folder = official(plant)
    plant("Session2/sentences/wav/x/Ses02_song01_F000.wav")
    label(folder, 2, "x", "[1.0 - 2.0]\tSes02_song01_F000\tneu\t[1, 2, 3]\n")
    with pytest.raises(EmotoneError, match="Ses02_song01_F000 not named like Ses01F_impro01_F000"):
        Iemocap().read(folder)
