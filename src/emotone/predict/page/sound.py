"""What a page lets one see and hear of a recording: the outline of its waveform, and its sound as Ogg Opus.

Sound is most of a page. Opus at 6 kbit/s, the least that the encoder takes, is speech that can be followed; with it an
hour stays below 3 MB (4 MB as text). Shorter recordings get more, up to 24 kbit/s, where little is lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from emotone.audio.ogg import OggEncoder, encode_ogg
from emotone.audio.read import RATE_HZ, AudioError, load_audio, read_blocks
from emotone.base.processes import DIED, map_ordered
from emotone.base.progress import track

PEAKS_PER_S = 50
"""Of a waveform's outline: 180 kB an hour."""
MOST_BYTES = 2_900_000
"""Of all sounds of a page, which are a third more in its text: a page of one hour stays below 5 MB."""
LEAST_RATE, MOST_RATE = 6_000, 24_000
"""Bits per second."""


@dataclass(frozen=True)
class Clip:
    """An Ogg Opus file of a recording's sound from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    content: bytes


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording of `duration_s`: the largest sample in each 20 ms, `peaks` [P] 0..255, and what is heard of it."""

    duration_s: float
    peaks: NDArray[np.uint8]
    clips: list[Clip] = field(default_factory=list)


def bit_rate(total_s: float) -> int | None:
    """Bits per second at which so many seconds of sound go on a page; None where they are too many.

    >>> bit_rate(600), bit_rate(1800), bit_rate(3600), bit_rate(7200)
    (24000, 11600, 6000, None)
    """
    most = 8 * MOST_BYTES / total_s
    return None if most < LEAST_RATE else int(np.clip(0.9 * most, LEAST_RATE, MOST_RATE))


def listen(path: str, rate: int | None) -> Sound:
    """A whole recording, read as a stream, with its sound at `rate` bits per second, or without.

    Raises AudioError where it cannot be read.

    >>> sound = listen("examples/jfk.wav", 24_000)
    >>> sound.duration_s, len(sound.peaks), sound.clips[0].content[:4]
    (11.0, 550, b'OggS')
    """
    size, num_samples = RATE_HZ // PEAKS_PER_S, 0
    rest, peaks = np.zeros(0, np.float32), []
    encoder = None if rate is None else OggEncoder("opus", rate)
    for block in read_blocks(path):
        num_samples += len(block)
        if encoder is not None:
            encoder.add(block)
        samples = np.abs(np.concatenate([rest, block]))
        whole = len(samples) // size * size
        peaks.append(samples[:whole].reshape(-1, size).max(axis=1))
        rest = samples[whole:]
    if len(rest):
        peaks.append(rest.max(keepdims=True))
    duration_s = num_samples / RATE_HZ
    clips = [] if encoder is None else [Clip(0.0, duration_s, encoder.close())]
    return Sound(duration_s, np.rint(255 * np.concatenate(peaks)).astype(np.uint8), clips)


def encode_clip(path: str, start_s: float, end_s: float, rate: int = MOST_RATE) -> Clip:
    """A part of a recording at `rate` bits per second; raises AudioError where it cannot be read."""
    return Clip(start_s, end_s, encode_ogg(load_audio(path, start_s, end_s), "opus", rate))


def share_of_bytes(durations_s: Sequence[float]) -> tuple[int | None, int]:
    """The bit rate of several recordings, and how many of them, from the first on, are heard at it.

    All of them where they fit; else as many as do at the least rate.

    >>> share_of_bytes([600.0, 1200.0]), share_of_bytes([3000.0, 3000.0]), share_of_bytes([10_800.0])
    ((11600, 2), (6960, 1), (None, 0))
    """
    for num, total_s in reversed([*enumerate(itertools.accumulate(durations_s), start=1)]):
        if (rate := bit_rate(total_s)) is not None:
            return rate, num
    return None, 0


def listen_to_all(
    files: Sequence[str],
    lengths_s: Sequence[float],
    jobs: int = 1,
    quiet: bool = True,
    paths: Mapping[str, str] | None = None,
) -> tuple[dict[str, Sound], list[str]]:
    """Recordings of about these lengths, as many of them with sound as a page takes; and what is to be said of that.

    paths: where files lie that are called otherwise. A file that cannot be read any more is not among them.
    """
    rate, num_heard = share_of_bytes(lengths_s)
    tasks = [((paths or {}).get(file, file), rate if place < num_heard else None) for place, file in enumerate(files)]
    work = map_ordered(_try_listen, tasks, jobs, died=lambda task: DIED)
    sounds, notes, num_bytes = {}, [], 0
    for file, sound in zip(files, track(work, len(files), "page", quiet), strict=True):
        if isinstance(sound, str):
            notes.append(f"{file}: {sound}")
            continue
        size = sum(len(clip.content) for clip in sound.clips)
        num_bytes += size
        if num_bytes > MOST_BYTES:  # longer than was thought
            sound, num_bytes = replace(sound, clips=[]), num_bytes - size
        sounds[file] = sound
    left_out = [sound for sound in sounds.values() if not sound.clips]
    if left_out:
        total_s = sum(sound.duration_s for sound in left_out)
        which = f"{len(left_out)} of {len(sounds)} recordings" if len(sounds) > 1 else "the recording"
        notes.append(f"The sound of {which} ({total_s / 60:.0f} minutes) is left out: the page would be too large.")
    elif rate is not None and rate < MOST_RATE:
        notes.append(f"The sound is compressed to {rate / 1000:.1f} kbit/s, so that the page stays below 5 MB.")
    return sounds, notes


def _try_listen(task: tuple[str, int | None]) -> Sound | str:
    """A recording, or why it cannot be read."""
    try:
        return listen(*task)
    except AudioError as error:
        return error.reason
