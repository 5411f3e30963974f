"""Windows, summaries and what a predictor makes of odd audio, with a small bundle made on the fly."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import emotone
from emotone.audio.level import active_duration_s
from emotone.audio.read import RATE_HZ, AudioError, read_blocks
from emotone.bundle.bundle import Scores
from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor

LABELS = ["anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def predictor(tiny_bundle: Path) -> Predictor:
    return emotone.load(str(tiny_bundle), threads=1)


def speechlike(duration_s: float, seed: int = 0) -> Samples:
    """Noise whose loudness and colour change."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 1, round(duration_s * RATE_HZ))
    loudness = 0.03 + 0.05 * np.sin(np.arange(len(noise)) / 9_000) ** 2
    return (np.cumsum(noise - 0.9 * np.roll(noise, 1)) * 0.02 * loudness + loudness * noise).astype(np.float32) * 0.5


def write(path: Path, samples: Samples, rate_hz: int = RATE_HZ) -> Path:
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    return path


def test_a_bundle_says_how_far_its_scores_may_be_relied_on(
    predictor: Predictor, weak_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weak = emotone.load(str(weak_bundle), threads=1)
    weak.predict(speechlike(1.0), RATE_HZ)
    assert weak.reliability == {
        "valence": "weak on speech unlike its training (CCC .64)",
        "emotion": "of acted speech",
    }
    assert predictor.reliability == {} and capsys.readouterr() == ("", "")  # nothing is printed in Python


# ---- predictions ------------------------------------------------------------------------------------------------


def test_short_recording_is_one_utterance(predictor: Predictor, tmp_path: Path) -> None:
    samples = speechlike(9.9)
    prediction = predictor.predict(write(tmp_path / "a.wav", samples))
    scores = predictor.bundle.score_samples([samples])
    for name, value in prediction.scores.items():
        assert value == pytest.approx(scores.attributes[name][0], abs=1e-6)
    assert list(prediction.probabilities) == LABELS
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.emotion == max(prediction.probabilities, key=lambda name: prediction.probabilities[name])
    assert (prediction.start_s, prediction.end_s, prediction.error) == (0.0, 9.9, "")
    assert prediction.curve is not None and prediction.curve.time_s.tolist() == [4.95]


@pytest.mark.parametrize(("window_s", "hop_s"), [(None, None), (3.0, None), (2.0, 0.7), (4.0, 4.0), (None, 3.0)])
def test_every_window_is_treated_exactly_like_a_file(
    predictor: Predictor, tmp_path: Path, window_s: float | None, hop_s: float | None
) -> None:
    samples = speechlike(33.3)
    prediction = predictor.predict(write(tmp_path / "a.wav", samples), window_s=window_s, hop_s=hop_s)
    curve = prediction.curve
    assert curve is not None and len(curve.start_s) > 5 and curve.end_s[-1] == pytest.approx(33.3)
    expected_hop = hop_s or min(4.0, (window_s or 8.0) / 2)
    np.testing.assert_allclose(np.diff(curve.start_s), expected_hop)
    for number, (start, end) in enumerate(zip(curve.start_s, curve.end_s, strict=True)):
        alone = predictor.predict(write(tmp_path / "w.wav", samples[round(start * RATE_HZ) : round(end * RATE_HZ)]))
        for name, value in (alone.scores | alone.probabilities).items():
            assert curve.columns[name][number] == pytest.approx(value, abs=2e-6)


def test_summary_is_weighted_with_the_seconds_of_sound(predictor: Predictor, tmp_path: Path) -> None:
    samples = speechlike(24.0)
    samples[: 3 * RATE_HZ] *= 1e-3  # half of the first window and more is next to silence
    prediction = predictor.predict(write(tmp_path / "a.wav", samples), window_s=4.0, hop_s=4.0)
    curve = prediction.curve
    assert curve is not None
    weights = [active_duration_s(samples[start : start + 64_000]) for start in range(0, 384_000, 64_000)]
    assert weights[0] < 0.5 * weights[1]
    for name, value in (prediction.scores | prediction.probabilities).items():
        assert value == pytest.approx(float(np.average(curve.columns[name], weights=weights)), abs=1e-6)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_silent_windows_are_named_and_do_not_count(predictor: Predictor, tmp_path: Path) -> None:
    samples = speechlike(12.0)
    silent = np.concatenate([np.zeros(4 * RATE_HZ, np.float32), samples])
    whole = predictor.predict(write(tmp_path / "a.wav", samples), window_s=4.0, hop_s=4.0)
    prediction = predictor.predict(write(tmp_path / "b.wav", silent), window_s=4.0, hop_s=4.0)
    curve = prediction.curve
    assert curve is not None and curve.errors == ["is silent", "", "", ""] and math.isnan(curve.columns["arousal"][0])
    assert prediction.scores == pytest.approx(whole.scores) and prediction.error == ""
    row = prediction.rows(predictor.columns, over="windows")[0]
    place = {"file": str(tmp_path / "b.wav"), "start_s": 0.0, "end_s": 4.0}
    heard = {"speech_share": 0.0, "note": ""}
    assert row == {**place, **dict.fromkeys(predictor.columns), **heard, "error": "is silent"}


@pytest.mark.parametrize("duration_s", [1.0, 30.0])
def test_silence_alone_is_an_error(predictor: Predictor, tmp_path: Path, duration_s: float) -> None:
    path = write(tmp_path / "a.wav", np.zeros(round(duration_s * RATE_HZ), np.float32))
    with pytest.raises(AudioError, match="is silent"):
        predictor.predict(path)
    prediction = predictor.try_predict(path)
    assert (prediction.scores, prediction.probabilities, prediction.emotion) == ({}, {}, None)
    unknown = dict.fromkeys([*predictor.columns, "speech_share"])
    row = {**unknown, "file": str(path), "start_s": 0.0, "end_s": 0.0, "note": "", "error": "is silent"}
    assert prediction.rows(predictor.columns) == [row] == prediction.rows(predictor.columns, over="windows")


@pytest.mark.parametrize("num_samples", [320, 800, 8_000])
def test_short_sounds_are_scored(predictor: Predictor, tmp_path: Path, num_samples: int) -> None:
    prediction = predictor.predict(write(tmp_path / "a.wav", speechlike(1.0)[:num_samples]))
    assert all(np.isfinite(list(prediction.scores.values())))


def test_block_size_does_not_matter(predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.wav", speechlike(47.0))
    whole = predictor.predict(path)
    for block_s in (0.7, 5.0, 11.0, 100.0):
        monkeypatch.setattr(read_blocks, "__defaults__", (0.0, None, block_s, None, None))
        prediction = predictor.predict(path)
        assert prediction.scores == pytest.approx(whole.scores, abs=1e-6)
        assert prediction.curve is not None and whole.curve is not None
        np.testing.assert_array_equal(prediction.curve.start_s, whole.curve.start_s)


@pytest.mark.parametrize(("duration_s", "rate_hz"), [(3.0, 16_000), (3.0, 44_100), (40.0, 8_000), (31.0, 16_000)])
def test_an_array_and_a_file_are_the_same(
    predictor: Predictor, tmp_path: Path, duration_s: float, rate_hz: int
) -> None:
    samples = speechlike(duration_s)
    samples = np.resize(samples, round(duration_s * rate_hz))
    stereo = np.stack([samples, 0.5 * samples], axis=1)
    file = predictor.predict(write(tmp_path / "a.wav", stereo, rate_hz))
    array = predictor.predict(stereo, rate_hz=rate_hz)
    assert array.file == "array"
    assert array.scores == pytest.approx(file.scores, abs=1e-5)
    assert array.probabilities == pytest.approx(file.probabilities, abs=1e-5)
    assert array.curve is not None and file.curve is not None
    np.testing.assert_allclose(array.curve.columns["arousal"], file.curve.columns["arousal"], atol=1e-5)


def test_predicting_twice_is_the_same(predictor: Predictor, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", speechlike(25.0))
    assert predictor.predict(path).scores == predictor.predict(str(path)).scores


def test_memory_does_not_grow_with_duration(predictor: Predictor, tmp_path: Path) -> None:
    """Besides the curve, ten minutes cost no more than one."""
    import tracemalloc

    peaks = []
    for minutes in (1, 10):
        path = write(tmp_path / "a.wav", np.tile(speechlike(60.0), minutes))
        tracemalloc.start()
        predictor.predict(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_a_network_without_numbers_is_an_error_of_its_window(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = speechlike(12.0)
    whole = predictor.predict(write(tmp_path / "a.wav", samples), window_s=4.0, hop_s=4.0)
    inner = predictor.bundle.score_features

    def lose_the_first(batch: list[NDArray[np.float32]]) -> Scores:
        scores = inner(batch)
        scores.attributes["valence"][0] = np.nan
        return scores

    monkeypatch.setattr(predictor.bundle, "score_features", lose_the_first)
    prediction = predictor.predict(tmp_path / "a.wav", window_s=4.0, hop_s=4.0)
    assert prediction.windows is not None and whole.windows is not None
    assert prediction.windows.errors == ["the network gives no number", "", ""]
    weights = [active_duration_s(samples[start : start + 64_000]) for start in (64_000, 128_000)]
    expected = np.average(whole.windows.columns["valence"][1:], weights=weights)
    assert prediction.scores["valence"] == pytest.approx(expected, abs=1e-6)
    with pytest.raises(AudioError, match="the network gives no number"):
        predictor.predict(tmp_path / "a.wav", window_s=20.0)


# ---- settings and sources that make no sense --------------------------------------------------------------------


def test_impossible_windows_are_found_before_the_file_is_read(predictor: Predictor) -> None:
    with pytest.raises(EmotoneError, match="window must be from 0.1 to 600 seconds, not 0"):
        predictor.predict("missing.wav", window_s=0.0)


def test_impossible_sources(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="needs rate_hz"):
        predictor.predict(np.zeros(100))
    with pytest.raises(EmotoneError, match="start_s and end_s are of files; of an array, give the part itself"):
        predictor.predict(np.ones(16_000, np.float32), 16_000, start_s=0.5)
    with pytest.raises(AudioError, match="does not exist"):
        predictor.predict(tmp_path / "missing.wav")
    assert predictor.try_predict(tmp_path / "missing.wav").error == "does not exist"


def test_damage_late_in_a_recording_is_an_error_not_half_a_result(predictor: Predictor, tmp_path: Path) -> None:
    samples = speechlike(100.0)
    samples[-1] = np.nan
    assert predictor.try_predict(write(tmp_path / "a.wav", samples)).error == "holds NaN or infinite samples"


# ---- names -------------------------------------------------------------------------------------------------------


def test_what_a_predictor_says_of_itself(predictor: Predictor) -> None:
    assert predictor.attributes == dict.fromkeys(["arousal", "dominance", "valence"], (1.0, 7.0))
    assert predictor.categories == LABELS
    assert predictor.columns == ["arousal", "dominance", "valence", *LABELS]


def test_names_of_the_package() -> None:
    attributes: dict[str, Any] = {name: getattr(emotone, name) for name in emotone.__all__}
    assert attributes["Predictor"] is Predictor and attributes["EmotoneError"] is EmotoneError
    with pytest.raises(AttributeError, match="predikt"):
        emotone.predikt  # noqa: B018


def test_a_list_of_files_is_not_one_file(tiny_bundle: Path) -> None:
    with pytest.raises(EmotoneError, match="^predict takes one file or array, not list; call it for each$"):
        Predictor.load(str(tiny_bundle)).predict(["a.wav", "b.wav"])  # type: ignore[arg-type]


def through_pickle(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def through_joblib(value: Any) -> Any:
    held = io.BytesIO()
    joblib.dump(value, held)
    held.seek(0)
    return joblib.load(held)


@pytest.mark.parametrize("through", [through_pickle, through_joblib, copy.deepcopy])
def test_predictors_and_predictions_pickle(predictor: Predictor, through: Callable[[Any], Any]) -> None:
    samples = speechlike(3.0)
    prediction = predictor.predict(samples, RATE_HZ, window_s=1.0)
    for one in (through(predictor).predict(samples, RATE_HZ, window_s=1.0), through(prediction)):
        assert one.rows(predictor.columns, "windows") == prediction.rows(predictor.columns, "windows")
        assert (one.scores, one.labels, one.shares) == (prediction.scores, prediction.labels, prediction.shares)
