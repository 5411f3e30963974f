"""A stream gives the rows of a file with its samples, a pause after they were said."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from voices import spoken

import emotone
from emotone.audio.utterances import UtteranceRules
from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor
from emotone.predict.stream import Stream

SILENCE = np.zeros(16_000, np.float32)
SAID = np.concatenate([SILENCE, spoken(3.0), SILENCE, spoken(2.0, 1), SILENCE])


@pytest.fixture(scope="module", params=["small", "tiny"])
def predictor(request: pytest.FixtureRequest, tiny_bundle: Path) -> Predictor:
    return Predictor.load(str(tiny_bundle) if request.param == "tiny" else request.param, threads=1)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
@pytest.mark.parametrize("size", [160, 4_099, 1_000_000])
def test_rows_are_those_of_a_file(predictor: Predictor, tmp_path: Path, rate_hz: int, size: int) -> None:
    samples = np.interp(np.arange(0, len(SAID), 16_000 / rate_hz), np.arange(len(SAID)), SAID).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate_hz, "FLOAT")
    prediction = predictor.predict(tmp_path / "a.wav", parts=UtteranceRules())
    stream = Stream(predictor, rate_hz, name=str(tmp_path / "a.wav"))
    rows = [row for part in np.split(samples, range(size, len(samples), size)) for row in stream.feed(part)]
    rows += stream.close()
    assert len(rows) >= 2 and rows == stream.table.rows(prediction)
    assert stream.duration_s == pytest.approx(len(SAID) / 16_000, abs=1e-3) and stream.close() == []


def test_a_row_comes_a_pause_after_its_speech(predictor: Predictor) -> None:
    stream = Stream(predictor)
    for block in range(len(SAID) // 1_600):
        for row in stream.feed(SAID[1_600 * block :][:1_600]):
            assert 0 <= (block + 1) / 10 - row["end_s"] <= 0.5


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(100, np.int16), "takes float samples.*int16"),
        (np.zeros((2, 2, 2), np.float32), "takes float samples"),
        (np.zeros((2, 1_600), np.float32), r"\[N, channels\], not float32\(2, 1600\)"),
        ([0.0] * 100, "as an array, not list"),
        (np.full(600, np.nan, np.float32), "NaN"),
        (np.full(600, 30_000, np.float32), "must lie in"),
    ],
)
def test_what_are_no_samples_is_refused(predictor: Predictor, samples: Any, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        Stream(predictor).feed(samples)


def test_a_closed_stream_takes_nothing(predictor: Predictor) -> None:
    stream = emotone.Stream(predictor)
    stream.close()
    with pytest.raises(EmotoneError, match="closed"):
        stream.feed(SILENCE)
    with pytest.raises(EmotoneError, match="rate of 44.1 Hz"):
        Stream(predictor, 44.1)  # type: ignore[arg-type]


def test_it_does_not_pickle_and_says_so(predictor: Predictor) -> None:
    with pytest.raises(EmotoneError, match="^a stream is in the middle of its sound, so it cannot be pickled"):
        pickle.dumps(Stream(predictor))
