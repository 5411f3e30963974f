"""EMOVO: the official layout, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.emovo import SENTENCES, Emovo
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
EMOTIONS = {
    "dis": "disgust",
    "gio": "happiness",
    "neu": "neutral",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}


@pytest.mark.parametrize("inner", ["", "EMOVO/"])
def test_official_layout(plant: Plant, inner: str) -> None:
    names = [f"{inner}{speaker}/{word}-{speaker}-b1.wav" for speaker in ("f1", "m3") for word in EMOTIONS]
    table = Emovo().read(plant(*names, f"{inner}m3/neu-m3-d2.wav")).utterances.set_index("id")
    assert len(table) == 15 and table.loc[f"{inner}f1/rab-f1-b1", "emotion"] == "anger"
    assert {file.split("/")[-1][:3]: emotion for file, emotion in table[["file", "emotion"]].values} == EMOTIONS
    columns = ["speaker", "gender", "script", "transcript", "language"]
    expected = ["m3", "male", "d2", "Porti con te quella cosa?", "it"]
    assert table.loc[f"{inner}m3/neu-m3-d2", columns].tolist() == expected
    assert table.loc[f"{inner}f1/tri-f1-b1", "gender"] == "female" and len(SENTENCES) == 14


@pytest.mark.parametrize("name", ["rab-f4-b1.wav", "ang-f1-b1.wav", "rab-f1-z1.wav", "f1-rab-b1.wav"])
def test_strange_files_are_refused(plant: Plant, name: str) -> None:
    with pytest.raises(EmotoneError, match=f"{name} is not named like a file of this corpus .e.g. rab-f1-b1.wav"):
        Emovo().read(plant(name))
