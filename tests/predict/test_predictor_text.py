"""Prediction from audio, from text and from both, with small networks of both and MiniLM for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from voices import spoken

from emotone.audio.read import RATE_HZ, AudioError
from emotone.bundle.view.streams import Utterance
from emotone.errors import EmotoneError
from emotone.predict.prediction import Prediction
from emotone.predict.predictor import Predictor

MAX_STEPS = 20  # of the bundles
CHINESE = "你好吗"
WORDS = [("so", 0.1, 0.5), ("good", 0.6, 1.2), ("to", 1.3, 1.5), ("see", 3.4, 3.8), ("you", 4.5, 4.9)]
LONG = "so good to see you " * 10


@pytest.fixture(scope="module")
def predictor(both: Path) -> Predictor:
    return Predictor.load(str(both), threads=1)


def scores_of(predictor: Predictor, utterance: Utterance) -> dict[str, float]:
    """What the bundle itself makes of an utterance."""
    scores = predictor.bundle.score_features([utterance])
    return {name: float(values[0]) for name, values in (scores.attributes | scores.probabilities).items()}


def all_of(prediction: Prediction) -> dict[str, float]:
    return prediction.scores | prediction.probabilities


def test_audio_text_and_both(predictor: Predictor) -> None:
    samples, rate_hz = spoken(2.0), RATE_HZ
    speech, text = predictor.bundle.extract(samples), predictor.bundle.text_feature("so good to")
    for said, words in (("so good to", 3), (WORDS[:3], WORDS[:3])):
        prediction = predictor.predict(samples, rate_hz, transcript=said)
        assert prediction.inputs == "speech+text" and prediction.note == ""
        assert all_of(prediction) == pytest.approx(scores_of(predictor, Utterance(speech, text, words)), abs=1e-6)
    alone = predictor.predict(samples, rate_hz)
    assert alone.inputs == "speech" and all_of(alone) == pytest.approx(scores_of(predictor, Utterance(speech)))
    written = predictor.predict_text("so good to")
    assert (written.inputs, written.file, written.start_s, written.windows) == ("text", "text", None, None)
    assert all_of(written) == pytest.approx(scores_of(predictor, Utterance(None, text)), abs=1e-6)
    assert len({prediction.scores["arousal"] for prediction in (prediction, alone, written)}) == 3


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("", "its transcript has no words"),
        ([], "its transcript has no words"),
        (" \n", "its transcript has no words"),
        (
            CHINESE,
            f"feature minilm: sentence-transformers/all-MiniLM-L6-v2 knows no word of the transcript '{CHINESE}'",
        ),
        ([(CHINESE, 0.0, 0.5)], f"knows no word of the transcript '{CHINESE}'"),
    ],
)
def test_a_transcript_that_says_nothing_leaves_the_audio(
    predictor: Predictor, said: str | list[tuple[str, float, float]], note: str
) -> None:
    samples = spoken(2.0)
    prediction = predictor.predict(samples, RATE_HZ, transcript=said)
    assert prediction.inputs == "speech" and note in prediction.note
    assert all_of(prediction) == all_of(predictor.predict(samples, RATE_HZ))
    if isinstance(said, str):
        with pytest.raises(EmotoneError, match=note.replace("(", r"\(")):
            predictor.predict_text(said)


def test_silence_leaves_the_text(predictor: Predictor) -> None:
    silent = np.zeros(32_000, np.float32)
    prediction = predictor.predict(silent, RATE_HZ, transcript="so good")
    assert (prediction.inputs, prediction.note, prediction.error) == ("text", "is silent", "")
    assert all_of(prediction) == pytest.approx(all_of(predictor.predict_text("so good")))
    with pytest.raises(AudioError, match="is silent"):
        predictor.predict(silent, RATE_HZ, transcript="")


def test_what_is_too_long_is_cut_with_a_note(predictor: Predictor) -> None:
    prediction = predictor.predict_text(LONG)
    assert prediction.note == f"longer than the {MAX_STEPS} words or tokens that both takes, and cut"
    heard = predictor.predict(spoken(2.0), RATE_HZ, transcript=LONG)
    assert heard.inputs == "speech+text" and heard.note == prediction.note


def test_every_window_has_its_own_words(predictor: Predictor) -> None:
    samples = spoken(5.0)
    prediction = predictor.predict(samples, RATE_HZ, window_s=2.0, hop_s=2.0, transcript=WORDS[:4])
    assert prediction.window_inputs == ["speech+text", "speech+text", "speech"] and prediction.inputs == "speech+text"
    assert prediction.windows is not None
    for place, said in enumerate((WORDS[:3], [("see", 1.4, 1.8)], None)):
        window = samples[32_000 * place : 32_000 * (place + 1)]
        alone = predictor.predict(window, RATE_HZ, transcript=said)
        found = {name: column[place] for name, column in prediction.windows.columns.items()}
        assert found == pytest.approx(all_of(alone), abs=2e-6)
    rows = prediction.rows(predictor.columns, "windows", with_inputs=True)
    assert [row["inputs"] for row in rows] == prediction.window_inputs
    assert prediction.to_frame()["inputs"].tolist() == prediction.window_inputs


def test_text_without_times_needs_one_window(predictor: Predictor, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", spoken(34.2), RATE_HZ)
    for window_s, longest in ((None, 3), (12.0, 12)):
        prediction = predictor.try_predict(tmp_path / "x.wav", window_s, None, "so good")
        assert prediction.error == (
            f"is 34.2 s long, longer than the {longest} s that both scores at once, and its transcript has no times; "
            "use --transcript auto, or a table of words with times"
        )
    assert predictor.predict(spoken(5.0), RATE_HZ, window_s=5.0, transcript="so good").inputs == "speech+text"
    assert predictor.predict(tmp_path / "x.wav", transcript=" ").inputs == "speech"
    assert predictor.predict(tmp_path / "x.wav", transcript=WORDS).inputs == "speech+text"


def test_words_of_other_audio_are_an_error(predictor: Predictor) -> None:
    with pytest.raises(AudioError, match=r"array: its transcript: word 4, 'see' .* outside the audio \(0.00-2.00 s\)"):
        predictor.predict(spoken(2.0), RATE_HZ, transcript=WORDS)
    with pytest.raises(AudioError, match="overlaps the word before it"):
        predictor.predict(spoken(2.0), RATE_HZ, transcript=[("so", 0.0, 1.0), ("good", 0.2, 1.2)])


def test_a_bundle_of_text_alone(text_only: Path) -> None:
    predictor = Predictor.load(str(text_only), threads=1)
    prediction = predictor.predict(spoken(2.0), RATE_HZ, transcript="so good")
    assert prediction.inputs == "text" and prediction.note == ""
    assert all_of(prediction) == pytest.approx(all_of(predictor.predict_text("so good")))
    for said in (None, "", ()):
        with pytest.raises(AudioError, match="text scores what is said; it needs a transcript"):
            predictor.predict(spoken(2.0), RATE_HZ, transcript=said)
    with pytest.raises(AudioError, match="knows no word"):
        predictor.predict(spoken(2.0), RATE_HZ, transcript=CHINESE)


def test_a_bundle_of_audio_takes_no_transcripts(tiny_bundle: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(str(tiny_bundle), threads=1)
    assert predictor.predict(spoken(1.0), RATE_HZ).inputs == ""
    for predict in (
        lambda: predictor.predict_text("so"),
        lambda: predictor.predict(spoken(1.0), RATE_HZ, transcript="so"),
    ):
        with pytest.raises(EmotoneError, match="bundle tiny takes no transcripts; it scores audio"):
            predict()
    (tmp_path / "x.txt").write_text("so good")
    prediction = predictor.try_predict(tmp_path / "x.txt")
    assert (prediction.error, prediction.start_s) == ("is a transcript; bundle tiny scores audio", None)


def test_an_encoder_that_cannot_run_is_no_fault_of_a_file(
    both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lack(*_: object) -> None:
        raise EmotoneError("feature minilm needs the package transformers")

    monkeypatch.setattr("emotone.features.encoder._load", lack)
    (tmp_path / "x.txt").write_text("so good")
    with pytest.raises(EmotoneError, match="needs the package transformers") as caught:
        Predictor.load(str(both)).try_predict(tmp_path / "x.txt")
    assert not isinstance(caught.value, AudioError)


def test_a_word_at_the_very_end_counts(predictor: Predictor) -> None:
    samples = spoken(4.0)
    for word in (("good", 4.0, 4.0), ("good", 3.99, 4.05)):
        prediction = predictor.predict(samples, RATE_HZ, transcript=[("so", 0.1, 0.5), word])
        assert prediction.window_inputs == ["speech+text", "speech+text"]
        assert predictor.predict(samples, RATE_HZ, window_s=4.0, transcript=[word]).inputs == "speech+text"
