"""The speech head of whisper-light and what it hears: python results/speech_head.py EMODB LIBRISPEECH ESC10 [SET ...].

Frames of speech (EmoDB, LibriSpeech; where Silero's detector hears speech in the clean recording), clean and mixed with
sounds at -3 to 35 dB, against the frames between them, sounds (ESC-10), coloured noise and tones; a logistic regression
on the states of block 1. Writes `src/emotone/features/whisper_light/speech.npy`, whose SHA-256 belongs into
`emotone.features.light_encoder`, and speech.md: each kind of sound heard by a head that was trained without it, and the
speech of each SET (a folder), which no head was trained on, clean and degraded, beside Silero's detector.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from emotone.audio.change import effects
from emotone.audio.change.noise import mix
from emotone.audio.folder import list_audio
from emotone.audio.level import is_silent
from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.audio.speech import SpeechTrack
from emotone.base.draws import Random, generator
from emotone.features.extractors.whisper_light import find_active
from emotone.features.light_encoder import FOLDER, HOP_SAMPLES, encode, hear_speech
from emotone.predict.windows import STEP_S, lacks_speech

RESULTS = Path(__file__).resolve().parent
LONGEST = 6 * RATE_HZ
NUM_SOUNDS, NUM_MIXED, EVERY = 2_600, 2, 5
"""Sounds without speech; mixtures of each utterance; of the frames one in five is learned from."""
C = 1e-3
"""Of the logistic regression, fixed beforehand; frames of a file are alike."""
HEADER = "| class | n | none: head | none: Silero | share of speech (head) |\n|---|---|---|---|---|"
Array = NDArray[np.float32]


class Frames(NamedTuple):
    """Frames of one input: states of block 1 [T, 512], whether they are speech [T], what kind of sound is in it."""

    states: Array
    is_speech: NDArray[np.bool_]
    kind: str


def listen(samples: Samples) -> NDArray[np.bool_]:
    """What Silero's detector says of each 20 ms."""
    track = SpeechTrack()
    for _ in track.listen([samples]):
        pass
    return track.steps(0, len(samples))


def frames(samples: Samples, is_speech: NDArray[np.bool_], kind: str, random: Random) -> Frames:
    """One in five of the active frames, encoded as the feature does it; others are never asked about."""
    states, is_active, heard = encoded(samples)
    chosen = np.flatnonzero(is_active)[random.integers(EVERY) :: EVERY]
    return Frames(states[chosen], is_speech[heard][chosen], kind)


def encoded(samples: Samples) -> tuple[Array, NDArray[np.bool_], slice]:
    """States of block 1 between the first and the last active frame, which of them are active, and where they lie."""
    is_active, gain = find_active(samples)
    first, last = np.flatnonzero(is_active)[[0, -1]]
    part = samples[first * HOP_SAMPLES : (last + 1) * HOP_SAMPLES]
    states = np.concatenate([window[1] for window in encode(part, 1, gain)])
    return states, is_active[first : last + 1], slice(first, last + 1)


def tone(num: int, random: Random) -> Samples:
    """One of eight: sine, struck strings, engine or howl, sweep, square, clicks, beeps, pulsing noise."""
    t = np.arange(num) / RATE_HZ

    def hz(low: float, high: float) -> float:
        return float(np.exp(random.uniform(np.log(low), np.log(high))))

    def harmonics(phase: Array, count: int) -> Array:
        return np.sum([np.sin(h * phase) / h ** random.uniform(0.3, 2) for h in range(1, count + 1)], axis=0)

    def wobbling() -> Array:
        """The phase of a pitch that glides and wobbles."""
        pitch = hz(30, 900) * np.array([1, hz(0.7, 1.4), hz(0.7, 1.4), hz(0.7, 1.4)])
        glide = np.interp(t, np.linspace(0, num / RATE_HZ, 4), np.log(pitch))
        return 2 * np.pi * np.cumsum(np.exp(glide + 0.02 * np.sin(2 * np.pi * hz(2, 12) * t))) / RATE_HZ

    def clicks() -> Array:
        rings = random.uniform(0.3, 0.95)
        return signal.lfilter([1], [1, -rings], random.random(num) < random.uniform(1, 20) / RATE_HZ)

    struck = np.exp(-(t % random.uniform(0.15, 0.8)) * random.uniform(0.5, 8))
    families: list[Callable[[], Array]] = [
        lambda: np.sin(2 * np.pi * hz(60, 6000) * t),
        lambda: struck * (harmonics(2 * np.pi * hz(80, 900) * t, 5) + harmonics(2 * np.pi * hz(80, 900) * t, 5)),
        lambda: harmonics(wobbling(), 25),
        lambda: signal.chirp(t, hz(60, 6000), t[-1], hz(60, 6000)),
        lambda: signal.square(2 * np.pi * hz(50, 2000) * t),
        clicks,
        lambda: (t % 0.4 < 0.25) * (np.sin(2 * np.pi * hz(300, 1600) * t) + np.sin(2 * np.pi * hz(300, 1600) * t)),
        lambda: np.abs(np.sin(np.pi * hz(0.3, 12) * t)) ** hz(1, 8) * effects.coloured_noise(num, hz(0.5, 2), random),
    ]
    return families[random.integers(len(families))]().astype(np.float32)


def sound(num: int, recordings: dict[str, list[Samples]], random: Random) -> tuple[Samples, str]:
    """Up to `num` samples without speech, and their kind: a recording's class (of three in five), noise, tone."""
    if random.random() < 0.6:
        kind = str(random.choice(sorted(recordings)))
        recording = recordings[kind][random.integers(len(recordings[kind]))]
        heard = np.flatnonzero(np.abs(recording) > 1e-4)
        recording = recording[heard[0] : heard[-1] + 1]
        start = random.integers(max(1, len(recording) - num))
        return recording[start : start + num], kind
    if random.random() < 0.5:
        return effects.coloured_noise(num, float(random.uniform(0, 2)), random).astype(np.float32), "coloured noise"
    return tone(num, random), "tone"


def channel(samples: Samples, random: Random) -> Samples:
    """Samples [N] through a random room, equaliser, level and band, which move nothing in time: [N]."""
    samples = effects.normalise_peak(samples, 0.5)
    if random.random() < 0.5:
        samples = effects.equalise(samples, random.uniform(-9, 9, 6))
    if random.random() < 0.3:
        samples = effects.reverberate(samples, float(random.uniform(0.1, 0.6)), float(random.uniform(0, 12)), random)
    samples = np.clip(effects.normalise_peak(samples, 10 ** (random.uniform(-25, 0) / 20)), -1, 1).astype(np.float32)
    if random.random() < 0.3:
        band = float(random.uniform(50, 250)), float(random.uniform(2500, 7600))
        samples = effects.band_limit(samples, *band, int(random.integers(2, 7)))
    return (effects.telephone(samples) if random.random() < 0.1 else samples).astype(np.float32)


def training(utterances: list[Samples], recordings: dict[str, list[Samples]]) -> Iterator[Frames]:
    """Everything that is learned from."""
    random = generator(0, "speech head")
    for samples in utterances:
        is_speech = listen(samples) & find_active(samples)[0]
        yield frames(samples, is_speech, "speech", random)
        for _ in range(NUM_MIXED):
            first = int(random.integers(max(1, len(is_speech) - 25)))
            num = int(random.uniform(25, LONGEST / HOP_SAMPLES))
            part = samples[first * HOP_SAMPLES : (first + num) * HOP_SAMPLES]
            noise, kind = sound(len(part), recordings, random)
            if is_silent(part) or not noise.any():
                continue
            mixed = channel(mix(part, noise, float(random.uniform(-3, 35)), random), random)
            yield frames(mixed, is_speech[first : first + num], f"speech in {kind}", random)
    for _ in range(NUM_SOUNDS):
        noise, kind = sound(int(random.uniform(0.3, 5) * RATE_HZ), recordings, random)
        if len(noise) > RATE_HZ / 10 and not is_silent(noise):
            noise = channel(noise, random)
            yield frames(noise, np.zeros(-(-len(noise) // HOP_SAMPLES), bool), kind, random)


def fit(learned: list[Frames]) -> Array:
    """Weights and bias [513] of the logistic regression, for states as they come."""
    from sklearn.linear_model import LogisticRegression

    states, is_speech = (np.concatenate(column) for column in list(zip(*learned, strict=True))[:2])
    mean, deviation = states.mean(axis=0), states.std(axis=0)
    model = LogisticRegression(C=C, max_iter=300, class_weight="balanced").fit((states - mean) / deviation, is_speech)
    weight = model.coef_[0] / deviation
    return np.append(weight, model.intercept_[0] - weight @ mean).astype(np.float32)


def hears_none(samples: Samples, head: Array) -> tuple[bool, bool, float]:
    """Whether head and Silero hear no speech in samples [N], and the head's share of speech."""
    states, is_active, _ = encoded(samples)
    duration_s = len(samples) / RATE_HZ
    ours, theirs = (int(heard.sum()) * STEP_S for heard in (hear_speech(states, head) & is_active, listen(samples)))
    return lacks_speech(ours, duration_s), lacks_speech(theirs, duration_s), ours / duration_s


def degraded(samples: Samples, noises: list[Samples], random: Random) -> Iterator[tuple[str, Samples]]:
    """The conditions in which speech is heard."""
    yield "clean", samples
    noise = noises[random.integers(len(noises))]
    for snr_db in (10, 0):
        yield f"a sound at {snr_db} dB", mix(samples, noise, snr_db, random).astype(np.float32)
    yield "telephone", effects.telephone(samples).astype(np.float32)
    yield "its middle second", samples[max(0, len(samples) - RATE_HZ) // 2 :][:RATE_HZ]


def row(name: str, found: list[tuple[bool, bool, float]]) -> str:
    """A line of the page."""
    ours, theirs, share = np.mean(np.array(found, float), axis=0)
    return f"| {name} | {len(found)} | {ours:.0%} | {theirs:.0%} | {share:.2f} |"


def main() -> None:
    """Train, write the head, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("speech", nargs=2, type=Path, help="folders of EmoDB and LibriSpeech")
    parser.add_argument("esc10", type=Path)
    parser.add_argument("sets", nargs="*", type=Path, help="folders of speech that is only listened to")
    arguments = parser.parse_args()
    utterances = [load_audio(file)[:LONGEST] for folder in arguments.speech for file in files(folder)]
    recordings = {
        folder.name[4:].replace("_", " "): [load_audio(file) for file in files(folder)]
        for folder in sorted(arguments.esc10.iterdir())
    }
    learned = list(training(utterances, recordings))
    head = fit(learned)
    np.save(FOLDER / "speech.npy", head)
    page = [
        "# Where somebody speaks\n",
        "Made by `python results/speech_head.py`; do not edit. Share of inputs in which no speech is heard: by the",
        "head on the encoder's states, and by Silero's detector under the same rule (less than 0.2 s). The head has",
        "learned from EmoDB and LibriSpeech, from ESC-10's sounds, noise and tones.\n",
        "Sounds (to be 100%), each by a head that was trained without this class, alone or under speech:\n",
        HEADER,
    ]
    for kind, sounds in recordings.items():
        without = fit([one for one in learned if not one.kind.endswith(kind)])
        page.append(row(kind, [hears_none(samples, without) for samples in sounds]))
    page += ["\nSpeech (to be 0%), up to 100 files of each set:\n", HEADER.replace("class", "set")]
    noises = [samples for sounds in recordings.values() for samples in sounds]
    for folder in arguments.sets:
        random, found = generator(0, folder.name), {}
        names = files(folder)
        for file in names[:: -(-len(names) // 100)]:
            for condition, samples in degraded(load_audio(file)[: 10 * RATE_HZ], noises, random):
                found.setdefault(condition, []).append(hears_none(samples, head))
        page += [row(f"{folder.name}: {condition}", rows) for condition, rows in found.items()]
    (RESULTS / "speech.md").write_text("\n".join(page) + "\n")


def files(folder: Path) -> list[str]:
    """The audio files below a folder, in the order of their names."""
    return [str(folder / file) for file in list_audio(folder)]


if __name__ == "__main__":
    main()
