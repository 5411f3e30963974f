"""A pass over the audio of a corpus that measures every utterance, each file decoded once.

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

from emotone.audio.read import clip, read_native_blocks
from emotone.base.files import file_state, replace_file
from emotone.base.processes import map_ordered
from emotone.base.progress import track
from emotone.corpora.corpus import Corpus, corpora_folder
from emotone.corpora.measure import Measure
from emotone.errors import EmotoneError

VERSION = 2
"""To be raised when a measure changes, so that all audio is read again."""
SAVE_EVERY_S = 30.0
"""So much work may a scan lose that is killed."""
KEY = ["file", "start_s", "end_s", "size", "time_ns"]
AUDIO_COLUMNS = ("content", "copy_of")
"""Equal where the audio of two utterances is: sample by sample, or as copies of one recording (`find_copies`)."""
MEASURES = ["duration_s", "content", "peak", "clipped_share", "is_silent", "sketch"]
KINDS: dict[str, Any] = {
    "file": object,
    "start_s": float,
    "end_s": float,
    "size": "int64",
    "time_ns": "int64",
    "duration_s": float,
    "content": object,
    "peak": float,
    "clipped_share": float,
    "is_silent": "boolean",
    "sketch": object,
    "error": object,
}
"""Columns of what is kept, with their types."""

Row = dict[str, Any]
Task = tuple[str, list[Row]]


def scan(corpus: Corpus, jobs: int = 1, quiet: bool = False) -> pd.DataFrame:
    """Measures of every utterance, indexed by `id`, in the order of the corpus.

    `duration_s`, `content`, `peak`, `clipped_share`, `is_silent` and `sketch` are as of `emotone.corpora.measure`;
    `error` is the line that says why an utterance could not be measured, or "". Where there is an error the rest is
    null.

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
    parts_of: dict[str, list[Row]] = {}
    for part in todo.loc[todo["_merge"] == "left_only", KEY].to_dict("records"):
        parts_of.setdefault(part["file"], []).append(part)
    tasks: list[Task] = [(str(corpus.path_of(file)), parts) for file, parts in parts_of.items()]
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
    """The utterance table with the `AUDIO_COLUMNS` that the scan has; without a scan, the table itself."""
    columns = [column for column in AUDIO_COLUMNS if scan is not None and column in scan]
    return table if scan is None else table.assign(**{column: table["id"].map(scan[column]) for column in columns})


def _wanted(corpus: Corpus) -> pd.DataFrame:
    """Utterances with what identifies their audio: the part of the file, the file's size and time."""
    table = corpus.utterances[["id", "file", "start_s", "end_s"]].copy()
    states = table["file"].map({file: file_state(corpus.path_of(file)) for file in table["file"].unique()})
    table["size"], table["time_ns"] = states.str[0], states.str[1]
    table["start_s"] = table["start_s"].fillna(0.0)
    table["end_s"] = table["end_s"].fillna(np.inf)  # null would not equal null
    return table


def _cache_path(corpus: Corpus) -> Path:
    digest = hashlib.sha256(f"{VERSION} {corpus.root.resolve()}".encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return corpora_folder() / corpus.name / f"audio-{digest}.parquet"


def _read(path: Path) -> pd.DataFrame:
    """The measures that are kept; none where the file is missing or damaged, since all can be measured again."""
    try:
        return pd.read_parquet(path).astype(KINDS)
    except (OSError, ValueError, KeyError):
        return _frame([])


def _write(path: Path, known: pd.DataFrame, news: list[Row]) -> None:
    """Keep the measures, but no failures, so that these are tried again."""
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
    measures = [Measure(part["start_s"], part["end_s"]) for part in parts]
    error = ""
    try:
        # At the file's own rate, where clipping still shows and no resampler has touched the content.
        for samples, rate_hz in read_native_blocks(path):
            for measure in measures if len(samples) else []:
                measure.update(clip(samples, path), rate_hz)
            if all(measure.is_whole for measure in measures):
                break
    except EmotoneError as reason:
        error = str(reason)
    return [part | measure.result(path, error) for part, measure in zip(parts, measures, strict=True)]


def _died(task: Task) -> list[Row]:
    """The rows of a file that took the process with it."""
    return [part | {"error": f"{task[0]}: the process that read it died"} for part in task[1]]
