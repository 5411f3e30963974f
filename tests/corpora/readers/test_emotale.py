"""EmoTale: the real Danish part, the official layout with both parts, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.readers.emotale import EmoTale
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
HEADER = "file,a1_A,a1_V,a1_D,a1_cat,a2_A,a2_V,a2_D,a2_cat,a3_A,a3_V,a3_D,a3_cat,gt_emotion\n"
DANISH = "DK_001_A_1.wav,4.0,1.5,4.5,A,4.0,2.5,5.0,A,5.0,1.0,4.5,A,A\n"
ENGLISH = "EN_001_S_5.wav,4.0,2.0,4.0,S,3.0,2.5,2.0,S,,,,,S\n"


def official(plant: Plant, annotations: str = HEADER + DANISH + ENGLISH) -> Path:
    folder = plant("audio/DK_001_A_1.wav", "audio/EN_001_S_5.wav")
    (folder / "annotations.csv").write_text(annotations)
    (folder / "speaker_info.csv").write_text("speaker,gender,age\n001,F,22\n003,M,\n")
    return folder


def test_real_corpus(shared: Path) -> None:
    corpus = EmoTale().read(shared / "data/emotale-da")
    table = corpus.utterances.set_index("id")
    assert len(table) == 450 and set(table.groupby("speaker").size()) == {25} and table["speaker"].nunique() == 18
    assert table["emotion"].value_counts().to_dict() == dict.fromkeys(
        ("anger", "boredom", "happiness", "neutral", "sadness"), 90
    )
    assert set(table["language"]) == {"da"} and table["transcript"].nunique() == 5
    assert table.groupby("speaker")["gender"].first().value_counts().to_dict() == {"female": 12, "male": 6}
    row = table.loc["wav/DK_001_A_1"]
    assert row[["speaker", "gender", "age", "script", "transcript"]].to_dict() == {
        "speaker": "001",
        "gender": "female",
        "age": 22.0,
        "script": "1",
        "transcript": "Dugen ligger på køleskabet.",
    }
    np.testing.assert_allclose(row[["arousal", "dominance", "valence"]].tolist(), [13 / 3, 14 / 3, 5 / 3])
    assert corpus.meta["ranges"] == {name: [1.0, 5.0] for name in ("arousal", "dominance", "valence")}


def test_real_ratings_against_the_owners_table(shared: Path) -> None:
    corpus = EmoTale().read(shared / "data/emotale-da")
    raters = corpus.raters
    assert raters is not None and raters["rater"].value_counts().to_dict() == {"a1": 450, "a2": 450, "a3": 450}
    assert raters.loc[raters["rater"] == "a1", "emotion"].value_counts().to_dict() == {
        "neutral": 99,
        "happiness": 97,
        "sadness": 95,
        "boredom": 82,
        "anger": 77,
    }
    annotations = pd.read_csv(shared / "data/emotale-da/annotations.csv")
    table = corpus.utterances.set_index(corpus.utterances["file"].map(lambda file: Path(file).stem + ".wav"))
    for attribute, letter in {"arousal": "A", "dominance": "D", "valence": "V"}.items():
        mean = annotations.set_index("file")[[f"a{k}_{letter}" for k in (1, 2, 3)]].mean(axis=1)
        np.testing.assert_allclose(table[attribute], mean[table.index], rtol=0, atol=1e-12)


def test_official_layout_has_both_parts(plant: Plant) -> None:
    corpus = EmoTale().read(official(plant))
    table = corpus.utterances
    assert table["language"].tolist() == ["da", "en"] and table["speaker"].tolist() == ["001", "001"]
    assert table["emotion"].tolist() == ["anger", "sadness"] and table["age"].tolist() == [22, 22]
    assert table["transcript"].tolist() == [None, None]  # no table of sentences at hand
    # A vote that was not given is null and does not count in the mean.
    assert table["arousal"].tolist() == [13 / 3, 3.5]
    assert corpus.raters is not None and corpus.raters.iloc[-1][["emotion"]].tolist() == [None]
    assert EmoTale(part="danish").read(official(plant)).utterances["id"].tolist() == ["audio/DK_001_A_1"]


def test_a_part_without_audio_is_left_out(plant: Plant) -> None:
    folder = plant("DK_001_A_1.wav")
    (folder / "annotations.csv").write_text(HEADER + DANISH + ENGLISH)
    corpus = EmoTale().read(folder)
    assert len(corpus) == 1 and corpus.meta["notes"] == [
        f"{folder / 'annotations.csv'}: 1 of 2 rows are of a part that is not read"
    ]
    with pytest.raises(EmotoneError, match="holds no audio of the english part"):
        EmoTale(part="english").read(folder)


def test_missing_files_are_named(plant: Plant) -> None:
    folder = plant("DK_001_A_1.wav")
    with pytest.raises(EmotoneError, match="annotations.csv is missing"):
        EmoTale().read(folder)
    (folder / "annotations.csv").write_text(HEADER + DANISH + DANISH.replace("001", "019"))
    with pytest.raises(EmotoneError, match=r"annotations.csv: 1 of 2 rows have no audio, e.g. DK_019_A_1; set incompl"):
        EmoTale().read(folder)
    assert len(EmoTale(incomplete=True).read(folder)) == 1


def test_audio_without_ratings_has_its_enacted_emotion(plant: Plant) -> None:
    corpus = EmoTale().read(official(plant, HEADER + DANISH))
    row = corpus.utterances.set_index("id").loc["audio/EN_001_S_5"]
    assert row["emotion"] == "sadness" and np.isnan(row["arousal"])
    assert [note.partition(": ")[2] for note in corpus.meta["notes"]] == [
        "1 of 2 audio files have no row, e.g. EN_001_S_5"
    ]


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (HEADER + DANISH.replace("5.0,1.0", "5.5,1.0"), "annotations.csv, DK_001_A_1.wav: a3_A is 5.5, outside [1, 5]"),
        (HEADER + DANISH.replace("5.0,1.0", "high,1.0"), "a3_A is 'high', not a number"),
        (HEADER + DANISH.replace("4.5,A,A", "4.5,Q,A"), "unknown emotion 'Q'"),
        (HEADER.replace("a2_V", "a2_W") + DANISH, "annotations.csv: unknown column 'a2_V'"),
        ("file,emotion\nDK_001_A_1.wav,A\n", "has no rater columns"),
    ],
)
def test_damaged_annotations_are_one_clear_line(plant: Plant, annotations: str, message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        EmoTale(part="danish").read(official(plant, annotations))
    assert message in str(error.value)
