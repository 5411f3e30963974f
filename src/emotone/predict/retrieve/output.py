"""Found moments as others take them: a table, JSON, clips, TextGrids for Praat, label tracks for Audacity.

Files and folders are whole or not there. Names of new files are made of the recordings' names, without anything that
could lead out of their folder, and no two are the same; TextGrids and label tracks are named as their recordings.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import soundfile

from emotone.audio.read import read_native_blocks
from emotone.base.files import check_file, new_folder, replace_file
from emotone.base.table_format import Row, write_csv
from emotone.base.text_table import align
from emotone.errors import EmotoneError, unknown
from emotone.predict.formats.editors import audacity, textgrid
from emotone.predict.formats.output import OutputNames
from emotone.predict.formats.segments import Interval
from emotone.predict.retrieve.findings import Findings, Moment, Recording

FILES = {"table": ".csv", "json": ".json"}
"""Outputs that are one file, or go to stdout."""
FOLDERS = ("clips", "textgrid", "audacity")
OUTPUTS = (*FILES, *FOLDERS)
COLUMNS = ("rank", "file", "start_s", "end_s", "score", "confidence", "speech", "error")
LONGEST_STEM = 40


def check_output(output: str, to: Path | None) -> None:
    """Raise EmotoneError, before any work, for an output that cannot be written."""
    if output not in OUTPUTS:
        raise unknown("output", output, OUTPUTS)
    if to is None:
        if output in FOLDERS:
            raise EmotoneError(f"output {output} needs a folder: --to FOLDER")
        return
    if output in FILES:
        check_file(to, FILES[output])
    elif os.path.lexists(to) and not (to.is_dir() and not any(to.iterdir())):
        raise EmotoneError(f"{to}: exists already; {output} needs a new folder, or an empty one")
    elif not to.absolute().parent.is_dir():
        raise EmotoneError(f"{to}: the folder {to.absolute().parent} does not exist")


def write_findings(findings: Findings, output: str, to: Path | None) -> None:
    """Write or print the moments; see `OUTPUTS`. Without moments there is no folder."""
    if output in FOLDERS:
        if findings.moments and to is not None:
            write = {"clips": _write_clips, "textgrid": _write_textgrids, "audacity": _write_labels}[output]
            with new_folder(to) as folder:
                write(findings, folder)
        return
    if to is None:
        print(_text(findings) if output == "table" else json_text(findings))
        return
    with replace_file(to) as temporary:
        if output == "table":
            write_csv(temporary, COLUMNS, to_rows(findings))
        else:
            temporary.write_text(json_text(findings) + "\n", encoding="ascii", newline="\n")


def to_rows(findings: Findings) -> list[Row]:
    """The moments by rank, then the files that could not be used: rows with `COLUMNS`; None is unknown."""
    rows = [_row(dataclasses.asdict(moment) | {"error": ""}) for moment in findings.moments]
    return rows + [_row({"file": recording.file, "error": recording.error}) for recording in findings.failed]


def json_text(findings: Findings) -> str:
    """The findings as a JSON object: search, bundle, totals, moments, and the recordings with errors and notes."""
    recordings = [*findings.recordings.values(), *findings.noted, *findings.failed]
    by_file = {recording.file: recording for recording in recordings}
    about = {
        "search": dataclasses.asdict(findings.search) | {"hop_s": findings.search.step_s},
        "bundle": findings.bundle,
        "num_recordings": findings.num_recordings,
        "duration_s": findings.duration_s,
        "speech_s": findings.speech_s,
        "moments": [_row(dataclasses.asdict(moment), COLUMNS[:-1]) for moment in findings.moments],
        "recordings": [
            _row(vars(recording), ("file", "duration_s", "speech_s", "num_windows", "median", "error", "note"))
            for recording in by_file.values()
        ],
    }
    return json.dumps(about, indent=1, allow_nan=False)


def safe_stem(file: str) -> str:
    """A file's name without its suffix as part of another: letters, digits, dots and hyphens; at most 40 of them.

    >>> safe_stem("../calls/Zoë: #1 (draft).mp3"), safe_stem("/"), safe_stem(".hidden.wav")
    ('Zoë_1_draft', 'recording', 'hidden')
    """
    return re.sub(r"[^\w.-]+", "_", Path(file).stem).strip("._-")[:LONGEST_STEM] or "recording"


def _row(values: Row, columns: tuple[str, ...] = COLUMNS) -> Row:
    """The columns of a row, numbers as in other tables: six digits, times in microseconds, None for NaN."""

    def tidy(name: str, value: Any) -> Any:
        if not isinstance(value, float):
            return value
        if math.isnan(value):
            return None
        return round(value, 6) if name.endswith("_s") else float(f"{value:.6g}")

    return {name: tidy(name, values.get(name)) for name in columns}


def _text(findings: Findings) -> str:
    """The table for people; errors stand in it only where there are some."""
    rows = to_rows(findings)
    if not rows:
        return "no moments"
    names = COLUMNS if findings.failed else COLUMNS[:-1]
    return align([{name: _printable(row[name]) for name in names} for row in rows])


def _printable(value: Any) -> Any:
    """A value for `align`: what would end a line or steer a terminal is shown as its code.

    >>> _printable("a\\nb"), _printable(None)
    ('a\\\\nb', nan)
    """
    if isinstance(value, str):
        return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda mark: repr(mark[0])[1:-1], value)
    return math.nan if value is None else value


def _write_clips(findings: Findings, folder: Path) -> None:
    """A clip of each moment, with its rank, recording and time in its name, and `moments.csv` that says which is which.

    16 bits, one channel, at the recording's own rate.
    """
    digits = len(str(len(findings.moments)))
    rows = to_rows(findings)
    for moment, row in zip(findings.moments, rows, strict=False):  # errors come after the moments
        times = f"{moment.start_s:.2f}-{moment.end_s:.2f}"
        row["clip"] = f"{moment.rank:0{digits}}_{safe_stem(moment.file)}_{times}.wav"
        _write_clip(folder / row["clip"], moment)
    write_csv(folder / "moments.csv", [*COLUMNS, "clip"], rows)


def _write_clip(path: Path, moment: Moment) -> None:
    content = io.BytesIO()  # libsndfile would not say why it cannot write, as of a full disk
    with contextlib.ExitStack() as stack:
        clip = None
        for samples, rate_hz in read_native_blocks(moment.file, moment.start_s, moment.end_s):
            if clip is None:
                clip = stack.enter_context(soundfile.SoundFile(content, "w", rate_hz, 1, "PCM_16", format="WAV"))
            clip.write(samples)
    path.write_bytes(content.getvalue())


def _write_textgrids(findings: Findings, folder: Path) -> None:
    """A TextGrid per recording with moments: one tier, named as the attribute; marks are rank and score."""
    for path, recording in _paths(findings, folder, ".TextGrid"):
        marks = [
            Interval(moment.start_s, moment.end_s, f"{moment.rank}: {moment.score:.3f}")
            for moment in _in_time(recording)
        ]
        text = textgrid(recording.duration_s, {findings.search.attribute: marks})
        path.write_text(text, encoding="utf-8", newline="\n")


def _write_labels(findings: Findings, folder: Path) -> None:
    """A label track for Audacity per recording with moments; labels are rank, attribute and score."""
    attribute = findings.search.attribute
    for path, recording in _paths(findings, folder, ".txt"):
        labels = (
            Interval(moment.start_s, moment.end_s, f"{moment.rank}: {attribute} {moment.score:.3f}")
            for moment in _in_time(recording)
        )
        path.write_text(audacity(labels), encoding="utf-8", newline="\n")


def _in_time(recording: Recording) -> list[Moment]:
    return sorted(recording.moments, key=lambda moment: moment.start_s)


def _paths(findings: Findings, folder: Path, suffix: str) -> Iterator[tuple[Path, Recording]]:
    """A path for each recording with moments."""
    names = OutputNames(suffix)
    for recording in findings.recordings.values():
        yield folder / names.of(recording.file), recording
