"""Any audio file or array -> float32 [samples], 16 kHz, mono, in [-1, 1].

Files are read in blocks and resampled as a stream, so a three-hour recording costs no more memory than a short one and
both go through the same code. Every failure is an `AudioError` that names the file and the reason.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.audio.length import count_mp3_samples, promised_bytes
from emotone.errors import EmotoneError

Samples = NDArray[np.float32]
"""One channel of sound, [N]: in [-1, 1], at `RATE_HZ` unless another rate comes with it."""

RATE_HZ = 16_000
BLOCK_S = 30.0
LOUDEST_FLOAT = 8.0
"""Float audio may overshoot full scale a little (it is clipped); beyond 18 dB it is not in [-1, 1] units at all."""
LONGEST_SAMPLES = 2**40
"""More (two years) is what a FLAC stream says that was written to a pipe: it does not know."""
MP3_SLACK_SAMPLES = 4 * 1152
"""How much of an MP3 without a frame count may be missing: its last frames are often not whole."""
AV_SLACK_S = 0.25
"""How much shorter than its container says a track may be: coders' delays and paddings."""

SOUNDFILE_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".w64", ".rf64", ".caf"}
)
AV_SUFFIXES = frozenset({".m4a", ".mp4", ".webm", ".mkv", ".mka", ".aac", ".wma", ".3gp", ".amr"})
SUFFIXES = SOUNDFILE_SUFFIXES | AV_SUFFIXES


class AudioError(EmotoneError):
    """Audio that cannot be used: `path` and the `reason` in one line."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}")
        self.path = os.fspath(path)
        self.reason = " ".join(reason.split())

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.path, self.reason)  # so that it crosses process borders


def load_audio(path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None) -> Samples:
    """Samples of a file, or of its part from `start_s` to `end_s`: float32 [N], 16 kHz, mono, in [-1, 1].

    Channels are averaged; other rates are resampled with soxr HQ. Raises AudioError for anything that is not readable
    audio: missing, empty, truncated, not audio, NaN.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.zeros((44_100, 2)), 44_100)
    ...     load_audio(f"{folder}/a.wav").shape
    (16000,)
    """
    blocks = list(read_blocks(path, start_s, end_s))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def read_blocks(
    path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None, block_s: float = BLOCK_S
) -> Iterator[Samples]:
    """The samples of `load_audio` as blocks of about `block_s` seconds, none of them empty and at least one.

    Raises AudioError as `load_audio` does, some of it only when the block that is damaged is asked for.
    """
    num_decoded = num_samples = 0
    resampler = None
    for samples, rate_hz, is_last in read_native_blocks(path, start_s, end_s, block_s):
        num_decoded += len(samples)
        if rate_hz != RATE_HZ:
            if resampler is None:
                import soxr

                resampler = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
            samples = resampler.resample_chunk(samples, last=is_last)
        if len(samples):
            num_samples += len(samples)
            yield clip(samples, path)
    if not num_samples:
        nothing = f"ends before {start_s:g} s" if start_s else "holds no samples"
        raise AudioError(path, "is shorter than a sample at 16 kHz" if num_decoded else nothing)


def read_native_blocks(
    path: str | os.PathLike[str], start_s: float = 0.0, end_s: float | None = None, block_s: float = BLOCK_S
) -> Iterator[tuple[Samples, int, bool]]:
    """Blocks at the file's own rate, not clipped: samples [N], the rate in Hz, and whether it is the last.

    Raises AudioError as `load_audio` does. The last block may be empty; PyAV's, at 16 kHz already, are never marked.
    """
    if not 0 <= start_s < (float("inf") if end_s is None else end_s):
        raise AudioError(path, f"cannot be read from {start_s:g} s to {'its end' if end_s is None else f'{end_s:g} s'}")
    _check_file(path)
    for samples, rate_hz, is_last in _decode(path, start_s, end_s, block_s):
        if not np.isfinite(samples).all():
            raise AudioError(path, "holds NaN or infinite samples")
        yield samples, rate_hz, is_last


def from_array(samples: NDArray[np.generic], rate_hz: int) -> Samples:
    """An array as float32 [N], 16 kHz, mono: [N] or [N, channels]; integers are scaled by their full range.

    Raises EmotoneError for no samples, NaN, more than 2 axes or floats far outside [-1, 1].

    >>> from_array(np.full(8_000, 16_384, dtype=np.int16), 8_000).shape
    (16000,)
    """
    name = "array"
    if samples.ndim not in (1, 2) or not samples.size:
        raise AudioError(name, f"must be [samples] or [samples, channels] and not empty, not of shape {samples.shape}")
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise AudioError(name, f"has more channels than samples {samples.shape}: transpose it to [samples, channels]")
    if rate_hz <= 0:
        raise AudioError(name, f"has a rate of {rate_hz} Hz; it must be positive")
    if samples.dtype.kind not in "fi":
        raise AudioError(name, f"is of type {samples.dtype}: use float in [-1, 1] or signed integers")
    if np.issubdtype(samples.dtype, np.integer):
        samples = samples.astype(np.float64) / 2.0 ** (8 * samples.dtype.itemsize - 1)
    mono = np.asarray(samples, dtype=np.float32)
    mono = mono if mono.ndim == 1 else mono.mean(axis=1)
    if not np.isfinite(mono).all():
        raise AudioError(name, "holds NaN or infinite samples")
    if rate_hz != RATE_HZ:
        import soxr

        mono = soxr.resample(mono, rate_hz, RATE_HZ, quality="HQ")
        if not mono.size:
            raise AudioError(name, "is shorter than a sample at 16 kHz")
    return clip(mono, name)


def clip(samples: Samples, path: str | os.PathLike[str]) -> Samples:
    """Samples clipped to [-1, 1]; raises AudioError beyond 18 dB over full scale, where the unit is another one."""
    peak = max(samples.max(), -samples.min())
    if peak > LOUDEST_FLOAT:
        raise AudioError(path, f"has float samples of up to {peak:g}; they must lie in [-1, 1]")
    return np.clip(samples, -1.0, 1.0) if peak > 1.0 else samples


def _check_file(path: str | os.PathLike[str]) -> None:
    """Raise AudioError for what is no file, empty, not readable or ends before its header says."""
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
            promised = promised_bytes(file)
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from None
    if promised is not None and promised > status.st_size + 1:  # some writers count a padding byte that is not there
        raise AudioError(path, f"is truncated: its header promises {promised} bytes, it has {status.st_size}")


class _Stream(soundfile.SoundFile):
    """A file read from front to back.

    soundfile seeks after every read of a seekable file, and an MP3 decoder that has sought leaves up to a third of a
    second silent, because its frames lean on earlier ones; a FLAC stream of unknown length cannot be sought at all.
    """

    def seekable(self) -> bool:
        """False, so that soundfile seeks by itself no more."""
        return False

    def skip_to(self, position: int) -> None:
        """Go to a sample by its number; of an MP3 the second before it is decoded, too."""
        lead = min(position, self.samplerate) if self.format == "MP3" else 0
        if position > lead:
            self.seek(position - lead)
        self.read(lead, dtype="float32")


def _open(path: str | os.PathLike[str]) -> _Stream:
    try:
        return _Stream(os.fsencode(path))  # bytes, so that any file name works
    except (soundfile.SoundFileError, OSError, TypeError) as error:  # TypeError: raw samples without a header
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        if "possibly a pipe" in reason:  # what libsndfile says of an MP3 without a whole frame
            reason = "no audio in it"
        raise AudioError(path, f"is not audio that can be read ({reason})") from None


def _decode(
    path: str | os.PathLike[str], start_s: float, end_s: float | None, block_s: float
) -> Iterator[tuple[Samples, int, bool]]:
    """Blocks as of `read_native_blocks`, with what libsndfile or PyAV gives: NaN is not looked for."""
    if Path(path).suffix.lower() in AV_SUFFIXES:
        yield from _decode_av(path, start_s, end_s)
        return
    with _open(path) as file:
        rate_hz, total = file.samplerate, file.frames
        is_guess = total > LONGEST_SAMPLES or (file.format == "MP3" and _is_guess(path, total))
        first = min(round(start_s * rate_hz), total)
        stop = total if end_s is None else min(round(end_s * rate_hz), total)
        try:
            if first:
                file.skip_to(first)
            position = first
            while position < stop:
                wanted = min(int(block_s * rate_hz), stop - position)
                block = file.read(wanted, dtype="float32")
                position += len(block)
                if len(block) < wanted:
                    if not is_guess:
                        raise AudioError(path, f"is truncated: {position} of {total} samples could be read")
                    stop = position
                mono = block if block.ndim == 1 else block.mean(axis=1)
                yield mono, rate_hz, position >= stop
        except (soundfile.SoundFileError, OSError) as error:
            reason = getattr(error, "error_string", str(error)).rstrip(".")
            raise AudioError(path, f"is damaged or truncated ({reason})") from None


def _is_guess(path: str | os.PathLike[str], total: int) -> bool:
    """Whether an MP3's `total` samples are a guess; raises AudioError for one that would lose the end."""
    with open(path, "rb") as file:
        counted = count_mp3_samples(file)
    if counted is not None and counted > total + MP3_SLACK_SAMPLES:
        raise AudioError(path, "is an MP3 of variable bit rate that does not say how long it is: convert it")
    return counted is not None


def _decode_av(
    path: str | os.PathLike[str], start_s: float, end_s: float | None
) -> Iterator[tuple[Samples, int, bool]]:
    """Blocks of what libsndfile cannot read (m4a, webm, ...), at 16 kHz, through PyAV where it is installed."""
    try:
        import av
    except ImportError:
        suffix = Path(path).suffix
        raise AudioError(path, f'{suffix} needs the package av: pip install "emotone[av]"') from None
    first = int(start_s * RATE_HZ)
    stop = None if end_s is None else int(end_s * RATE_HZ)
    position = 0
    try:
        with av.open(os.fspath(path)) as container:
            if not container.streams.audio:
                raise AudioError(path, "holds no audio stream")
            to_mono = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
            for frame in itertools.chain(container.decode(audio=0), [None]):  # None: what the resampler still holds
                for resampled in to_mono.resample(frame):
                    block = resampled.to_ndarray()[0]
                    begin, position = position, position + len(block)
                    part = block[max(0, first - begin) : None if stop is None else max(0, stop - begin)]
                    if len(part):
                        yield part, RATE_HZ, False
                    if stop is not None and position >= stop:
                        return
            promised_s = _promised_s(container)
    except av.FFmpegError as error:
        raise AudioError(path, f"is not audio that can be read ({error.strerror})") from None
    if promised_s is not None and position / RATE_HZ < promised_s - AV_SLACK_S:
        raise AudioError(path, f"is truncated: {position / RATE_HZ:.2f} of {promised_s:.2f} s could be read")


def _promised_s(container: Any) -> float | None:
    """How long an MP4 or Matroska file says its audio is; None for other formats, which only estimate it."""
    stream = container.streams.audio[0]
    if not container.format.name.startswith(("mov", "matroska")):
        return None
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration is not None and len(container.streams) == 1 else None
