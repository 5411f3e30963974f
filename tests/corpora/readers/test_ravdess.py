"""RAVDESS: the real corpus, the official layout with song and video, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.ravdess import Ravdess
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
OFFICIAL = (
    "Audio_Speech_Actors_01-24/Actor_12/03-01-06-01-02-01-12.wav",
    "Audio_Speech_Actors_01-24/Actor_01/03-01-08-02-01-02-01.wav",
    "Audio_Song_Actors_01-24/Actor_12/03-02-02-01-02-01-12.wav",
    "Video_Speech_Actor_12/Actor_12/01-01-06-01-02-01-12.mp4",
    "Video_Speech_Actor_12/Actor_12/02-01-06-01-02-01-12.mp4",
)


def test_real_corpus(shared: Path) -> None:
    corpus = Ravdess().read(shared / "data/ravdess")
    table = corpus.utterances.set_index("id")
    assert len(table) == 1440 and table["speaker"].nunique() == 24 and table["script"].nunique() == 2
    assert table["emotion"].value_counts().to_dict() == {"neutral": 96} | {
        name: 192 for name in ("calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
    }
    assert set(table.groupby("speaker").size()) == {60}
    assert table["intensity"].value_counts().to_dict() == {"normal": 768, "strong": 672}
    assert set(table["channel"]) == {"speech"} and set(table["modality"]) == {"audio"} and table["recording"].is_unique
    expected = {
        "file": "Actor_12/03-01-05-02-01-01-12.flac",
        "speaker": "12",
        "gender": "female",
        "script": "01",
        "emotion": "anger",
        "intensity": "strong",
        "repetition": 1,
    }
    assert table.loc["Actor_12/03-01-05-02-01-01-12", list(expected)].to_dict() == expected
    assert sorted(table["transcript"].unique()) == ["Dogs are sitting by the door.", "Kids are talking by the door."]
    assert corpus.meta["emotions"] == sorted(table["emotion"].unique())


def test_official_layout_reads_speech_with_sound(plant: Plant) -> None:
    corpus = Ravdess().read(plant(*OFFICIAL))
    table = corpus.utterances
    assert len(corpus.meta["notes"]) == 1 and "2 files left out" in corpus.meta["notes"][0]
    assert table["modality"].tolist() == ["audio", "audio", "audio-video"]
    assert table["gender"].tolist() == ["male", "female", "female"]
    assert table["emotion"].tolist() == ["surprise", "fear", "fear"]
    # The film and its sound are one performance, so that no split can come between them.
    assert table["recording"].nunique() == 2


@pytest.mark.parametrize(("channel", "number"), [("speech", 3), ("song", 1), ("both", 4)])
def test_channels(plant: Plant, channel: str, number: int) -> None:
    assert len(Ravdess(channel=channel).read(plant(*OFFICIAL))) == number  # type: ignore[arg-type]


def test_strange_names_and_missing_channels_are_refused(plant: Plant) -> None:
    folder = plant(OFFICIAL[0])
    with pytest.raises(EmotoneError, match="holds audio but no song"):
        Ravdess(channel="song").read(folder)
    plant("Actor_01/03-01-09-01-01-01-01.wav")
    with pytest.raises(EmotoneError, match="Actor_01/03-01-09-01-01-01-01.wav is not named like a file of this corpus"):
        Ravdess().read(folder)
