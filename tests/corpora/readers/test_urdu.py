"""URDU: the official layout, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.urdu import Urdu
from emotone.errors import EmotoneError

Plant = Callable[..., Path]


def test_official_layout(plant: Plant) -> None:
    names = ("Angry/SM1_F1_A1.wav", "Happy/SF1_F10_H010.wav", "Neutral/SM27_F2_N02.wav", "Sad/SM1_F3_S100.wav")
    table = Urdu().read(plant(*names)).utterances
    assert table["emotion"].tolist() == ["anger", "happiness", "neutral", "sadness"]
    # Men and women are numbered from one each.
    assert table["speaker"].tolist() == ["M1", "F1", "M27", "M1"]
    assert table["gender"].tolist() == ["male", "female", "male", "male"]
    assert table["take"].tolist() == ["1", "10", "2", "3"] and set(table["language"]) == {"ur"}


@pytest.mark.parametrize("name", ["SX1_F1_A1.wav", "SM1_F1_B1.wav", "SM1_A1.wav"])
def test_strange_files_are_refused(plant: Plant, name: str) -> None:
    with pytest.raises(EmotoneError, match=f"{name} is not named like a file of this corpus .e.g. SM1_F1_A1.wav"):
        Urdu().read(plant(name))
