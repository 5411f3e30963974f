"""Utterances against truth: python results/utterances.py EMODB_WAV LIBRISPEECH [MODEL].

Twenty recordings of twelve utterances each, of EmoDB and LibriSpeech in turn, with pauses of 0.5 to 3 s, in pink noise
at 20 and 10 dB. An utterance is found where one that was cut overlaps it by half (of both together); the error of its
borders is measured against its first and last frame within 35 dB of its loudest. How well the emotion of what overlaps
it most agrees with EmoDB's label is compared with windows of 3 s every 1.5 s. Writes utterances.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.change.effects import add_noise, coloured_noise
from emotone.audio.folder import list_audio
from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.audio.utterances import UtteranceRules
from emotone.base.draws import Random, generator
from emotone.features.extractors.whisper_light import HOP_SAMPLES, find_active
from emotone.predict.prediction import Prediction
from emotone.predict.predictor import Predictor

RESULTS = Path(__file__).resolve().parent
NUM_RECORDINGS, NUM_UTTERANCES = 20, 12
PAUSE_S = (0.5, 3.0)
RATIOS_DB = (20, 10)
LABELS = dict(
    W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral"
)  # the sixth letter of EmoDB's names


class Planted(NamedTuple):
    """An utterance in a recording: where it is heard, in seconds, and its emotion; None of LibriSpeech's."""

    start_s: float
    end_s: float
    emotion: str | None


def plant(files: list[list[str]], random: Random) -> tuple[Samples, list[Planted]]:
    """A recording of utterances of two corpora in turn, without noise."""
    parts: list[Samples] = []
    planted, num = [], 0
    for place in range(NUM_UTTERANCES):
        corpus = files[place % 2]
        file = corpus[random.integers(len(corpus))]
        pause = np.zeros(round(random.uniform(*PAUSE_S) * RATE_HZ), np.float32)
        samples = load_audio(file)
        samples = samples * np.float32(0.05 / np.sqrt(np.mean(samples**2)))
        heard = np.flatnonzero(find_active(samples)[0])[[0, -1]] * HOP_SAMPLES
        num += len(pause)
        emotion = LABELS[Path(file).stem[5]] if place % 2 == 0 else None
        planted.append(Planted((num + heard[0]) / RATE_HZ, (num + heard[1] + HOP_SAMPLES) / RATE_HZ, emotion))
        parts += [pause, samples]
        num += len(samples)
    return np.concatenate([*parts, np.zeros(RATE_HZ, np.float32)]), planted


def overlaps(prediction: Prediction, one: Planted) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds that each piece of a prediction shares with an utterance, and its share of both together."""
    assert prediction.windows is not None
    start, end = prediction.windows.start_s, prediction.windows.end_s
    shared = np.clip(np.minimum(end, one.end_s) - np.maximum(start, one.start_s), 0, None)
    return shared, shared / (np.maximum(end, one.end_s) - np.minimum(start, one.start_s))


def emotion_at(prediction: Prediction, categories: list[str], place: int) -> str:
    """The most probable category of a piece."""
    assert prediction.windows is not None
    return max(categories, key=lambda name: np.nan_to_num(prediction.windows.columns[name][place]))


def measure(predictor: Predictor, files: list[list[str]], ratio_db: float) -> dict[str, float]:
    """Everything at one ratio of speech to noise."""
    found, borders, cut_right, window_right, lost, num_pieces = [], [], [], [], [], 0
    for number in range(NUM_RECORDINGS):
        random = generator(0, "utterances", number)
        samples, planted = plant(files, random)
        noisy = add_noise(samples, coloured_noise(len(samples), 1.0, random), ratio_db).astype(np.float32)
        cut = predictor.predict(noisy, RATE_HZ, parts=UtteranceRules())
        windows = predictor.predict(noisy, RATE_HZ, window_s=3.0, hop_s=1.5)
        assert cut.windows is not None
        num_pieces += len(cut.windows.start_s)
        for one in planted:
            shared, share = overlaps(cut, one)
            best = int(share.argmax())
            found.append(share[best] >= 0.5)
            lost.append(1 - min(1.0, float(shared.sum()) / (one.end_s - one.start_s)))
            if found[-1]:
                borders += [abs(cut.windows.start_s[best] - one.start_s), abs(cut.windows.end_s[best] - one.end_s)]
            if one.emotion is not None:
                cut_right.append(emotion_at(cut, predictor.categories, best) == one.emotion)
                most = int(overlaps(windows, one)[0].argmax())
                window_right.append(emotion_at(windows, predictor.categories, most) == one.emotion)
    return {
        "found_emodb": float(np.mean(found[::2])),
        "found_librispeech": float(np.mean(found[1::2])),
        "pieces": num_pieces / (NUM_RECORDINGS * NUM_UTTERANCES),
        "lost": float(np.mean(lost)),
        "border_s": float(np.median(borders)),
        "emotion_of_utterance": float(np.mean(cut_right)),
        "emotion_of_window": float(np.mean(window_right)),
    }


def main(emodb: str, librispeech: str, model: str = "default") -> None:
    """Measure, write the page."""
    files = [[str(Path(folder) / name) for name in list_audio(Path(folder))] for folder in (emodb, librispeech)]
    predictor = Predictor.load(model, threads=1)
    lines = [
        "# Utterances against truth\n",
        f"Made by `python results/utterances.py`; do not edit. {NUM_RECORDINGS} recordings of {NUM_UTTERANCES}",
        "utterances of EmoDB and LibriSpeech in turn, pauses of 0.5 to 3 s, pink noise. Found: an utterance that was",
        "cut overlaps it by half of both together; pieces: cut per utterance (LibriSpeech's, of up to 16 s, have",
        "pauses of their own, and 12 s is the longest); lost: share of its time in none; border: median error.",
        f"Emotions by `{model}` against EmoDB's labels: of the utterance that overlaps most, and the window (3 s, each",
        "1.5 s). The bundle was trained on EmoDB: only the difference between the two says something.\n",
        "| noise | found: EmoDB | LibriSpeech | pieces | lost | border | emotion: utterance | emotion: window of 3 s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for ratio_db in RATIOS_DB:
        one = measure(predictor, files, ratio_db)
        shares = [f"{one[name]:.1%}" for name in ("found_emodb", "found_librispeech")]
        numbers = [f"{one['pieces']:.2f}", f"{one['lost']:.1%}", f"{one['border_s']:.2f} s"]
        emotions = [f"{one[name]:.1%}" for name in ("emotion_of_utterance", "emotion_of_window")]
        lines.append(f"| {ratio_db} dB | {' | '.join([*shares, *numbers, *emotions])} |")
    (RESULTS / "utterances.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
