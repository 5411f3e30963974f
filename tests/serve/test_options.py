"""Form fields make the settings that the command line makes of its options."""

from __future__ import annotations

import pytest

from emotone.audio.utterances import UtteranceRules
from emotone.errors import EmotoneError
from emotone.predict.retrieve.findings import Search
from emotone.predict.settings import PredictSettings
from emotone.serve.options import predict_settings, search_of, wait_of


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ({}, PredictSettings("m", quiet=True)),
        ({"window": "3", "hop": "1"}, PredictSettings("m", 3.0, 1.0, quiet=True)),
        (
            {"utterances": "true", "pause": "0.6"},
            PredictSettings("m", quiet=True, utterances=UtteranceRules(pause_s=0.6)),
        ),
        ({"channels": "each", "summary": "True"}, PredictSettings("m", quiet=True, channels=(), summary=True)),
    ],
)
def test_settings(fields: dict[str, str], settings: PredictSettings) -> None:
    assert predict_settings(fields, "m", 1, None) == settings


def test_searches() -> None:
    fields = {"attribute": "anger", "lowest": "5", "min_gap": "1.5", "speech": "0", "length": "2"}
    assert search_of(fields, "m") == Search("anger", 5, True, 1.5, 2.0, None, 0.0, "m")
    for wrong in ({}, {"attribute": "a"}, {"attribute": "a", "highest": "1.5"}):
        with pytest.raises(EmotoneError):
            search_of(wrong, "m")


def test_waiting() -> None:
    assert (wait_of({}), wait_of({"wait": "0"})) == (30.0, 0.0)
    for wrong in ("-1", "nan", "301", "soon"):
        with pytest.raises(EmotoneError, match="wait must be"):
            wait_of({"wait": wrong})
