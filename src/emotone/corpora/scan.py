"""What a corpus's audio is like: length, content, peak, clipping and errors of every utterance, each file decoded once.

The result is kept beside the prepared corpus, by path, size and time of the files: a second call reads nothing, a
changed file is read again, and an interrupted scan goes on.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.level import SILENCE_PEAK
from emotone.audio.read import Samples, clip, read_native_blocks
from emotone.base.files import replace_file
from emotone.base.processes import map_ordered
from emotone.base.progress import track
from emotone.corpora.copies import SKETCHED_S, sketch
from emotone.corpora.corpus import Corpus, corpora_folder
from emotone.errors import EmotoneError

VERSION = 1
"""Of what is measured: another one reads all audio again."""
SAVE_EVERY_S = 30.0
"""How much work a scan that is killed may lose."""
FULL_SCALE = 32_768
"""Steps of 16 bits, to which samples are rounded."""
CLIPPED_RUN = 3
"""So many equal extreme samples in a row are clipped."""
LOWEST_TOP = FULL_SCALE // 100
"""Below -40 dB of full scale the steps of 16 bits are too coarse to tell a flat top."""
KEY = ["file", "start_s", "end_s", "size", "time_ns"]
AUDIO_COLUMNS = ("content", "copy_of")
"""What tells that the audio of two utterances is the same: sample by sample, and as far as `find_copies` can tell."""
MEASURES = ["duration_s", "content", "peak", "clipped_share", "is_silent", "sketch"]
KINDS: dict[str, Any] = {
    "file": object, "start_s": float, "end_s": float, "size": "int64", "time_ns": "int64", "duration_s": float,
    "content": object, "peak": float, "clipped_share": float, "is_silent": "boolean", "sketch": object,
    "error": object,
}  # fmt: skip

Row = dict[str, Any]
Task = tuple[str, list[Row]]


def scan(corpus: Corpus, jobs: int = 1, quiet: bool = False) -> pd.DataFrame:
    """What the audio of every utterance is like, indexed by `id`, in the order of the corpus.

    `duration_s` (seconds); `content` (hash of the samples); `peak` (1 is full scale); `clipped_share` of the samples;
    `is_silent` (below -80 dB of full scale); `sketch` (bytes, for `audio_copies.find_copies`);
    `error` (the line, or ""). Where there is an error, the rest is null; a
    silent utterance has no content, so that one silence is no duplicate of another.

    The content is that of the samples at the file's own rate, averaged over channels and rounded to 16 bits, without
    the digital silence at both ends: it is the same under another name, in another lossless container, in more bits.

    Clipped are the samples in runs of 3 or more at the highest value of the utterance, and likewise the lowest, where
    there are two such runs: a natural peak is flat too where it is low in pitch and level, but is reached once. Flat
    tops at the utterance's own extreme are found whatever the gain was afterwards (Eaton & Naylor, Detection of
    clipping in coded speech signals, EUSIPCO 2013); a lossy coder blurs them, and what it hides is not counted.

    >>> import tempfile, soundfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.clip(np.sin(np.arange(8_000) / 9), -0.5, 0.5), 16_000)
    ...     corpus = Corpus("sine", Path(folder), pd.DataFrame({"id": ["a"], "file": ["a.wav"]}))
    ...     scan(corpus).loc["a", "clipped_share"] > 0.5
    np.True_
    """
    path = _cache_path(corpus)
    wanted = _wanted(corpus)
    known = _read(path)
    todo = wanted[KEY].drop_duplicates().merge(known[KEY], how="left", indicator=True)
    tasks = [
        (str(corpus.path_of(file)), parts.to_dict("records"))
        for file, parts in todo.loc[todo["_merge"] == "left_only", KEY].groupby("file", sort=False)
    ]
    results = map_ordered(_scan_file, tasks, jobs, died=_died)
    news: list[Row] = []
    saved_s = time.monotonic()
    try:
        for rows in track(results, len(tasks), f"audio of {corpus.name}", quiet):
            news += rows
            if time.monotonic() - saved_s > SAVE_EVERY_S:
                _write(path, known, news)
                saved_s = time.monotonic()
    finally:
        if news:
            _write(path, known, news)
    found = wanted.merge(_joined(known, news), on=KEY, how="left").set_index("id")
    return found[[*MEASURES, "error"]]


def with_equal_audio(table: pd.DataFrame, scan: pd.DataFrame | None) -> pd.DataFrame:
    """The utterance table with those of `AUDIO_COLUMNS` that the scan has; without a scan, the table itself."""
    columns = [column for column in AUDIO_COLUMNS if scan is not None and column in scan]
    return table if scan is None else table.assign(**{column: table["id"].map(scan[column]) for column in columns})


def _wanted(corpus: Corpus) -> pd.DataFrame:
    """Utterances with what identifies their audio: the part of the file, the file's size and time."""
    table = corpus.utterances[["id", "file", "start_s", "end_s"]].copy()
    states = table["file"].map({file: _state(corpus.path_of(file)) for file in table["file"].unique()})
    table["size"], table["time_ns"] = states.str[0], states.str[1]
    table["start_s"] = table["start_s"].fillna(0.0)
    table["end_s"] = table["end_s"].fillna(np.inf)  # null would not equal null
    return table


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except (OSError, ValueError):  # reading it will say what is wrong
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _cache_path(corpus: Corpus) -> Path:
    digest = hashlib.sha256(f"{VERSION} {corpus.root.resolve()}".encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return corpora_folder() / corpus.name / f"audio-{digest}.parquet"


def _read(path: Path) -> pd.DataFrame:
    """What is known; nothing where the file is missing or damaged, since all of it can be had again."""
    try:
        return pd.read_parquet(path).astype(KINDS)
    except (OSError, ValueError, KeyError):
        return _frame([])


def _write(path: Path, known: pd.DataFrame, news: list[Row]) -> None:
    """Failures are left out, so that they are tried again."""
    table = _joined(known, news)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as temporary:
        table[table["error"] == ""].to_parquet(temporary, index=False)


def _joined(known: pd.DataFrame, news: list[Row]) -> pd.DataFrame:
    return pd.concat([known, _frame(news)], ignore_index=True) if news else known


def _frame(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS)


# ---- one file ---------------------------------------------------------------------------------------------------


def _scan_file(task: Task) -> list[Row]:
    """The measures of the wanted parts of a file, in one pass over it."""
    path, parts = task
    measures = [_Measure(part["start_s"], part["end_s"]) for part in parts]
    error = ""
    try:
        # At the file's own rate, where clipping still shows and no resampler has touched the content.
        for samples, rate_hz, _ in read_native_blocks(path):
            for measure in measures if len(samples) else []:
                measure.update(clip(samples, path), rate_hz)
            if all(measure.is_whole for measure in measures):
                break
    except EmotoneError as reason:
        error = str(reason)
    return [part | measure.result(path, error) for part, measure in zip(parts, measures, strict=True)]


def _died(task: Task) -> list[Row]:
    return [part | {"error": f"{task[0]}: the process that read it died"} for part in task[1]]


class _Measure:
    """What is measured of one part of a file, as its blocks come."""

    def __init__(self, start_s: float, end_s: float) -> None:
        self.start_s, self.end_s = start_s, end_s
        self.is_whole = False
        self._rate_hz = self._position = self._num_samples = 0
        self._peak = 0.0
        self._content, self._sketch = _Content(), _Sketch()
        self._tops = (_FlatTops(), _FlatTops())

    def update(self, samples: Samples, rate_hz: int) -> None:
        """Take what belongs to the part from the next samples of the file."""
        first = max(round(self.start_s * rate_hz) - self._position, 0)
        stop = len(samples) if np.isinf(self.end_s) else max(round(self.end_s * rate_hz) - self._position, 0)
        own = samples[first:stop]
        self._rate_hz = rate_hz
        self._position += len(samples)
        self._num_samples += len(own)
        self.is_whole = stop <= len(samples) and not np.isinf(self.end_s)
        if not len(own):
            return
        self._peak = max(self._peak, float(np.abs(own).max()))
        steps = np.rint(own * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2")
        self._content.update(steps, rate_hz)
        self._sketch.update(own, rate_hz, self.is_whole)
        self._tops[0].update(steps)
        self._tops[1].update(~steps)  # -1 - steps: the same range, upside down

    def result(self, path: str, error: str) -> Row:
        """The measures, or the error: of the part, or of the file where it kept the part from being read."""
        if error and self.is_whole and self._num_samples:
            error = ""
        elif not error and not self._num_samples:
            error = f"{path}: ends before {self.start_s:g} s" if self.start_s else f"{path}: holds no samples"
        if error:
            return {"error": error}
        is_silent = self._peak < SILENCE_PEAK
        return {
            "duration_s": self._num_samples / self._rate_hz,
            "content": None if is_silent else self._content.hash,
            "peak": self._peak,
            "clipped_share": sum(top.num_clipped for top in self._tops) / self._num_samples,
            "is_silent": is_silent,
            "sketch": self._sketch.bytes,
            "error": "",
        }


class _Content:
    """Hash of 16-bit samples without the zeros at both ends."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._num_zeros = -1  # since the last sound; -1 before the first

    def update(self, steps: NDArray[np.int16], rate_hz: int) -> None:
        """Take the next samples."""
        sounding = np.flatnonzero(steps)
        if not len(sounding):
            self._num_zeros += len(steps) if self._num_zeros >= 0 else 0
            return
        first, stop = sounding[0], sounding[-1] + 1
        if self._num_zeros < 0:
            self._digest.update(f"{rate_hz} Hz".encode())
        else:
            first = 0
            self._digest.update(bytes(2 * self._num_zeros))
        self._digest.update(steps[first:stop].tobytes())
        self._num_zeros = len(steps) - int(stop)

    @property
    def hash(self) -> str:
        """32 hexadecimal digits."""
        return self._digest.hexdigest()


class _Sketch:
    """The sketch of the first samples; they are held no longer than it takes."""

    def __init__(self) -> None:
        self._held: list[Samples] = []
        self._rate_hz = self._num_held = 0
        self._done = b""

    def update(self, samples: Samples, rate_hz: int, is_last: bool) -> None:
        """Take the next samples, as many as are sketched."""
        if self._done:
            return
        missing = int(SKETCHED_S * rate_hz) - self._num_held
        self._held.append(samples[:missing].copy())
        self._rate_hz = rate_hz
        self._num_held += len(self._held[-1])
        if is_last or len(samples) >= missing:
            self._finish()

    def _finish(self) -> None:
        self._done = sketch(np.concatenate(self._held), self._rate_hz).tobytes()
        self._held.clear()

    @property
    def bytes(self) -> bytes:
        """The sketch's bytes, once all samples have come."""
        if not self._done:
            self._finish()
        return self._done


class _FlatTops:
    """Runs of equal samples at the highest value."""

    def __init__(self) -> None:
        self._top = LOWEST_TOP
        self._num_runs = self._num_samples = 0

    def update(self, steps: NDArray[np.int16]) -> None:
        """Take the next samples; a run that goes over the border of two blocks counts as two."""
        top = int(steps.max())
        if top < self._top:
            return
        if top > self._top:
            self._top, self._num_runs, self._num_samples = top, 0, 0
        at_top = np.flatnonzero(np.diff((steps == top).astype(np.int8), prepend=0, append=0))
        lengths = at_top[1::2] - at_top[::2]
        lengths = lengths[lengths >= CLIPPED_RUN]
        self._num_runs += len(lengths)
        self._num_samples += int(lengths.sum())

    @property
    def num_clipped(self) -> int:
        """Samples in those runs, where there are two or more."""
        return self._num_samples if self._num_runs > 1 else 0
