"""Curves of chunks: where chunks lie, windows stitched without seams, and recordings with both."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emotone.audio.level import active_duration_s
from emotone.audio.read import RATE_HZ, AudioError, Samples, load_audio
from emotone.bundle.view.view import Chunks
from emotone.predict.curve import STEP_S, UNSEEN, Curve, locate_chunks, stitch
from emotone.predict.predictor import Predictor
from emotone.predict.windows import cut_windows

HOP_S = 0.016
CHUNK_S = 62 * HOP_S
Floats = NDArray[np.float64]


def curve_of(start_s: float, scores: list[float], step_s: float = 0.32, errors: list[str] | None = None) -> Curve:
    """A window's chunks, one every `step_s`, each of a second."""
    starts = start_s + np.arange(len(scores), dtype=np.float64) * step_s
    return Curve(starts, starts + 1.0, {"a": np.array(scores)}, errors or [""] * len(scores))


# ---- where chunks lie -------------------------------------------------------------------------------------------


@given(num_frames=st.integers(1, 1500), chunk_frames=st.integers(1, 100), num_chunks=st.integers(1, 40))
def test_chunks_lie_where_the_view_takes_them_from(num_frames: int, chunk_frames: int, num_chunks: int) -> None:
    view, samples = Chunks(chunk_frames, num_chunks), np.tile(np.float32([1, -1]), num_frames * 128)
    places, index = locate_chunks(view, HOP_S, num_frames, samples), view.index(num_frames)
    for number, start_s, end_s in zip(places.number, places.start_s, places.end_s, strict=True):
        assert start_s == pytest.approx(HOP_S * index[number].min())
        assert end_s == pytest.approx(HOP_S * (1 + index[number].max()))
    assert len({tuple(row) for row in index}) == len(places.number)
    assert not places.is_silent.any()


def test_silent_chunks_are_those_without_a_sound() -> None:
    samples = np.zeros(8 * RATE_HZ, np.float32)
    samples[3 * RATE_HZ] = 0.1
    places = locate_chunks(Chunks(62, 22), HOP_S, 500, samples)
    np.testing.assert_array_equal(~places.is_silent, (places.start_s <= 3.0) & (places.end_s > 3.0))


# ---- stitching --------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    num_windows=st.integers(1, 4),
    hop_s=st.floats(1, 9),
    step_s=st.sampled_from([0.1, 0.3, 0.9]),
)
def test_a_point_is_the_weighted_mean_of_the_chunks_near_it(
    seed: int, num_windows: int, hop_s: float, step_s: float
) -> None:
    random = np.random.default_rng(seed)
    curves = [curve_of(hop_s * w, list(random.normal(size=10)), step_s) for w in range(num_windows)]
    stitched = stitch(curves, 1.0)
    np.testing.assert_array_equal(stitched.start_s, np.arange(len(stitched.start_s)) * STEP_S)
    assert 0 <= curves[-1].end_s[-1] - stitched.end_s[-1] < STEP_S
    for time_s, score, error in zip(stitched.time_s, stitched.columns["a"], stitched.errors, strict=True):
        total = weights = 0.0
        for curve in curves:
            for middle_s, value in zip(curve.time_s, curve.columns["a"], strict=True):
                border_s = min(middle_s - curve.start_s[0], curve.end_s[-1] - middle_s)
                weight = max(0.0, 1 - abs(time_s - middle_s) / max(0.5, step_s)) * border_s
                total, weights = total + weight * value, weights + weight
        if weights > 1e-9:
            assert score == pytest.approx(total / weights, abs=1e-6) and error == ""
        elif weights == 0:
            assert np.isnan(score) and error == UNSEEN


def test_windows_that_agree_leave_no_seam() -> None:
    def window(start_s: float) -> Curve:
        return curve_of(start_s, list(3 + 0.5 * (start_s + np.arange(22) * 0.32)))

    stitched = stitch([window(start_s) for start_s in (0.0, 4.0, 8.0, 12.0)], 1.0)
    inner = slice(2, -2)  # at the ends a mean over both sides has one side only
    np.testing.assert_allclose(stitched.columns["a"][inner], 3 + 0.5 * stitched.start_s[inner], atol=0.03)


def test_silence_and_failures_are_named_where_nothing_else_is_known() -> None:
    silent = curve_of(0.0, [1.0] * 10 + [np.nan] * 12, errors=[""] * 10 + ["is silent"] * 12)
    failed = Curve(np.array([4.0]), np.array([12.0]), {"a": np.array([np.nan])}, ["too odd"])
    stitched = stitch([silent, failed, curve_of(8.0, [2.0] * 22)], 1.0)
    said = dict(zip(stitched.start_s.tolist(), stitched.errors, strict=True))
    assert (said[2.75], said[3.25], said[6.0], said[7.25], said[8.0]) == ("", "is silent", "too odd", "too odd", "")
    np.testing.assert_array_equal(np.isnan(stitched.columns["a"]), [bool(error) for error in stitched.errors])
    assert stitched.columns["a"][[0, -1]].tolist() == [1.0, 2.0]


# ---- real speech, the published bundles -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def speech(shared: Path) -> Samples:
    """40 s of several readers."""
    files = sorted((shared / "data/librispeech").rglob("*.flac"))[::9]
    return np.concatenate([load_audio(file, end_s=8.0) for file in files])[: 40 * RATE_HZ]


@pytest.fixture(scope="module", params=["emotion-seq2seq", "emotion-ranker"])
def published(request: pytest.FixtureRequest, pull_once: Callable[[str], Path]) -> Predictor:
    return Predictor.load(str(pull_once(request.param)), threads=1)


def test_where_windows_begin_moves_the_curve_within_the_tolerance(published: Predictor, speech: Samples) -> None:
    """What the docstring of `stitch` promises, and what windows laid end to end do not keep."""
    begin_s = (0.0, 1.3, 2.7)
    time_s = np.arange(max(begin_s) + 8, len(speech) / RATE_HZ - 1, 0.1)
    stitched, laid = [], []
    for start_s in begin_s:
        part = speech[round(start_s * RATE_HZ) :]
        curve = published.predict(part, RATE_HZ).curve
        assert curve is not None
        stitched.append(resampled(curve, start_s, time_s))
        pieces = [published.predict(window, RATE_HZ).curve for _, window in cut_windows([part], 8.0, 8.0, 0.0)]
        ends = [Curve(c.start_s + 8 * w, c.end_s + 8 * w, c.columns, []) for w, c in enumerate(pieces) if c is not None]
        columns = {name: np.concatenate([end.columns[name] for end in ends]) for name in curve.columns}
        starts, stops = (np.concatenate([getattr(end, at) for end in ends]) for at in ("start_s", "end_s"))
        laid.append(resampled(Curve(starts, stops, columns, []), start_s, time_s))
    deviation = stitched[0].std(axis=1)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        moved = np.abs(stitched[first] - stitched[second]) / deviation[:, None]
        assert (np.sqrt((moved**2).mean(axis=1)) < 0.3).all() and (np.quantile(moved, 0.99, axis=1) < 1.0).all()
        naive = np.abs(laid[first] - laid[second]) / deviation[:, None]
        assert (np.sqrt((naive**2).mean(axis=1)) > 0.3).all()


def resampled(curve: Curve, start_s: float, time_s: Floats) -> Floats:
    return np.stack([np.interp(time_s, curve.time_s + start_s, column) for column in curve.columns.values()])


def test_an_utterance_has_its_chunks(published: Predictor, speech: Samples) -> None:
    samples = speech[: 7 * RATE_HZ]
    prediction, scores = published.predict(samples, RATE_HZ), published.bundle.score_samples([samples])
    curve = prediction.curve
    assert curve is not None and curve.errors == [""] * 22 and curve.start_s[0] == 0 and curve.end_s[-1] <= 7
    np.testing.assert_allclose(curve.end_s - curve.start_s, CHUNK_S)
    for name, column in curve.columns.items():
        np.testing.assert_allclose(column, scores.curves[name][0], atol=1e-6)
        assert prediction.scores[name] == pytest.approx(column.mean(), abs=1e-5)


# ---- prediction, with a small bundle ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def predictor(loudness: Path) -> Predictor:
    return Predictor.load(str(loudness), threads=1)


def noise(duration_s: float) -> Samples:
    """Noise that is louder and softer every 5 s."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    loudness = 0.1 + 0.08 * np.sin(time_s * 2 * np.pi / 5)
    return (np.random.default_rng(0).normal(0, 0.3, len(time_s)) * loudness).astype(np.float32)


def test_a_recording_has_an_even_grid_and_the_same_summary(predictor: Predictor) -> None:
    samples = noise(60.0)
    prediction = predictor.predict(samples, RATE_HZ)
    curve, windows = prediction.curve, prediction.windows
    assert curve is not None and windows is not None and list(curve.columns) == ["arousal"]
    np.testing.assert_array_equal(curve.start_s, np.arange(len(curve.start_s)) * STEP_S)
    assert curve.errors == [""] * len(curve.start_s) and 59 < curve.end_s[-1] <= 60
    correlation = np.corrcoef(curve.columns["arousal"], np.sin(curve.time_s * 2 * np.pi / 5))[0, 1]
    assert correlation > 0.9
    assert windows.columns.keys() == {"arousal", "anger", "neutral"} and len(windows.start_s) == 14
    weights = [active_duration_s(samples[int(start * RATE_HZ) :][: 8 * RATE_HZ]) for start in windows.start_s]
    assert prediction.scores["arousal"] == pytest.approx(np.average(windows.columns["arousal"], weights=weights))


def test_scores_and_curve_are_one_pass(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    extract, score = Mock(wraps=predictor.bundle.extract), Mock(wraps=predictor.bundle.score_features)
    monkeypatch.setattr(predictor.bundle, "extract", extract)
    monkeypatch.setattr(predictor.bundle, "score_features", score)
    assert predictor.predict(noise(60.0), RATE_HZ).curve is not None
    assert [len(call.args[0]) for call in extract.call_args_list] == [8 * RATE_HZ] * 14
    assert sum(len(call.args[0]) for call in score.call_args_list) == 14


@pytest.mark.parametrize(("duration_s", "num_points", "end_s"), [(0.3, 1, 0.3), (1.0, 1, 0.992), (1.4, 22, 1.328)])
def test_chunks_that_coincide_are_one_point(
    predictor: Predictor, duration_s: float, num_points: int, end_s: float
) -> None:
    prediction = predictor.predict(noise(duration_s), RATE_HZ)
    assert prediction.curve is not None and len(prediction.curve.start_s) == num_points
    assert prediction.curve.end_s[-1] == pytest.approx(end_s)
    assert prediction.curve.columns["arousal"].mean() == pytest.approx(prediction.scores["arousal"])


@pytest.mark.parametrize("duration_s", [9.0, 30.0])
def test_silence_within_is_named_wherever_windows_lie(predictor: Predictor, duration_s: float) -> None:
    samples = noise(duration_s)
    samples[4 * RATE_HZ : 7 * RATE_HZ] = 0
    curve = predictor.predict(samples, RATE_HZ).curve
    assert curve is not None
    is_missing = np.isnan(curve.columns["arousal"])
    assert [error == "is silent" for error in curve.errors] == is_missing.tolist()
    within = (curve.start_s >= 4.3) & (curve.end_s <= 6.7)
    outside = (curve.end_s <= 4.3) | (curve.start_s >= 6.7)
    assert within.sum() >= 3 and is_missing[within].all() and not is_missing[outside].any()


def test_silence_alone_has_no_curve(predictor: Predictor) -> None:
    for duration_s in (2.0, 30.0):
        with pytest.raises(AudioError, match="is silent"):
            predictor.predict(np.zeros(round(duration_s * RATE_HZ), np.float32), RATE_HZ)


def test_memory_does_not_grow_with_duration(predictor: Predictor, tmp_path: Path) -> None:
    """Besides the curve, ten minutes cost no more than one."""
    peaks = []
    for minutes in (1, 10):
        soundfile.write(tmp_path / "a.wav", np.tile(noise(60.0), minutes), RATE_HZ)
        tracemalloc.start()
        predictor.predict(tmp_path / "a.wav")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
