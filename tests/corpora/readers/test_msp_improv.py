"""MSP-IMPROV: the official layout with votes and transcripts, splits, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotone.corpora.readers.msp_improv import MspImprov
from emotone.data.split import SPLITS
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
STEMS = (
    "S01A-F01-P-FM01",
    "S01A-M01-R-MM01",
    "S05N-F02-S-MF11",
    "S20H-M06-T-FM02",
)
FILES = tuple(f"session{int(stem[6:8])}/{stem[:4]}/{stem[9]}/MSP-IMPROV-{stem}.wav" for stem in STEMS)
EVALUATION = """UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:2.800000; V:3.200000; D:3.000000 ; N:3.200000;
TFA; Neutral; Neutral,Happy; A:3.000000; V:3.000000; D:NaN; N:4.000000;
WORKER_2; Other (tired; dull); Other; A:2.000000; V:3.000000; D:3.000000; N:3.000000;
TFA; Neutral; Neutral,Happy; A:3.000000; V:3.000000; D:NaN; N:4.000000;

UTD-IMPROV-S01A-M01-R-MM01.avi; X; A:5.000000; V:1.000000; D:NaN ; N:NaN;
TFA; Angry; Angry; A:5.000000; V:1.000000; D:5.000000; N:1.000000;

UTD-IMPROV-S05N-F02-S-MF11.avi; S; A:4.000000; V:2.000000; D:3.500000 ; N:4.000000;

UTD-IMPROV-S20H-M06-T-FM02.avi; O; A:4.000000; V:2.000000; D:3.500000 ; N:4.000000;
"""


def official(plant: Plant, evaluation: str = EVALUATION, name: str = "Evalution.txt", below: str = "") -> Path:
    folder = plant(*(below + file for file in FILES))
    (folder / name).write_text(evaluation)
    return folder


@pytest.mark.parametrize(("name", "below"), [("Evalution.txt", ""), ("Evaluation.txt", "Audio/")])
def test_official_layout(plant: Plant, name: str, below: str) -> None:
    corpus = MspImprov().read(official(plant, name=name, below=below))
    table = corpus.utterances
    assert table["file"].tolist() == [below + file for file in FILES]
    assert table["id"].tolist() == [(below + file).removesuffix(".wav") for file in FILES]
    assert table["speaker"].tolist() == ["F01", "M01", "F02", "M06"]
    assert table["gender"].tolist() == ["female", "male", "female", "male"]
    assert table["session"].tolist() == ["1", "1", "2", "6"]
    assert table["script"].tolist() == ["S01A", "S01A", "S05N", "S20H"]
    assert table["kind"].tolist() == ["natural", "read", "improvised", "target"]
    assert table["intended"].tolist() == ["anger", "anger", "neutral", "happiness"]
    assert table["emotion"].tolist() == ["neutral", None, "sadness", "other"] and set(table["language"]) == {"en"}
    np.testing.assert_array_equal(table["arousal"], [2.8, 5, 4, 4])
    np.testing.assert_array_equal(table["valence"], [3.2, 1, 2, 2])
    np.testing.assert_array_equal(table["dominance"], [3, np.nan, 3.5, 3.5])
    np.testing.assert_array_equal(table["naturalness"], [3.2, np.nan, 4, 4])
    assert corpus.meta["ranges"] == {name: [1.0, 5.0] for name in ("arousal", "dominance", "valence")}
    assert corpus.meta["notes"] == ["1 of 4 votes are exact copies of another and count once"]


def test_votes(plant: Plant) -> None:
    raters = MspImprov().read(official(plant)).raters
    assert raters is not None
    assert raters["id"].tolist() == [FILES[0][:-4], FILES[0][:-4], FILES[1][:-4]]
    assert raters["rater"].tolist() == ["TFA", "WORKER_2", "TFA"]
    assert raters["emotion"].tolist() == ["neutral", "other", "anger"]
    columns = ["arousal", "valence", "dominance", "naturalness"]
    np.testing.assert_array_equal(raters[columns], [[3, 3, np.nan, 4], [2, 3, 3, 3], [5, 1, 5, 1]])


def test_transcripts(plant: Plant) -> None:
    folder = official(plant)
    place = folder / "Human_transcriptions/All_human_transcriptions"
    place.mkdir(parents=True)
    (place / f"MSP-IMPROV-{STEMS[0]}.txt").write_bytes("how can I not’ \n".encode("cp1252"))
    (place / "readme.txt").write_text("about")
    assert MspImprov().read(folder).utterances["transcript"].tolist() == ["how can I not’", None, None, None]


def test_sessions_are_folds(plant: Plant) -> None:
    table = MspImprov().read(official(plant)).utterances
    folds = SPLITS["leave-one-session-out"](table)
    assert len(folds) == 3 and [len(fold.test) for fold in folds] == [2, 1, 1]
    with pytest.raises(EmotoneError, match="4 of 4 utterances have no official split"):
        SPLITS["official"](table)


def test_missing_labels_are_named(plant: Plant) -> None:
    with pytest.raises(EmotoneError, match="Evalution.txt is missing"):
        MspImprov().read(plant(*FILES))


def test_rows_without_audio_and_audio_without_rows(plant: Plant) -> None:
    folder = official(plant)
    (folder / FILES[0]).unlink()
    plant("session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM09.wav")
    with pytest.raises(EmotoneError) as error:
        MspImprov().read(folder)
    assert str(error.value).startswith(
        "1 of 4 rows have no audio, e.g. MSP-IMPROV-S01A-F01-P-FM01 (Evalution.txt); 1 of 4 audio files have no row"
    )
    corpus = MspImprov(incomplete=True).read(folder)
    assert len(corpus) == 3 and len(corpus.meta["notes"]) == 3 and corpus.raters is not None
    assert corpus.raters["emotion"].tolist() == ["anger"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("; S; A:4", "; Q; A:4", "Evalution.txt: 1 emotions are not mapped: Q (1); known: A, H, S, N, O, X"),
        ("; Angry; Angry", "; Cross; Angry", "emotions are not mapped: Cross (1)"),
        ("A:2.800000", "A:5.800000", "1 of 4 rows have arousal outside [1, 5], e.g. '5.800000' of MSP-IMPROV-S01A"),
        ("D:5.000000; N:1", "D:0.000000; N:1", "1 of 4 rows have dominance outside [1, 5]"),
        ("UTD-IMPROV-S20H", "UTD-S20H", "Evalution.txt, line 11: is neither a turn nor a rater's vote"),
        ("S05N-F02-S-MF11", "S01A-F01-P-FM01", "1 rows list a file again"),
    ],
)
def test_damaged_labels_are_one_clear_line(plant: Plant, old: str, new: str, message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        MspImprov().read(official(plant, EVALUATION.replace(old, new)))
    assert message in str(error.value)
