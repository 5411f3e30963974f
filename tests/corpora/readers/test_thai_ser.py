"""THAI-SER: studios, zoom and microphones in the official layout, the published folds, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotone.corpora.readers.thai_ser import ThaiSer
from emotone.data.split import SPLITS
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
FILES = (
    "studio1-10/studio001/clip/s001_clip_actor002_impro2_32.flac",
    "studio1-10/studio001/con/s001_con_actor001_script1_1_1a.flac",
    "studio1-10/studio001/con/s001_con_actor002_impro2_32.flac",
    "zoom1-10/zoom001/mic/z001_mic_actor161_impro1_4.flac",
)


def entry(majority: str | None, agreement: float, annotated: list[Any], assigned: str = "Neutral") -> list[Any]:
    return [{"assigned_emo": assigned, "majority_emo": majority, "agreement": agreement, "annotated": annotated}]


LABELS = {
    "s001_con_actor001_script1_1_1a.flac": entry("None", 0.5, [["Neutral"], ["Sad"]]),
    "s001_con_actor002_impro2_32.flac": entry(
        "Angry", 0.75, [["Angry"], ["Angry", "Frustrated"], [" angry"]], "Frustrated"
    ),
    "z001_mic_actor161_impro1_4.flac": entry("Happy", 1.0, [["Happy"], ["Happy"], ["Other"]], "Happy"),
}
ACTORS = {
    "data": [
        {"Actor's ID": "001", "Age": "24", "Sex": "Female"},
        {"Actor's ID": "002", "Age": 31, "Sex": "Male"},
    ]
}


def official(plant: Plant, labels: dict[str, Any] = LABELS, actors: dict[str, Any] | None = None) -> Path:
    folder = plant(*FILES)
    (folder / "emotion_label.json").write_text(json.dumps(labels))
    (folder / "actor_demography.json").write_text(json.dumps(actors or ACTORS))
    return folder


def test_official_layout(plant: Plant) -> None:
    corpus = ThaiSer().read(official(plant))
    table = corpus.utterances
    assert table["file"].tolist() == list(FILES) and table["id"].tolist() == [file[:-5] for file in FILES]
    assert table["speaker"].tolist() == ["002", "001", "002", "161"]
    assert table["gender"].tolist() == ["male", "female", "male", None] and table["age"].tolist()[:3] == [31, 24, 31]
    assert table["session"].tolist() == ["001", "001", "001", "zoom001"] and set(table["language"]) == {"th"}
    assert table["script"].tolist() == ["impro2", "script1", "impro2", "impro1"]
    assert table["turn"].tolist() == ["32", "1_1a", "32", "4"]
    assert table["kind"].tolist() == ["improvised", "scripted", "improvised", "improvised"]
    assert table["microphone"].tolist() == ["clip", "con", "con", "mic"]
    # Two microphones heard one performance, which has the label of the one that raters listened to.
    assert table["recording"].nunique() == 3 and table["recording"][0] == table["recording"][2]
    assert table["rated_microphone"].tolist() == ["con", "con", "con", "mic"]
    assert table["emotion"].tolist() == ["anger", None, "anger", "happiness"]
    assert table["intended"].tolist() == ["frustration", "neutral", "frustration", "happiness"]
    assert table["agreement"].tolist() == [0.75, 0.5, 0.75, 1.0] and table["split"].isna().all()
    assert corpus.meta["notes"] == [] and corpus.meta["ranges"] == {} and "label" not in table


def test_votes(plant: Plant) -> None:
    raters = ThaiSer().read(official(plant)).raters
    assert raters is not None
    for file in (FILES[0], FILES[2]):
        votes = raters[raters["id"] == file[:-5]]
        assert votes["rater"].tolist() == ["1", "2", "2", "3"]
        assert votes["emotion"].tolist() == ["anger", "anger", "frustration", "anger"]
    assert raters[raters["id"] == FILES[3][:-5]]["emotion"].tolist() == ["happiness", "happiness", "other"]


def test_a_microphones_own_label_comes_first(plant: Plant) -> None:
    own = {"s001_clip_actor002_impro2_32.flac": entry("Sad", 1.0, [["Sad"]])}
    table = ThaiSer().read(official(plant, LABELS | own)).utterances
    assert table["emotion"].tolist() == ["sadness", None, "anger", "happiness"]
    assert table["rated_microphone"].tolist()[0] == "clip"


def test_little_agreement_is_no_emotion(plant: Plant) -> None:
    table = ThaiSer(min_agreement=0.8).read(official(plant)).utterances
    assert table["emotion"].tolist() == [None, None, None, "happiness"]
    with pytest.raises(EmotoneError, match="min_agreement must be from 0 to 1, not 71"):
        ThaiSer(min_agreement=71)


def test_the_assigned_emotion(plant: Plant) -> None:
    table = ThaiSer(labels="assigned").read(official(plant)).utterances
    assert table["emotion"].tolist() == table["intended"].tolist()
    majority = ThaiSer().read(plant()).utterances
    assert majority["intended"].tolist() == table["intended"].tolist() != majority["emotion"].tolist()


def test_published_folds(plant: Plant) -> None:
    stems = [f"s{studio:03}_con_actor{studio:03}_impro1_1" for studio in range(1, 81)]
    folder = plant()
    for stem in stems:
        (folder / f"{stem}.flac").touch()
    labels = {f"{stem}.flac": entry("Sad", 1.0, [["Sad"]]) for stem in stems}
    (folder / "emotion_label.json").write_text(json.dumps(labels))
    table = ThaiSer().read(folder).utterances
    folds = SPLITS["thai-ser"](table)
    assert len(folds) == 8 and table["gender"].isna().all()
    assert folds[7].test == tuple(stems[70:75]) and folds[7].validation == tuple(stems[75:])
    with pytest.raises(EmotoneError, match="80 of 80 utterances have no official split"):
        SPLITS["official"](table)


def test_missing_labels_are_named(plant: Plant) -> None:
    with pytest.raises(EmotoneError, match="emotion_label.json is missing"):
        ThaiSer().read(plant(*FILES))


def test_rows_without_audio_and_audio_without_rows(plant: Plant) -> None:
    folder = official(plant)
    (folder / FILES[1]).unlink()
    (folder / FILES[2]).unlink()  # its performance has another microphone
    plant("studio1-10/studio001/con/s001_con_actor001_impro1_1.flac")
    with pytest.raises(EmotoneError) as error:
        ThaiSer().read(folder)
    assert str(error.value).startswith(
        "1 of 3 rows have no audio, e.g. s001_con_actor001_script1_1_1a (emotion_label.json); 1 of 3 audio files"
    )
    corpus = ThaiSer(incomplete=True).read(folder)
    assert corpus.utterances["file"].tolist() == [FILES[0], FILES[3]] and len(corpus.meta["notes"]) == 2


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS | {"s001_con_actor002_impro2_32.flac": entry("Calm", 1.0, [])}, "1 emotions are not mapped: Calm (1)"),
        (LABELS | {"s001_con_actor002_impro2_32.flac": entry("Sad", 1.0, [["Zen"]])}, "not mapped: Zen (2)"),
        (
            LABELS | {"s001_con_actor002_impro2_32.flac": entry("Sad", 71.0, [])},
            "1 of 3 rows have agreement outside",
        ),
        (LABELS | {"s001.flac": entry("Sad", 1.0, [])}, "emotion_label.json, s001.flac: expected a file's name with"),
        (LABELS | {"s001_con_actor002_impro2_33.flac": []}, "expected a file's name with assigned_emo, majority_emo"),
        ({}, "emotion_label.json: lists no files"),
    ],
)
def test_damaged_labels_are_one_clear_line(plant: Plant, labels: dict[str, Any], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        ThaiSer().read(official(plant, labels))
    assert message in str(error.value)


def test_damaged_actors_and_strange_names(plant: Plant) -> None:
    folder = official(plant, actors={"data": [{"Actor's ID": "001", "Sex": "Male"}]})
    with pytest.raises(EmotoneError, match="an actor needs Actor's ID, Sex and Age"):
        ThaiSer().read(folder)
    plant("studio1-10/studio001/con/take1.flac")
    (folder / "actor_demography.json").unlink()
    with pytest.raises(EmotoneError, match="take1.flac is not named like a file of this corpus"):
        ThaiSer().read(folder)
