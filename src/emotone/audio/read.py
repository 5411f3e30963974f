"""Any audio file or array -> float32 [samples], 16 kHz, mono, in [-1, 1].

Files are read in blocks and resampled as a stream, so a three-hour recording costs no more memory than a short one and
both go through the same code. What a file is, its content says (`emotone.audio.kind`); libsndfile decodes it
(`emotone.audio.sound_file`), or PyAV (`emotone.audio.av_file`). Every failure, whatever a decoder raises, is an
`AudioError` that names the file and the reason.
"""

from __future__ import annotations

import numbers
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone.audio import av_file, sound_file
from emotone.audio.channels import Downmix, check_rate
from emotone.audio.kind import AV_KINDS, kind_of
from emotone.audio.length import promised_bytes
from emotone.errors import EmotoneError

Samples = NDArray[np.float32]
"""One channel of sound, [N]: in [-1, 1], at `RATE_HZ` unless another rate comes with it."""

RATE_HZ = 16_000
BLOCK_S = 30.0
LEAST_SAMPLES = RATE_HZ // 50
"""In less than 20 ms, a pitch period or two, there is nothing to hear."""
LOUDEST_FLOAT = 8.0
"""Float audio may overshoot full scale a little (it is clipped); beyond 18 dB it is not in [-1, 1] units at all."""

WATCH: ContextVar[Callable[[int, float], None] | None] = ContextVar("WATCH", default=None)
"""Told of every block that is decoded: its values, of all channels, and its seconds; what it raises ends reading."""

SOUNDFILE_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".w64", ".rf64", ".caf"}
)
AV_SUFFIXES = frozenset(
    {
        ".m4a",
        ".m4b",
        ".m4v",
        ".mp4",
        ".mov",
        ".webm",
        ".mkv",
        ".mka",
        ".aac",
        ".wma",
        ".wmv",
        ".3gp",
        ".amr",
        ".avi",
        ".ts",
    }
)
SUFFIXES = SOUNDFILE_SUFFIXES | AV_SUFFIXES


class AudioError(EmotoneError):
    """Audio that cannot be used: `path` and the `reason` in one line."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}")
        self.path = os.fspath(path)
        self.reason = " ".join(reason.split())

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.path, self.reason)  # so that it crosses process borders


def load_audio(
    path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None, notes: list[str] | None = None
) -> Samples:
    """Samples of a file, or of its part from `start_s` to `end_s`: float32 [N], 16 kHz, mono, in [-1, 1].

    Channels are averaged, unless they cancel, which is appended to `notes`; other rates are resampled with soxr HQ.
    Raises AudioError for anything that is not readable audio: missing, empty, truncated, not audio, NaN, shorter than
    20 ms.

    >>> import soundfile, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros((44_100, 2)), 44_100)
    ...     load_audio(f"{folder}/a.wav").shape
    (16000,)
    """
    blocks = list(read_blocks(path, start_s, end_s, notes=notes))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def read_blocks(
    path: str | os.PathLike[str],
    start_s: float = 0.0,
    end_s: float | None = None,
    block_s: float = BLOCK_S,
    notes: list[str] | None = None,
    channel: int | None = None,
) -> Iterator[Samples]:
    """The samples of `load_audio` as blocks of about `block_s` seconds, none of them empty and at least one.

    What is to be said of the file, though it can be used, is appended to `notes`. `channel`, from 1, is the one that is
    read in place of the mean of all. Raises AudioError as `load_audio`
    does, some of it only when the block that is damaged is asked for.
    """
    native = read_native_blocks(path, start_s, end_s, block_s, notes, channel)
    yield from _at_least(resampled(native), path, start_s)


def _at_least(blocks: Iterator[Samples], path: str | os.PathLike[str], start_s: float) -> Iterator[Samples]:
    """The blocks, clipped and none empty; raises AudioError where all together are too few samples."""
    num_samples, waiting = 0, None
    for samples in blocks:
        num_samples += len(samples)
        block = samples if waiting is None or not len(waiting) else np.concatenate([waiting, samples])
        waiting = block[:0]
        if num_samples < LEAST_SAMPLES:  # there may be too little in all
            waiting = block
        elif len(block):
            yield clip(block, path)
    if waiting is None:
        raise AudioError(path, f"ends before {start_s:g} s" if start_s else "holds no samples")
    if num_samples < LEAST_SAMPLES:
        raise AudioError(path, _too_short(num_samples))


def resampled(blocks: Iterable[tuple[Samples, int]]) -> Iterator[Samples]:
    """Blocks [N], each with its rate in Hz, as blocks at 16 kHz; some may be empty."""
    resampler = None
    for samples, rate_hz in blocks:
        if rate_hz != RATE_HZ and resampler is None:
            import soxr

            resampler = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
        yield samples if resampler is None else resampler.resample_chunk(samples)
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def read_native_blocks(
    path: str | os.PathLike[str],
    start_s: float = 0.0,
    end_s: float | None = None,
    block_s: float = BLOCK_S,
    notes: list[str] | None = None,
    channel: int | None = None,
) -> Iterator[tuple[Samples, int]]:
    """Blocks at the file's own rate, not clipped: samples [N], and the rate in Hz.

    Raises AudioError as `load_audio` does, but for what is short; `notes` and `channel` are as of `read_blocks`.
    """
    if not 0 <= start_s < (float("inf") if end_s is None else end_s):
        raise AudioError(path, f"cannot be read from {start_s:g} s to {'its end' if end_s is None else f'{end_s:g} s'}")
    downmix, watch = Downmix(channel), WATCH.get()
    try:
        for block, rate_hz in _decode(os.fspath(path), _check_file(path), start_s, end_s, block_s):
            if watch is not None:
                watch(block.size, len(block) / rate_hz)
            samples = downmix(block)
            if not np.isfinite(samples).all():
                raise AudioError(path, "holds NaN or infinite samples")
            yield samples, rate_hz
    except AudioError:
        raise
    except EmotoneError as error:
        raise AudioError(path, str(error)) from None
    except Exception as error:  # decoders are given anything, and raise anything
        raise AudioError(path, f"cannot be decoded ({type(error).__name__}: {error})") from None
    if notes is not None and downmix.note:
        notes.append(downmix.note)


def _decode(
    path: str, kind: str, start_s: float, end_s: float | None, block_s: float
) -> Iterator[tuple[sound_file.Block, int]]:
    """Blocks of all channels, by the decoder of the file's kind."""
    if kind in AV_KINDS:
        yield from av_file.decode(path, kind, start_s, end_s, block_s)
        return
    is_begun = False
    try:
        for block in sound_file.decode(path, kind, start_s, end_s, block_s):
            is_begun = True
            yield block
    except sound_file.UnknownFormatError as unknown:
        if is_begun or kind not in av_file.FORMATS:
            raise
        try:  # a codec that libsndfile does not know, in a container that it does
            yield from av_file.decode(path, kind, start_s, end_s, block_s)
        except EmotoneError:
            raise unknown from None


def from_array(
    samples: NDArray[np.generic], rate_hz: float, notes: list[str] | None = None, channel: int | None = None
) -> Samples:
    """An array as float32 [N], 16 kHz, mono: [N] or [N, channels]; integers are scaled by their full range.

    `notes` and `channel` are as of `read_blocks`. Raises AudioError for less than 20 ms, NaN, more than 2 axes, rates
    that are none of sound, integers of 64 bits, which samples of 16 bits often lie in, and floats far outside [-1, 1].

    >>> from_array(np.full(8_000, 16_384, dtype=np.int16), 8_000).shape
    (16000,)
    """
    name = "array"
    if samples.ndim not in (1, 2) or not samples.size:
        raise AudioError(name, f"must be [samples] or [samples, channels] and not empty, not of shape {samples.shape}")
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise AudioError(name, f"has more channels than samples {samples.shape}: transpose it to [samples, channels]")
    if samples.dtype.kind not in "fi" or samples.dtype.itemsize > 4 and samples.dtype.kind == "i":
        raise AudioError(
            name,
            f"is of type {samples.dtype}: use float in [-1, 1], or int8, int16 or int32, which say what full scale is",
        )
    if not isinstance(rate_hz, numbers.Real):
        raise AudioError(name, f"has the rate {rate_hz!r}; it must be a number of Hz")
    try:
        check_rate(float(rate_hz))
    except EmotoneError as error:
        raise AudioError(name, str(error)) from None
    if np.issubdtype(samples.dtype, np.integer):
        samples = samples.astype(np.float64) / 2.0 ** (8 * samples.dtype.itemsize - 1)
    downmix = Downmix(channel)
    try:
        mono = downmix(np.asarray(samples, dtype=np.float32))
    except EmotoneError as error:
        raise AudioError(name, str(error)) from None
    if not np.isfinite(mono).all():
        raise AudioError(name, "holds NaN or infinite samples")
    if rate_hz != RATE_HZ:
        import soxr

        mono = soxr.resample(mono, rate_hz, RATE_HZ, quality="HQ")
    if len(mono) < LEAST_SAMPLES:
        raise AudioError(name, _too_short(len(mono)))
    if notes is not None and downmix.note:
        notes.append(downmix.note)
    return clip(mono, name)


def count_channels(path: str | os.PathLike[str]) -> int:
    """How many channels a file has; raises AudioError as `load_audio` does."""
    try:
        block, _ = next(_decode(os.fspath(path), _check_file(path), 0.0, None, 0.1))
    except AudioError:
        raise
    except StopIteration:
        raise AudioError(path, "holds no samples") from None
    except Exception as error:
        raise AudioError(path, f"cannot be decoded ({type(error).__name__}: {error})") from None
    return 1 if block.ndim == 1 else block.shape[1]


def _too_short(num_samples: int) -> str:
    least_ms = 1_000 * LEAST_SAMPLES / RATE_HZ
    return f"lasts {1_000 * num_samples / RATE_HZ:.2g} ms: there is nothing to hear in less than {least_ms:g} ms"


def clip(samples: Samples, path: str | os.PathLike[str]) -> Samples:
    """Samples clipped to [-1, 1]; raises AudioError beyond 18 dB over full scale, where the unit is another one."""
    peak = max(samples.max(), -samples.min())
    if peak > LOUDEST_FLOAT:
        raise AudioError(path, f"has float samples of up to {peak:g}; they must lie in [-1, 1]")
    return np.clip(samples, -1.0, 1.0) if peak > 1.0 else samples


def _check_file(path: str | os.PathLike[str]) -> str:
    """The kind of a file; raises AudioError for what is no file, empty, not readable or ends before its header says."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise AudioError(
            path, "does not exist" if isinstance(error, FileNotFoundError) else str(error.strerror)
        ) from None
    except ValueError as error:  # a NUL in the name
        raise AudioError(path, str(error)) from None
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(path, "is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(path, "is not a regular file")
    if status.st_size == 0:
        raise AudioError(path, "is empty (0 bytes)")
    try:
        with open(path, "rb") as file:
            kind = kind_of(file)
            promised = promised_bytes(file, kind)
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from None
    if promised is not None and promised > status.st_size + 1:  # some writers count a padding byte that is not there
        raise AudioError(path, f"is truncated: its header promises {promised} bytes, it has {status.st_size}")
    return kind or ("mp3" if Path(path).suffix.lower() == ".mp3" else "")  # one that begins within a frame
