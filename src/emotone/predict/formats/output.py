"""Which form the results of `emotone predict --output` take: by the suffix of the output, or by a name.

Tables, Label Studio's tasks and audformat's table are one file for all recordings. A file of an editor is about one
recording; of several there is a folder, with a file for each that has scores and `recordings.csv`, which says whose it
is, and what was wrong with the others. People correct such files, so none is replaced unless it is asked for.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from emotone.audio.words.transcripts import is_text_file
from emotone.base.files import new_folder, replace_file
from emotone.base.result_table import Done, Form, TableForm, check_place
from emotone.base.table_format import TABLES, Row, TableFormat, read_csv_columns, table_format, write_csv
from emotone.errors import EmotoneError, name_some, unknown
from emotone.predict.formats.editors import EDITORS, Editor
from emotone.predict.formats.label_studio import write_tasks
from emotone.predict.formats.segments import Recording, recording_of
from emotone.predict.table import Table

INDEX = "recordings.csv"
"""In a folder of editors' files, the recordings: file, output, error."""
LABEL_STUDIO, AUDFORMAT = "label-studio", "audformat"
SUFFIXES = {
    **{suffix.removeprefix("."): suffix for suffix in TABLES},
    **{name: editor.suffix for name, editor in EDITORS.items()},
    LABEL_STUDIO: ".json",
    AUDFORMAT: ".csv",
}
"""Names of all formats, and the suffixes of their files."""
MOST_BYTES = 255
"""Bytes of a file's name, at most."""


def format_of(output: Path, name: str | None, files: Sequence[str]) -> str:
    """The name of an output's format; raises EmotoneError for one that cannot be, or not of these files.

    >>> format_of(Path("a.srt"), None, ["a.wav"]), format_of(Path("subtitles"), "srt", ["a.wav", "b.wav"])
    ('srt', 'srt')
    """
    by_suffix = {suffix.lower(): known for known, suffix in reversed(SUFFIXES.items())}
    if name is None:
        if output.is_dir() and output.suffix.lower() not in TABLES:
            raise EmotoneError(f"{output}: is a folder; --as {'|'.join(EDITORS)} writes a file per recording into it")
        if not output.suffix:
            raise EmotoneError(f"{output}: has no suffix that says its format; --as {'|'.join(EDITORS)} fills a folder")
        if output.suffix.lower() not in by_suffix:
            raise unknown("output format", output.suffix, [*by_suffix])
        name = by_suffix[output.suffix.lower()]
    if name not in SUFFIXES:
        raise unknown("format", name, SUFFIXES, where="--as")
    is_file = output.suffix.lower() == SUFFIXES[name].lower()
    if not is_file and (name not in EDITORS or output.suffix.lower() in by_suffix):
        folder = ", or give a folder" if name in EDITORS else ""
        raise EmotoneError(f"{output}: {name} is written as {SUFFIXES[name]}{folder}")
    if name in EDITORS:
        if is_file and len(files) != 1 and not output.is_dir():
            raise EmotoneError(
                f"{output}: is of one recording, and {len(files)} are given; --output FOLDER --as {name} writes a file "
                "for each"
            )
        if texts := [file for file in files if is_text_file(file)]:
            raise EmotoneError(f"{name} has times, and text has none: {name_some(texts)}; a table (.csv) takes it")
    return name


def form_of(output: Path, name: str, table: Table, model: str) -> Form:
    """What writes a format (`format_of`) of rows of a table; `model` is the bundle's name.

    >>> moods = Table("recording", ["calm", "tense"], False, {"emotion": {"calm": "calm", "tense": "tense"}})
    >>> type(form_of(Path("grids"), "textgrid", moods, "default")).__name__
    'Folder'
    """
    if name == AUDFORMAT:
        return TableForm(TableFormat(".csv", _write_audformat, read_csv_columns))
    if name == LABEL_STUDIO:
        return Tasks(table, model)
    if name in EDITORS:
        is_file = output.suffix.lower() == EDITORS[name].suffix.lower() and not output.is_dir()
        return (OneFile if is_file else Folder)(EDITORS[name], table)
    return TableForm(table_format(output))


class Timed:
    """What forms of segments share: what they leave out, to be told at the end."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.num_left_out = 0
        """Rows without scores, beside others of a recording that have some."""
        self.lost: list[Recording] = []
        """Recordings without any, whose errors the output does not hold."""

    def _recordings(self, done: Iterable[Done]) -> Iterator[Recording]:
        for file in done:
            recording = recording_of(file, self._table)
            self.num_left_out += 0 if recording.error else recording.num_left_out
            yield recording


class Tasks(Timed):
    """Label Studio's tasks."""

    def __init__(self, table: Table, model: str) -> None:
        super().__init__(table)
        self._model = model

    def check(self, path: Path, overwrite: bool) -> None:
        """As `Form` says."""
        _check_file(path, overwrite)

    def write(self, path: Path, columns: Sequence[str], texts: Collection[str], done: Iterable[Done]) -> None:
        """As `Form` says."""
        with replace_file(path) as temporary:
            write_tasks(temporary, self._recordings(done), self._model)


class OneFile(Timed):
    """An editor's file of one recording; of one without scores there is none."""

    def __init__(self, editor: Editor, table: Table) -> None:
        super().__init__(table)
        self._editor = editor

    def check(self, path: Path, overwrite: bool) -> None:
        """As `Form` says."""
        _check_file(path, overwrite)

    def write(self, path: Path, columns: Sequence[str], texts: Collection[str], done: Iterable[Done]) -> None:
        """As `Form` says."""
        for recording in self._recordings(done):
            if recording.error:
                self.lost.append(recording)
                continue
            with replace_file(path) as temporary:
                temporary.write_text(self._editor.text(recording), encoding="utf-8", newline="\n")


class Folder(Timed):
    """A folder of editors' files, of several recordings; a folder that has other files keeps those."""

    def __init__(self, editor: Editor, table: Table) -> None:
        super().__init__(table)
        self._editor = editor

    def check(self, path: Path, overwrite: bool) -> None:
        """As `Form` says."""
        check_place(path)
        if os.path.lexists(path) and not path.is_dir():
            raise EmotoneError(f"{path}: is there already and no folder")
        if not overwrite and path.is_dir() and any(path.iterdir()):
            raise EmotoneError(f"{path}: is no empty folder; --overwrite replaces files in it")

    def write(self, path: Path, columns: Sequence[str], texts: Collection[str], done: Iterable[Done]) -> None:
        """As `Form` says; where the folder has files already, each file of it is whole or not there."""
        if path.is_dir() and any(path.iterdir()):
            self._write_into(path, done, replace_file)
            return
        with new_folder(path) as folder:
            self._write_into(folder, done, contextlib.nullcontext)

    def _write_into(
        self, folder: Path, done: Iterable[Done], put: Callable[[Path], AbstractContextManager[Path]]
    ) -> None:
        rows: list[Row] = []
        names = OutputNames(self._editor.suffix)
        for recording in self._recordings(done):
            name = "" if recording.error else names.of(recording.file)
            rows.append({"file": recording.file, "output": name, "error": recording.error})
            if name:
                with put(folder / name) as place:
                    place.write_text(self._editor.text(recording), encoding="utf-8", newline="\n")
        with put(folder / INDEX) as place:
            write_csv(place, ["file", "output", "error"], rows)


class OutputNames:
    """Names of files beside each other that are each about a recording: its own, with another suffix.

    Of two that differ in folder, suffix or the case of letters alone the second ends in -2.

    >>> names = OutputNames(".srt")
    >>> names.of("a/My talk (1).wav"), names.of("b/my talk (1).mp3"), names.of("c/other.wav")
    ('My talk (1).srt', 'my talk (1)-2.srt', 'other.srt')
    """

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        self._taken: set[str] = set()

    def of(self, file: str) -> str:
        """The name for the next recording."""
        number = 1
        name = self._name(file, "")
        while name.casefold() in self._taken:
            number += 1
            name = self._name(file, f"-{number}")
        self._taken.add(name.casefold())
        return name

    def _name(self, file: str, end: str) -> str:
        """A name as long as there may be; temporary files have 14 bytes more."""
        end += self._suffix
        stem = os.fsencode(Path(file).stem)[: MOST_BYTES - 14 - len(end)]
        return (os.fsdecode(stem) if os.fsdecode(stem) == Path(file).stem else stem.decode("utf-8", "ignore")) + end


def _check_file(path: Path, overwrite: bool) -> None:
    check_place(path)
    if path.is_dir():
        raise EmotoneError(f"{path}: is a folder")
    if not overwrite and path.exists() and path.stat().st_size:
        raise EmotoneError(f"{path}: is there already, and somebody may have worked on it; --overwrite replaces it")


def _write_audformat(path: Path, columns: Sequence[str], rows: Iterable[Row], texts: Collection[str]) -> None:
    """A table with the segmented index of audformat: file, start and end as time spans; no end is that of the file.

    Texts stay as they are, also such as a spreadsheet would take for formulas: files are found by them.
    """
    names = {"start_s": "start", "end_s": "end"}

    def indexed() -> Iterator[Row]:
        for row in rows:
            is_known = row["end_s"] is not None and (row["end_s"] > 0 or not row["error"])
            spans = {"start": _time_span(row["start_s"] or 0.0), "end": _time_span(row["end_s"]) if is_known else ""}
            yield row | spans

    write_csv(path, [names.get(column, column) for column in columns], indexed(), with_formulas=True)


def _time_span(time_s: float) -> str:
    """Seconds as pandas writes time spans.

    >>> _time_span(90_061.5)
    '1 days 01:01:01.500000'
    """
    us = round(1e6 * time_s)
    seconds = us // 1_000_000
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{seconds // 86_400} days {clock}.{us % 1_000_000:06}"
