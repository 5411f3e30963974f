"""Retrieval measured on made recordings, one command: python results/retrieval.py DATA [MODEL ...].

Ten recordings of five minutes, LibriSpeech with planted acted utterances (RAVDESS at strong intensity, nEMO): eight of
known emotion, and for each a neutral or calm one of the same speaker as a distractor, so that neither channel nor
language gives them away. All pieces have the same level, in random order; noise of ESC-10 lies under the whole at 20
and at 10 dB. What is relevant for an attribute was fixed beforehand (RELEVANT). A hit is a moment whose middle is at
most 1 s from that of a relevant utterance which no better moment has hit. DATA holds the corpora as their owners lay
them out; the corpora librispeech, ravdess and nemo must be prepared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from emotone.audio.change.effects import add_noise
from emotone.audio.read import RATE_HZ, Samples, load_audio, read_blocks
from emotone.audio.speech import SpeechTrack
from emotone.base.draws import Random
from emotone.corpora.corpus import Corpus
from emotone.predict.retrieve.findings import Search
from emotone.predict.retrieve.moments import find_moments, pick

RESULTS = Path(__file__).resolve().parent
SEED, NUM_RECORDINGS, DURATION_S, PAUSE_S = 0, 10, 300.0, 0.3
PLANTED = ("anger", "anger", "happiness", "happiness", "fear", "surprise", "sadness", "disgust")
RELEVANT = {
    ("arousal", "highest"): {"anger", "happiness", "fear", "surprise"},
    ("dominance", "highest"): {"anger", "happiness"},
    ("valence", "highest"): {"happiness"},
    ("valence", "lowest"): {"anger", "fear", "sadness", "disgust"},
}
SNRS_DB = (20.0, 10.0)
LENGTH_S, HOP_S, REACH_S = 3.0, 0.5, 1.0
LEVEL, FLOOR_DB = 0.05, -35.0
NUM_CHANCE = 1000


@dataclass(frozen=True)
class Piece:
    """A trimmed utterance in a recording."""

    emotion: str
    middle_s: float


def read(corpus: Corpus, row: Any) -> Samples:
    """One utterance without the silence around it, at the common level."""
    samples = load_audio(str(corpus.path_of(row.file)))
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    level = np.sqrt(np.mean(np.square(frames), axis=1)) + 1e-9
    active = np.flatnonzero(level > level.max() * 10 ** (FLOOR_DB / 20))
    loud = np.sqrt(np.mean(np.square(level[active])))
    return samples[active[0] * 320 : (active[-1] + 1) * 320] * np.float32(LEVEL / loud)


def plant(corpora: dict[str, Corpus], random: Random) -> list[tuple[str, Corpus, Any]]:
    """The planted utterances of a recording, emotional ones and a distractor for each."""
    chosen: list[tuple[str, Corpus, Any]] = []
    for emotion in PLANTED:
        corpus = corpora[str(random.choice(["ravdess", "nemo"]))]
        table = corpus.utterances
        strong = table["intensity"] == "strong" if "intensity" in table else np.ones(len(table), bool)
        if not (table["emotion"] == emotion).any():  # nEMO has no disgust
            corpus = corpora["ravdess"]
            table, strong = corpus.utterances, corpus.utterances["intensity"] == "strong"
        row = table[(table["emotion"] == emotion) & strong].sample(1, random_state=random)
        calm = table[table["emotion"].isin(["neutral", "calm"]) & (table["speaker"] == row["speaker"].item())]
        chosen.append((emotion, corpus, next(row.itertuples())))
        chosen.append(("", corpus, next(calm.sample(1, random_state=random).itertuples())))
    return chosen


def make(corpora: dict[str, Corpus], random: Random) -> tuple[Samples, list[Piece]]:
    """One recording, clean, and where the emotional utterances are."""
    pieces = [(emotion, read(corpus, row)) for emotion, corpus, row in plant(corpora, random)]
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.float32)
    libri = corpora["librispeech"]
    left = DURATION_S * RATE_HZ - sum(len(samples) + len(pause) for _, samples in pieces)
    for row in libri.utterances.sample(frac=1, random_state=random).itertuples():
        samples = read(libri, row)[: int(12 * RATE_HZ)]
        if left < len(samples) + len(pause):
            break
        pieces.append(("", samples))
        left -= len(samples) + len(pause)
    parts, truth, place = [], [], 0
    for number in random.permutation(len(pieces)):
        emotion, samples = pieces[number]
        if emotion:
            truth.append(Piece(emotion, (place + len(samples) / 2) / RATE_HZ))
        parts += [samples, pause]
        place += len(samples) + len(pause)
    return np.concatenate(parts), truth


def noise_for(num_samples: int, files: list[Path], random: Random) -> Samples:
    """Background sounds one after the other, each at the same level."""
    parts: list[Samples] = []
    while sum(map(len, parts)) < num_samples:
        samples = load_audio(str(random.choice(np.array(files, object))))
        parts.append(samples / (np.sqrt(np.mean(np.square(samples))) + 1e-9))
    return np.concatenate(parts)[:num_samples]


def windows(file: Path) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """The windows that retrieval ranks (start [W], stop [W]) and their energy [W]: what needs no emotion at all."""
    track = SpeechTrack()
    samples = np.concatenate(list(track.listen(read_blocks(file))))
    length, hop = (round(seconds * RATE_HZ) for seconds in (LENGTH_S, HOP_S))
    starts = np.arange(0, len(samples) - length + 1, hop)
    spoken = np.array(
        [track.share(int(start), int(start) + length) >= Search("arousal").min_speech for start in starts]
    )
    starts = starts[spoken]
    energy = np.array([float(np.mean(np.square(samples[start : start + length]))) for start in starts])
    return starts, starts + length, energy


def score(
    found: list[tuple[str, float]], truth: dict[str, list[Piece]], relevant: set[str], num: int
) -> dict[str, float]:
    """Precision among the first `num` moments (file, middle), recall among twice as many, mean time error of hits."""
    free = {file: [piece.middle_s for piece in pieces if piece.emotion in relevant] for file, pieces in truth.items()}
    total, errors = sum(map(len, free.values())), []
    for rank, (file, middle_s) in enumerate(found[: 2 * num]):
        near = min(free[file], key=lambda other: abs(other - middle_s), default=np.inf)
        if abs(near - middle_s) <= REACH_S:
            free[file].remove(near)
            errors.append((rank, abs(near - middle_s)))
    hits = sum(rank < num for rank, _ in errors)
    error_s = float(np.mean([error for _, error in errors])) if errors else float("nan")
    return {"precision": hits / num, "recall": len(errors) / total, "error_s": error_s}


def rankings(files: list[str], random: Random) -> dict[str, list[list[tuple[str, float]]]]:
    """What needs no model: random speech moments (many times), and the loudest ones."""
    every = {file: windows(Path(file)) for file in files}
    found: dict[str, list[list[tuple[str, float]]]] = {"chance": [], "energy": []}
    for number in range(NUM_CHANCE + 1):
        moments = []
        for file, (start, stop, energy) in every.items():
            strength = energy if number == 0 else random.random(len(start))
            chosen = pick(start, stop, strength, len(start), 0)
            moments += [(strength[one], file, (start[one] + stop[one]) / 2 / RATE_HZ) for one in chosen]
        ordered = [(file, middle) for _, file, middle in sorted(moments, reverse=True)]
        found["energy" if number == 0 else "chance"].append(ordered)
    return found


def main(data: Path, models: list[str]) -> None:
    """Make the recordings, search them with every model, write retrieval.json and retrieval.md."""
    corpora = {name: Corpus.load(name) for name in ("librispeech", "ravdess", "nemo")}
    random = np.random.default_rng(SEED)
    sounds = sorted((data / "esc10").rglob("*.flac")) or sorted((data / "esc10").rglob("*.wav"))
    made = [make(corpora, random) for _ in range(NUM_RECORDINGS)]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for snr_db in SNRS_DB:
            truth: dict[str, list[Piece]] = {}
            for number, (clean, pieces) in enumerate(made):
                file = f"{folder}/{snr_db:g}-{number}.wav"
                noisy = add_noise(clean, noise_for(len(clean), sounds, random), snr_db)
                soundfile.write(file, noisy, RATE_HZ, subtype="FLOAT")
                truth[file] = pieces
            plain = rankings(list(truth), random)
            for (attribute, direction), relevant in RELEVANT.items():
                num = sum(piece.emotion in relevant for pieces in truth.values() for piece in pieces)
                about = {"snr_db": snr_db, "attribute": attribute, "direction": direction, "num_relevant": num}
                for name, several in plain.items():
                    each = [score(one, truth, relevant, num) for one in several]
                    rows.append(about | {"model": name} | pd.DataFrame(each).mean().to_dict())
                for model in models:
                    search = Search(
                        attribute, 2 * num, direction == "lowest", length_s=LENGTH_S, hop_s=HOP_S, model=model
                    )
                    found = [
                        (moment.file, (moment.start_s + moment.end_s) / 2)
                        for moment in find_moments(list(truth), search).moments
                    ]
                    rows.append(about | {"model": model} | score(found, truth, relevant, num))
                    print(rows[-1], flush=True)
    (RESULTS / "retrieval.json").write_text(json.dumps({"seed": SEED, "results": rows}, indent=1) + "\n")
    (RESULTS / "retrieval.md").write_text(render(pd.DataFrame(rows)))


def render(table: pd.DataFrame) -> str:
    """The page of results."""
    lines = [
        "# Retrieval of planted moments\n",
        "Made by `python results/retrieval.py`, whose first lines say how the recordings are made and what a hit is;",
        "do not edit. Precision is that of the first N moments over all recordings, N the number of relevant",
        f"utterances; recall that of the first 2 N. Chance: mean of {NUM_CHANCE} random rankings of speech moments;",
        "energy: by loudness. The default was trained on EmoDB and LibriSpeech, on no speech of RAVDESS or nEMO.\n",
        "| looked for | N | noise | ranked by | precision | recall | time error (s) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table.sort_values(
        ["attribute", "direction", "snr_db"], kind="stable", ascending=[True, True, False]
    ).itertuples():
        what = f"{row.attribute} {row.direction}"
        numbers = f"{row.precision:.3f} | {row.recall:.3f} | {row.error_s:.2f}"
        lines.append(f"| {what} | {row.num_relevant} | {row.snr_db:g} dB | {row.model} | {numbers} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["default"])
