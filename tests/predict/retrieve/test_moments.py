"""Retrieval: planted moments are found, and the ranking is that of a plain search through all windows."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.audio.speech import SpeechTrack
from emotone.base.onnx_session import NetworkError, OnnxSession
from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor
from emotone.predict.retrieve import moments as retrieve
from emotone.predict.retrieve.findings import Findings, Moment, Recording, Search
from emotone.predict.retrieve.moments import find_moments, pick, search_recording, stand_out


@dataclass
class Planted:
    """A recording of read speech with angry utterances and noise at known places, in seconds."""

    file: str
    angry: list[tuple[float, float]]
    noise: list[tuple[float, float]]


@pytest.fixture(scope="module")
def planted(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    data = shared / "data"
    read = sorted((data / "librispeech" / "test-other").glob("*/*.flac"))[:10]
    angry = sorted((data / "ravdess" / "Actor_02").glob("03-01-05-02-*.flac"))
    calm = sorted((data / "ravdess" / "Actor_02").glob("03-01-02-01-*.flac"))
    noise = sorted((data / "esc10" / "002_rain").glob("*.flac"))
    assert len(angry) == len(calm) == 4
    files = {kind: iter(found) for kind, found in (("read", read), ("angry", angry), ("calm", calm), ("noise", noise))}
    order = "read angry read calm noise read angry read calm read noise angry read"
    places: dict[str, list[tuple[float, float]]] = {"read": [], "angry": [], "calm": [], "noise": []}
    parts: list[Samples] = []
    position = 0
    for kind in order.split():
        samples = load_audio(next(files[kind]))
        parts.append(0.05 * samples / np.sqrt(np.mean(samples**2)))  # so that loudness tells nothing
        places[kind].append((position / RATE_HZ, (position + len(samples)) / RATE_HZ))
        position += len(samples)
    path = tmp_path_factory.mktemp("planted") / "planted.wav"
    soundfile.write(path, np.clip(np.concatenate(parts), -1, 1), RATE_HZ)
    return Planted(str(path), places["angry"], places["noise"])


@pytest.fixture(scope="module")
def default() -> Predictor:
    return Predictor.load("default", threads=1)


def noise(duration_s: float) -> Samples:
    return np.random.default_rng(0).normal(0, 0.05, round(duration_s * RATE_HZ)).astype(np.float32)


def overlap_s(moment: Moment, places: list[tuple[float, float]]) -> float:
    return max(min(moment.end_s, end) - max(moment.start_s, start) for start, end in places)


def plain_search(files: list[str], predictor: Predictor, search: Search) -> list[tuple[float, str, float]]:
    """Every window of `Predictor.predict`, in order of its score; taken unless too close to one that was."""
    windows = []
    for file in files:
        samples = load_audio(file)
        heard = SpeechTrack()
        assert list(heard.listen([samples]))
        curve = predictor.predict(file, window_s=search.length_s, hop_s=search.step_s).curve
        assert curve is not None
        for start, end, score in zip(curve.start_s, curve.end_s, curve.columns[search.attribute], strict=True):
            if heard.share(round(start * RATE_HZ), round(end * RATE_HZ)) >= search.min_speech:
                windows.append((float(score), file, float(start), float(end)))
    taken: list[tuple[float, str, float, float]] = []
    for window in sorted(windows, key=lambda window: window[0] if search.lowest else -window[0]):
        _, file, start, end = window
        if all(
            file != other or start >= other_end + search.min_gap_s or end <= other_start - search.min_gap_s
            for _, other, other_start, other_end in taken
        ):
            taken.append(window)
    return [window[:3] for window in taken[: search.num]]


def found_of(findings: Findings) -> list[tuple[float, str, float]]:
    return [(moment.score, moment.file, moment.start_s) for moment in findings.moments]


def same(found: list[tuple[float, str, float]], expected: list[tuple[float, str, float]]) -> bool:
    scores = np.allclose([row[0] for row in found], [row[0] for row in expected], atol=1e-5)
    return scores and [row[1:] for row in found] == [row[1:] for row in expected]


# ---- what is found ----------------------------------------------------------------------------------------------


def test_planted_anger_is_most_aroused(planted: Planted) -> None:
    findings = find_moments(planted.file, Search("arousal", 3, min_gap_s=2.0))
    assert [moment.rank for moment in findings.moments] == [1, 2, 3] and not findings.failed and not findings.notes
    middles = [(moment.start_s + moment.end_s) / 2 for moment in findings.moments]
    errors = [min(abs(middle - (start + end) / 2) for middle in middles) for start, end in planted.angry]
    assert max(errors) < 1.0
    assert all(moment.confidence > 3 and moment.speech > 0.4 for moment in findings.moments)
    [recording] = findings.recordings.values()
    assert recording.moments == findings.moments and 0.5 < recording.speech_s / recording.duration_s < 0.8


def test_lowest_is_the_other_end(planted: Planted) -> None:
    moments = find_moments(planted.file, Search("arousal", 5, lowest=True)).moments
    scores = [moment.score for moment in moments]
    assert scores == sorted(scores) and max(overlap_s(moment, planted.angry) for moment in moments) < 0.5
    assert all(moment.confidence > 0.5 for moment in moments)


def test_noise_is_kept_out_unless_asked_for(planted: Planted) -> None:
    heard = find_moments(planted.file, Search("arousal", 1000, hop_s=0.5, min_speech=0.5)).moments
    assert max(overlap_s(moment, planted.noise) for moment in heard) <= 1.7
    [recording] = find_moments(planted.file, Search("arousal", 1, min_speech=0.0)).recordings.values()
    assert not np.isnan(recording.outline[2:-2]).any()
    [recording] = find_moments(planted.file, Search("arousal", 1)).recordings.values()
    for start, end in planted.noise:
        place = int((start + end) / 2 / recording.duration_s * len(recording.outline))
        assert np.isnan(recording.outline[place])


@pytest.mark.parametrize("attribute", ["arousal", "anger", "valence"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"lowest": True, "num": 7}, {"min_gap_s": 4.0, "num": 50}, {"length_s": 2.0, "hop_s": 0.5, "min_speech": 0.7}],
)
def test_ranking_is_that_of_a_plain_search(
    planted: Planted, shared: Path, default: Predictor, attribute: str, settings: dict[str, Any]
) -> None:
    files = [planted.file, *map(str, sorted((shared / "data" / "emodb" / "wav").glob("*.wav"))[:12])]
    search = Search(attribute, **settings)
    findings = find_moments(files, search)
    assert same(found_of(findings), plain_search(files, default, search)) and len(findings.moments) > 5
    assert set(findings.recordings) == {moment.file for moment in findings.moments}


def test_processes_change_nothing(planted: Planted, shared: Path) -> None:
    files = [planted.file, "missing.wav", *map(str, sorted((shared / "data" / "emodb" / "wav").glob("*.wav"))[:3])]
    alone, together = (find_moments(files, Search("valence", 6), jobs=jobs) for jobs in (1, 2))
    assert found_of(alone) == found_of(together) and alone.failed[0].error == together.failed[0].error


def test_cutting_a_recording_up_changes_little(planted: Planted, tmp_path: Path) -> None:
    """The best moments of an archive are those of its recordings together."""
    samples = load_audio(planted.file)
    middle = round((planted.angry[1][1] + 2) * RATE_HZ)
    for name, part in (("a.wav", samples[:middle]), ("b.wav", samples[middle:])):
        soundfile.write(tmp_path / name, part, RATE_HZ)
    moments = find_moments([tmp_path / "a.wav", tmp_path / "b.wav"], Search("arousal", 3, min_gap_s=2.0)).moments
    assert sorted(Path(moment.file).name for moment in moments) == ["a.wav", "a.wav", "b.wav"]


def test_files_of_other_rates_and_types(planted: Planted, tmp_path: Path) -> None:
    import soxr

    samples = load_audio(planted.file)
    both = np.stack([soxr.resample(samples, RATE_HZ, 44_100)] * 2, axis=1)
    soundfile.write(tmp_path / "a.flac", both, 44_100)
    moments = find_moments(tmp_path / "a.flac", Search("arousal", 3, min_gap_s=2.0)).moments
    assert min(overlap_s(moment, planted.angry) for moment in moments) > 2


# ---- choosing and confidence ------------------------------------------------------------------------------------

WINDOWS = st.integers(1, 40).flatmap(
    lambda size: st.tuples(
        st.lists(st.integers(0, 6), min_size=size, max_size=size), st.integers(1, 5), st.integers(1, 9)
    )
)


@given(WINDOWS, st.integers(1, 10), st.integers(0, 12))
def test_pick_is_greedy(windows: tuple[list[int], int, int], num: int, min_gap: int) -> None:
    strengths, hop, length = windows
    start = np.arange(len(strengths)) * hop
    stop = start + length
    taken: list[int] = []
    for place in sorted(range(len(strengths)), key=lambda place: (-strengths[place], place)):
        if len(taken) < num and all(
            start[place] - stop[other] >= min_gap or start[other] - stop[place] >= min_gap for other in taken
        ):
            taken.append(place)
    assert pick(start, stop, np.array(strengths, float), num, min_gap) == taken


def test_confidence_is_a_robust_z_score() -> None:
    scores = np.random.default_rng(1).normal(4, 1, 101)
    expected = (scores - np.median(scores)) / median_abs_deviation(scores, scale="normal")
    np.testing.assert_allclose(stand_out(scores), expected, rtol=1e-4)
    moved = stand_out(np.where(scores > 5.5, 1e6, scores))
    np.testing.assert_allclose(moved[scores <= 5.5], expected[scores <= 5.5], rtol=1e-4)  # outliers do not matter
    assert np.isnan(stand_out(scores[:9])).all() and np.isnan(stand_out(np.full(50, 3.0))).all()


def test_equal_scores_stay_in_order() -> None:
    ranking = retrieve.Ranking(3, lowest=True)
    for place, file in ((1, "b"), (0, "a"), (2, "c")):  # in whatever order they come
        moments = [Moment(file, start, start + 1, 2.0, 0.0, 1.0) for start in (5.0, 1.0)]
        ranking.add(Recording(file, moments=moments), place)
    moments, recordings = ranking.result()
    assert [(moment.file, moment.start_s, moment.rank) for moment in moments] == [("a", 5, 1), ("a", 1, 2), ("b", 5, 3)]
    assert list(recordings) == ["a", "b"] and len(recordings["b"].moments) == 1


def test_memory_does_not_grow_with_the_recording(planted: Planted, tiny_bundle: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(str(tiny_bundle), threads=1)
    samples = load_audio(planted.file)
    peaks = []
    for name, times in (("warm.wav", 1), ("short.wav", 1), ("long.wav", 4)):
        with soundfile.SoundFile(tmp_path / name, "w", RATE_HZ, 1) as file:
            for _ in range(times):
                file.write(samples)
        tracemalloc.start()
        recording = search_recording(str(tmp_path / name), Search("arousal", 5), predictor)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert recording.num_windows > 40 * times
    assert peaks[2] < 1.1 * peaks[1] < 16e6


# ---- bad input --------------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Samples], str]:
    def write_wav(name: str, samples: Samples) -> str:
        soundfile.write(tmp_path / name, samples, RATE_HZ)
        return str(tmp_path / name)

    return write_wav


def test_recordings_without_moments_are_noted(planted: Planted, write: Callable[[str, Samples], str]) -> None:
    speech = load_audio(planted.file, *planted.angry[0])
    files = {
        write("noise.wav", noise(5)): "holds no speech (5.0 s)",
        write("silence.wav", np.zeros(32_000, np.float32)): "holds no speech (2.0 s)",
        write("little.wav", np.concatenate([noise(10), speech[16_000:32_000], noise(10)])): "holds too little speech (",
        write("short.wav", speech[16_000:16_640]): "is shorter (0.04 s) than default sees at once (0.05 s)",
    }
    for file, words in files.items():
        findings = find_moments(file, Search("arousal"))
        assert not findings.moments and not findings.failed
        [line] = findings.notes
        assert line.startswith(f"{file} {words}")
    together = find_moments([*files, planted.file], Search("arousal", 3))
    assert len(together.moments) == 3
    assert together.notes == [f"4 of 5 recordings: e.g. {next(iter(files))} holds no speech (5.0 s)"]


def test_a_recording_shorter_than_the_length_is_one_moment(planted: Planted, write: Callable[..., str]) -> None:
    file = write("a.wav", load_audio(planted.file, planted.angry[0][0] + 1, planted.angry[0][0] + 2.5))
    findings = find_moments(file, Search("arousal"))
    [moment] = findings.moments
    assert (moment.start_s, moment.end_s) == (0.0, 1.5) and np.isnan(moment.confidence)
    assert findings.notes == ["1 of the 10 moments asked for: there are no more"]


def test_bad_files_do_not_stop_the_rest(planted: Planted, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    whole = Path(planted.file).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    files = [tmp_path / "text.wav", tmp_path / "cut.wav", tmp_path / "missing.wav", planted.file]
    findings = find_moments(files, Search("arousal", 3))
    assert len(findings.moments) == 3 and findings.num_recordings == 4
    for recording, words in zip(findings.failed, ("not audio", "truncated", "does not exist"), strict=True):
        assert words in recording.error


def test_a_file_counts_once(planted: Planted) -> None:
    assert find_moments([planted.file, planted.file], Search("arousal", 3)).num_recordings == 1


def test_windows_that_cannot_be_scored_are_counted(
    planted: Planted, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(str(tiny_bundle))
    extract, calls = predictor.bundle.extract, itertools.count()

    def fail_at(failing: Callable[[int], bool]) -> None:
        def extract_or_fail(samples: Samples) -> Any:
            if failing(next(calls)):
                raise EmotoneError("no pitch")
            return extract(samples)

        monkeypatch.setattr(predictor.bundle, "extract", extract_or_fail)

    fail_at(lambda call: call % 10 == 0)
    recording = search_recording(planted.file, Search("arousal", 3), predictor)
    assert recording.note.endswith("windows cannot be scored (no pitch)") and len(recording.moments) == 3
    fail_at(lambda call: True)
    recording = search_recording(planted.file, Search("arousal", 3), predictor)
    assert "cannot be scored (no pitch)" in recording.error and not recording.moments
    monkeypatch.undo()

    def fail(*_: object) -> None:
        raise NetworkError("it fails")

    monkeypatch.setattr(OnnxSession, "run", fail)
    monkeypatch.setattr("emotone.audio.speech.SpeechTrack.share", lambda *_: 1.0)
    monkeypatch.setattr("emotone.audio.speech.SpeechTrack.add", lambda *_: None)
    recording = search_recording(planted.file, Search("arousal", 3), predictor)
    assert "cannot be scored (it fails)" in recording.error and not recording.moments
