"""Windows: where recordings are cut, what each window is scored by, and how many are scored at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.audio.level import active_duration_s
from emotone.audio.read import RATE_HZ, Samples
from emotone.base.onnx_session import NetworkError, OnnxSession
from emotone.bundle.bundle import Bundle
from emotone.bundle.view.streams import Utterance
from emotone.errors import EmotoneError
from emotone.predict.windows import check_window, chunks_of, cut_windows, score_text, score_windows, takes_speech

WORDS = [("so", 0.1, 0.5), ("good", 0.6, 1.2), ("to", 1.3, 1.5), ("see", 3.4, 3.8), ("you", 4.5, 4.9)]
CHINESE = "你好吗"


def noise(duration_s: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.1, round(duration_s * RATE_HZ)).astype(np.float32)


def split(samples: Samples, sizes: list[int]) -> list[Samples]:
    """The samples in blocks of these sizes, cyclically."""
    blocks, start, turn = [], 0, 0
    while start < len(samples):
        blocks.append(samples[start : start + sizes[turn % len(sizes)]])
        start, turn = start + len(blocks[-1]), turn + 1
    return blocks


@settings(max_examples=100)
@given(
    num_samples=st.integers(1, 3_000),
    window=st.integers(10, 900),
    hop_share=st.floats(0.05, 1.0),
    limit=st.integers(0, 2_000),
    sizes=st.lists(st.integers(1, 1_200), min_size=1, max_size=5),
)
def test_windows_cover_everything_whatever_the_blocks(
    num_samples: int, window: int, hop_share: float, limit: int, sizes: list[int]
) -> None:
    samples = np.arange(num_samples, dtype=np.float32)
    hop = max(1, int(window * hop_share))
    window_s, hop_s, limit_s = window / RATE_HZ, hop / RATE_HZ, limit / RATE_HZ
    windows = list(cut_windows(split(samples, sizes), window_s, hop_s, limit_s))
    for start, part in windows:
        np.testing.assert_array_equal(part, samples[start : start + len(part)])
    starts, ends = [start for start, _ in windows], [start + len(part) for start, part in windows]
    if num_samples <= max(limit, window):
        assert len(windows) == 1
        assert (starts[0], ends[0]) == (0, num_samples)
        return
    assert starts == [number * hop for number in range(len(windows))]
    assert all(len(part) == window for _, part in windows[:-1])
    assert 0 < len(windows[-1][1]) <= window and ends[-1] == num_samples
    assert all(start <= end for start, end in zip(starts[1:], ends, strict=False))  # no gap


@pytest.mark.parametrize(
    ("window_s", "hop_s", "words"),
    [
        (0.0, None, "window must be from 0.1 to 600 seconds, not 0"),
        (-1.0, None, "window must be"),
        (601.0, None, "window must be"),
        (math.nan, None, "window must be"),
        (3.0, 3.1, r"hop must be from 0.05 seconds to the window \(3\), not 3.1"),
        (3.0, 0.0, "hop must be"),
        (None, 9.0, r"to the window \(8\), not 9"),
        (None, math.nan, "hop must be"),
    ],
)
def test_impossible_windows(window_s: float | None, hop_s: float | None, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        check_window(window_s, hop_s)


@pytest.mark.parametrize(("window_s", "hop_s"), [(None, None), (0.1, 0.05), (600.0, 600.0), (3.0, 3.0), (None, 8.0)])
def test_possible_windows(window_s: float | None, hop_s: float | None) -> None:
    check_window(window_s, hop_s)


# ---- scoring ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path) -> Bundle:
    return Bundle.load(str(tiny_bundle), threads=1)


@pytest.fixture(scope="module")
def speech_and_text(both: Path) -> Bundle:
    return Bundle.load(str(both), threads=1)


def test_a_window_has_the_scores_of_its_samples(tiny: Bundle) -> None:
    samples = noise(7.0)
    windows = list(score_windows(tiny, cut_windows([samples], 3.0, 2.0, 0.0)))
    assert [(window.start_s, window.end_s) for window in windows] == [(0.0, 3.0), (2.0, 5.0), (4.0, 7.0)]
    for window in windows:
        part = samples[round(window.start_s * RATE_HZ) : round(window.end_s * RATE_HZ)]
        scores = tiny.score_samples([part])
        expected = {name: values[0] for name, values in (scores.attributes | scores.probabilities).items()}
        assert window.values == pytest.approx(expected, abs=1e-6) and window.sound_s == active_duration_s(part)
        assert (window.error, window.note, window.inputs, window.chunks) == ("", "", "", None)


@pytest.mark.parametrize(("window_s", "sizes"), [(8.0, [8, 8, 4]), (20.0, [4, 4]), (5.0, [13, 13, 6]), (100.0, [1, 1])])
def test_about_a_minute_is_scored_at_once(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch, window_s: float, sizes: list[int]
) -> None:
    score = Mock(wraps=tiny.score_features)
    monkeypatch.setattr(tiny, "score_features", score)
    windows = list(score_windows(tiny, cut_windows([noise(160.0)], window_s, window_s, 0.0)))
    assert [len(call.args[0]) for call in score.call_args_list] == sizes and len(windows) == sum(sizes)
    assert all(window.utterance == Utterance(None) and window.places is None for window in windows)


def test_a_window_that_cannot_be_scored_keeps_its_place(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = noise(6.0)
    samples[: 2 * RATE_HZ] = 0
    extract = tiny.extract

    def refuse_the_last(samples: Samples) -> Any:
        if len(samples) < 2 * RATE_HZ:
            raise EmotoneError("no pitch")
        return extract(samples)

    monkeypatch.setattr(tiny, "extract", refuse_the_last)
    first, middle, last = score_windows(tiny, cut_windows([samples[:-1]], 2.0, 2.0, 0.0))
    assert (first.error, first.sound_s, first.values) == ("is silent", 0.0, {})
    assert middle.error == "" and middle.values.keys() > {"arousal", "fear"}
    assert last.error == "no pitch" and last.sound_s > 0 and last.values == {}


def test_a_network_that_fails_on_one_window_scores_the_others(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    run = OnnxSession.run

    def fail_on_short(session: OnnxSession, names: Any, feeds: Any) -> Any:
        if feeds["features"].shape[1] < 100:
            raise NetworkError("it fails")
        return run(session, names, feeds)

    windows = [*score_windows(tiny, cut_windows([noise(5.0)], 2.0, 2.0, 0.0))]
    monkeypatch.setattr(OnnxSession, "run", fail_on_short)
    first, middle, last = score_windows(tiny, cut_windows([noise(5.0)], 2.0, 2.0, 0.0))
    assert first.values == pytest.approx(windows[0].values, abs=1e-5)
    assert middle.values == pytest.approx(windows[1].values, abs=1e-5)
    assert (last.error, last.values) == ("it fails", {}) and not first.error + middle.error


def test_every_window_has_its_chunks(loudness: Path) -> None:
    bundle = Bundle.load(str(loudness), threads=1)
    samples = noise(12.0)
    first, second = score_windows(bundle, cut_windows([samples], 8.0, 4.0, 0.0))
    assert first.chunks is not None and second.chunks is not None
    assert first.chunks.start_s[0] == 0.0 and second.chunks.start_s[0] == 4.0 and second.chunks.end_s[-1] <= 12.0
    scores = bundle.score_samples([samples[4 * RATE_HZ :]])
    np.testing.assert_allclose(second.chunks.columns["arousal"], scores.curves["arousal"][0], atol=1e-6)


def test_every_window_has_the_words_in_it(speech_and_text: Bundle) -> None:
    samples = noise(5.0)
    windows = list(score_windows(speech_and_text, cut_windows([samples], 2.0, 2.0, 0.0), WORDS))
    assert [window.inputs for window in windows] == ["speech+text"] * 3
    said = (WORDS[:3], [("see", 1.4, 1.8)], [("you", 0.5, 0.9)])
    for place, (window, words) in enumerate(zip(windows, said, strict=True)):
        speech = speech_and_text.extract(samples[2 * RATE_HZ * place :][: 2 * RATE_HZ])
        text = speech_and_text.text_feature(" ".join(word for word, *_ in words))
        scores = speech_and_text.score_features([Utterance(speech, text, words)])
        assert window.values["arousal"] == pytest.approx(scores.attributes["arousal"][0], abs=1e-6)


def test_silence_is_scored_by_what_is_said(speech_and_text: Bundle) -> None:
    [window] = score_windows(speech_and_text, [(0, np.zeros(2 * RATE_HZ, np.float32))], "so good")
    assert (window.inputs, window.note, window.error, window.sound_s) == ("text", "is silent", "", 2.0)
    assert window.values == pytest.approx(score_text(speech_and_text, "so good").values)


@pytest.mark.parametrize(
    ("text", "words"), [("", "has no words"), (" \n", "has no words"), ("你好吗", "knows no word")]
)
def test_text_that_says_nothing(speech_and_text: Bundle, text: str, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        score_text(speech_and_text, text)


def test_what_bundles_are_scored_by(tiny: Bundle, speech_and_text: Bundle, text_only: Path, loudness: Path) -> None:
    bundles = [tiny, speech_and_text, Bundle.load(str(text_only)), Bundle.load(str(loudness))]
    assert [takes_speech(bundle) for bundle in bundles] == [True, True, False, True]
    assert [chunks_of(bundle) for bundle in bundles[:3]] == [None] * 3
    assert chunks_of(bundles[3]) == (bundles[3].view, 0.016)


def test_curves_need_frames_with_times(loudness: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle.load(str(loudness))
    monkeypatch.setattr(type(bundle.feature), "hop_s", None)
    with pytest.raises(EmotoneError, match="bundle loudness has curves, but a feature without frames"):
        chunks_of(bundle)
