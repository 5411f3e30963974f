"""SAVEE: the official layout in folders and flat, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.savee import Savee
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
TAKES = ("a01", "d02", "f03", "h04", "n30", "sa05", "su15")
EMOTIONS = ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]


LAYOUTS = ("AudioData/{}/{}.wav", "{}_{}.wav", "ALL/{}_{}.wav", "{}/{}.wav", "{0}/{0}_{1}.wav")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_official_layouts(plant: Plant, layout: str) -> None:
    folder = plant(*(layout.format(speaker, take) for speaker in ("DC", "KL") for take in TAKES))
    table = Savee().read(folder).utterances
    assert table["speaker"].tolist() == ["DC"] * 7 + ["KL"] * 7 and set(table["gender"]) == {"male"}
    assert table["emotion"].tolist() == EMOTIONS * 2 and table["script"].tolist() == [*TAKES, *TAKES]
    assert table["id"].is_unique and set(table["language"]) == {"en"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a01.wav"], "a01.wav is not named like a file of this corpus (e.g. DC/a01.wav or DC_a01.wav)"),
        (["XX_a01.wav", "XX_a02.wav"], "XX_a01.wav is not named like a file of this corpus"),
        (["DC_x01.wav"], "DC_x01.wav is not named"),
        (["ALL/DC_a01.wav", "AudioData/DC/a01.wav"], "2 files are a recording twice, e.g. ALL/DC_a01.wav"),
    ],
)
def test_strange_and_doubled_files_are_refused(plant: Plant, names: list[str], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        Savee().read(plant(*names))
    assert message in str(error.value)
