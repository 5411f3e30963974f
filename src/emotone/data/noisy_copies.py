"""Noisy copies of a corpus for stability training: recordings of noise, babble, a room, Gaussian noise.

A copy is a transform of `emotone.data.store.extract`, one feature store per kind of noise. What an utterance gets
(which recording, which part of it, which room) follows from the seed, its id and the kind alone: not from the order,
the number of processes or the other utterances. Every copy is as long as the utterance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emotone.audio.change.degrade import degrade
from emotone.audio.change.effects import babble
from emotone.audio.change.noise import GAUSSIAN_STD, PUBLISHED_SNR_DB, add_gaussian, draw_by_energy, mix
from emotone.audio.folder import list_audio
from emotone.audio.level import is_silent
from emotone.audio.read import RATE_HZ, AudioError, Samples, load_audio, read_blocks
from emotone.base.draws import Random, generator
from emotone.base.files import sha256_of
from emotone.errors import EmotoneError, unknown

Source = Literal["recording", "voices", "room", "gaussian"]
RECORDING: Source = "recording"
MADE: dict[str, Source] = {"babble": "voices", "reverberation": "room", "gaussian": "gaussian"}
"""Kinds that are made without recordings of noise, listed after those that are."""

DECAY_S = (0.2, 1.0)
"""The room of an utterance decays by 60 dB in a time between these."""
NUM_VOICES = 5
"""Speakers of one babble, at most."""
DEFAULT_SNR_DB = 5.0
"""For kinds that are not in the published set; its ratios are 4.5 dB on average."""
MOST_SNR_DB = 100.0
MOST_KINDS = 64
"""Each kind is a copy of the corpus on disk; more are probably a folder given by mistake."""
LONGEST_HELD_S = 20.0
NUM_HELD = 128
"""Recordings of up to LONGEST_HELD_S are kept in memory, NUM_HELD of them (164 MB); of longer ones a part is read."""
DIGEST_SIZE = 16


@dataclass(frozen=True)
class NoisyCopy:
    """One kind of noise in every utterance, as loud as `snr_db` says where it is a recording or babble of voices.

    kind: its name. source: one of its recordings; babble, summed from 5 recordings of speech, each a speaker; a room of
    decaying reflections; Gaussian noise. snr_db: over the whole utterance (`emotone.audio.change.noise.mix`). files:
    the recordings. digests: the beginning of the SHA-256 of each, so that another recording is another store. seed: of
    all that is drawn.

    >>> noisy = NoisyCopy("gaussian", "gaussian")(np.zeros(16_000, np.float32), "utterance")
    >>> round(float(noisy.std()), 1)
    0.1
    """

    kind: str
    source: Source
    snr_db: float | None = None
    files: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    seed: int = 0

    def __call__(self, samples: Samples, utterance: str) -> Samples:
        """Samples [N] of an utterance -> [N] in [-1, 1]; raises AudioError for a recording that cannot be read."""
        random = generator(self.seed, utterance, self.kind)
        if self.source == "room":
            return degrade(samples, "reverberation", float(random.uniform(*DECAY_S)), random)
        if self.source == "gaussian":
            return add_gaussian(samples, GAUSSIAN_STD, random)
        assert self.snr_db is not None, "recordings and babble are as loud as a ratio says"
        return mix(samples, self._noise(len(samples), random), self.snr_db, random)

    def _noise(self, num_samples: int, random: Random) -> Samples:
        if self.source == "recording":
            return _load(self.files[int(random.integers(len(self.files)))], num_samples, random)
        chosen = random.choice(len(self.files), min(NUM_VOICES, len(self.files)), replace=False)
        return babble(num_samples, [_load(self.files[number], num_samples, random) for number in chosen], random)


def kinds_in(
    noise: str | None, speech: str | None, snr_db_by_kind: Mapping[str, float] | None = None, seed: int = 0
) -> list[NoisyCopy]:
    """`kinds_of` folders: recordings of noise below `noise`; below `speech`, a file for each speaker of the babble.

    >>> [copy.kind for copy in kinds_in(None, None)]
    ['reverberation', 'gaussian']
    """
    voices = [] if speech is None else [str(Path(speech) / file) for file in list_audio(Path(speech))]
    folder = None if noise is None else Path(noise)
    return kinds_of(folder, voices, snr_db_by_kind=snr_db_by_kind, seed=seed)


def kinds_of(
    folder: Path | None,
    speech_files: Sequence[str] = (),
    snr_db: float = DEFAULT_SNR_DB,
    snr_db_by_kind: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[NoisyCopy]:
    """The noisy copies of a corpus: recordings below `folder` by name, babble of speech, a room, Gaussian noise.

    A kind is a file or a subfolder, numbers at the end of its name aside (`cafe_1.wav`, `cafe_2.wav`). Its ratio is
    that of `snr_db_by_kind`, of the published set (`PUBLISHED_SNR_DB`) or `snr_db`, in this order. `speech_files`, one
    speaker each and none of the corpus, make babble. Raises EmotoneError for a folder without audio, files that cannot
    be read or are silent, a recording named like what is made, an unknown name or ratio in `snr_db_by_kind`.

    >>> [copy.kind for copy in kinds_of(None)]
    ['reverberation', 'gaussian']
    """
    files = _recordings_by_kind(folder) if folder else {}
    made = {kind: source for kind, source in MADE.items() if speech_files or source != "voices"}
    for kind in sorted(made.keys() & files.keys()):
        raise EmotoneError(f"{folder}: has recordings named {kind!r}, which is made of other things; rename them")
    sources = dict.fromkeys(files, RECORDING) | made
    if len(speech_files) == 1:
        raise EmotoneError(f"{speech_files[0]}: babble needs two files of speech or more")
    if speech_files:
        files["babble"] = sorted(Path(file).resolve() for file in speech_files)
    _check_audio([file for group in files.values() for file in group])
    ratios = _ratios_db(files, snr_db, snr_db_by_kind or {}, folder)
    digests = {kind: tuple(sha256_of(file)[:DIGEST_SIZE] for file in group) for kind, group in files.items()}
    return [
        NoisyCopy(kind, source, ratios.get(kind), tuple(map(str, files.get(kind, ()))), digests.get(kind, ()), seed)
        for kind, source in sources.items()
    ]


def _recordings_by_kind(folder: Path) -> dict[str, list[Path]]:
    """Audio below a folder by kind, both sorted; raises EmotoneError as `list_audio` does, and for too many kinds."""
    found: dict[str, list[Path]] = {}
    for file in list_audio(folder):
        first, *deeper = PurePosixPath(file).parts
        kind = _spell(first if deeper else PurePosixPath(first).stem)
        found.setdefault(kind, []).append(folder.resolve() / file)
    if len(found) > MOST_KINDS:
        raise EmotoneError(
            f"{folder}: holds {len(found)} kinds of noise, of which each is a copy of the corpus; at most {MOST_KINDS} "
            "are allowed: put the recordings of a kind into one subfolder"
        )
    return dict(sorted(found.items()))


def _spell(name: str) -> str:
    """A name as the published set writes it, without a number at its end.

    >>> _spell("Living_Room"), _spell("cafe-2"), _spell("01")
    ('living room', 'cafe', '01')
    """
    words = re.sub(r"[\s_-]+", " ", name).strip().lower()
    return re.sub(r"^(.*[^\d ]) ?\d+$", r"\1", words)


def _ratios_db(
    kinds: Iterable[str], default_db: float, given_db: Mapping[str, float], folder: Path | None
) -> dict[str, float]:
    """The ratio of each kind; raises EmotoneError for a name that is no kind and for a ratio that is none."""
    own_db = {_spell(kind): ratio for kind, ratio in given_db.items()}
    for kind in own_db.keys() - set(kinds):
        raise unknown("noise", kind, kinds, where=str(folder or "noise"))
    ratios = {kind: float(own_db.get(kind, PUBLISHED_SNR_DB.get(kind, default_db))) for kind in kinds}
    for kind, ratio in ratios.items():
        if not abs(ratio) <= MOST_SNR_DB:  # NaN too
            raise EmotoneError(
                f"noise {kind!r}: a signal-to-noise ratio of {ratio} dB; allowed: -{MOST_SNR_DB:g} to {MOST_SNR_DB:g}"
            )
    return ratios


def _check_audio(files: Sequence[Path]) -> None:
    """Raise EmotoneError for recordings that cannot be read to their end, or hold nothing."""
    problems = []
    for file in files:
        try:
            if all([is_silent(block) for block in read_blocks(file)]):  # a list: to the end
                problems.append(f"{file}: holds only silence")
        except AudioError as error:
            problems.append(str(error))
    if problems:
        raise EmotoneError(f"{len(problems)} of {len(files)} recordings cannot serve as noise, e.g. {problems[0]}")


def _load(file: str, num_samples: int, random: Random) -> Samples:
    """A short recording, or what lies `num_samples` around a second of a long one, drawn by its energy.

    No more of a long one is decoded where libsndfile can seek in it, but once per process all of it for the energy.
    """
    whole = _load_short(file)
    if whole is not None:
        return whole
    energy, edges = _energy_by_block(file)
    block = draw_by_energy(energy, random)
    start, end = max(edges[block] - num_samples, 0), edges[block + 1] + num_samples
    return load_audio(file, start / RATE_HZ, end / RATE_HZ)


@lru_cache(maxsize=NUM_HELD)
def _load_short(file: str) -> Samples | None:
    """A recording that is short enough to be held; None for a longer one."""
    samples = load_audio(file, end_s=LONGEST_HELD_S + 1)
    return samples if len(samples) <= LONGEST_HELD_S * RATE_HZ else None


@lru_cache(maxsize=4096)
def _energy_by_block(file: str) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Energy of a recording second by second [blocks], and the samples between which each lies [blocks + 1]."""
    blocks = [
        (float(np.sum(np.square(block, dtype=np.float64))), len(block)) for block in read_blocks(file, block_s=1.0)
    ]
    energy, sizes = zip(*blocks, strict=True)
    return np.array(energy), np.concatenate([[0], np.cumsum(sizes)])
