"""TESS: the official layout with its oddities, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.tess import Tess
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
OFFICIAL = (
    "OAF_angry/OAF_back_angry.wav",
    "OAF_Pleasant_surprise/OAF_back_ps.wav",
    "OAF_neutral/OA_bite_neutral.wav",
    "OAF_Fear/OAF_back_fear.wav",
    "YAF_disgust/YAF_youth_disgust.wav",
    "YAF_happy/YAF_youth_happy.wav",
    "YAF_sad/YAF_youth_sad.wav",
)


@pytest.mark.parametrize("inner", ["", "TESS Toronto emotional speech set data/"])
def test_official_layout(plant: Plant, inner: str) -> None:
    corpus = Tess().read(plant(*(inner + name for name in OFFICIAL)))
    table = corpus.utterances.set_index("id")
    assert table["emotion"].tolist() == ["fear", "surprise", "anger", "neutral", "disgust", "happiness", "sadness"]
    assert table["speaker"].tolist() == ["OAF"] * 4 + ["YAF"] * 3 and set(table["gender"]) == {"female"}
    expected = {"speaker": "OAF", "script": "bite", "transcript": "Say the word bite.", "age": 64.0, "language": "en"}
    assert table.loc[f"{inner}OAF_neutral/OA_bite_neutral", list(expected)].to_dict() == expected


def test_strange_and_doubled_files_are_refused(plant: Plant) -> None:
    with pytest.raises(EmotoneError, match="OAF_angry/OAF_back_cross.wav is not named like a file of this corpus"):
        Tess().read(plant("OAF_angry/OAF_back_cross.wav"))
    doubled = plant(OFFICIAL[0], f"copy/{OFFICIAL[0]}", folder="doubled")  # as in a popular copy of the release
    with pytest.raises(EmotoneError, match="two files are named OAF_back_angry"):
        Tess().read(doubled)
