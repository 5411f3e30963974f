"""Predictions as pandas tables: a row per file, or per part of a file that an index of audformat names.

pandas is loaded by calling these, and by nothing else of prediction.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from emotone.base.result_table import TEXT_COLUMNS
from emotone.base.table_format import Row
from emotone.errors import EmotoneError
from emotone.predict.prediction import Prediction
from emotone.predict.table import Table

if TYPE_CHECKING:
    import pandas

PLACE = ("file", "start_s", "end_s")
"""Columns of a table that its index has where it is audformat's."""
LEVELS = ["file", "start", "end"]
"""Of a segmented index (https://audeering.github.io/audformat/data-tables.html); a filewise one has the first."""


class Part(NamedTuple):
    """A part of a file, in seconds; `end_s` None: up to its end."""

    file: str
    start_s: float = 0.0
    end_s: float | None = None


def import_pandas(caller: str) -> Any:
    """pandas; raises EmotoneError, which names what needs it, where it is not installed."""
    try:
        import pandas
    except ImportError:
        raise EmotoneError(f"{caller} needs the package pandas: pip install pandas") from None
    return pandas


def check_files(files: Iterable[str | os.PathLike[str]], caller: str) -> list[str]:
    """Paths as text; raises EmotoneError for one file in place of several, and for what is no path.

    >>> check_files("talk.wav", "predict_files")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: predict_files takes a list of files, not str
    """
    if isinstance(files, str | bytes | os.PathLike) or not isinstance(files, Iterable):
        raise EmotoneError(f"{caller} takes a list of files, not {type(files).__name__}")
    found = []
    for file in files:
        if not isinstance(file, str | os.PathLike):
            raise EmotoneError(f"{caller} takes a list of files; {type(file).__name__} is none")
        found.append(os.fspath(file))
    return found


def to_frame(table: Table, predictions: Iterable[Prediction]) -> pandas.DataFrame:
    """The rows of predictions as a table: numbers float64, NaN where nothing was scored, texts or None."""
    pandas = import_pandas("a table of predictions")
    rows: list[Row] = [row for prediction in predictions for row in table.rows(prediction)]
    texts = {*TEXT_COLUMNS, *table.choices}
    return pandas.DataFrame(
        {name: _column(pandas, [row[name] for row in rows], name in texts) for name in table.columns}
    )


def _column(pandas: Any, values: list[Any], is_text: bool) -> Any:
    return pandas.Series(values, dtype=object if is_text else float)


def parts_of(index: Any, root: str | os.PathLike[str] | None = None) -> list[Part]:
    """The parts of files that an index of audformat names, filewise or segmented; relative files lie below `root`.

    An end of NaT is that of the file. Raises EmotoneError for any other index, and for times that are none.

    >>> import pandas
    >>> parts_of(pandas.Index(["a.wav", "b.wav"], name="file"), root="/data")
    [Part(file='/data/a.wav', start_s=0.0, end_s=None), Part(file='/data/b.wav', start_s=0.0, end_s=None)]
    """
    pandas = import_pandas("predict_index")
    if not isinstance(index, pandas.Index) or list(index.names) not in (LEVELS, LEVELS[:1]):
        given = f"an index of {list(index.names)}" if isinstance(index, pandas.Index) else type(index).__name__
        raise EmotoneError(
            f"predict_index takes an index of audformat, with the levels file, or file, start, end, not {given}"
        )
    files = check_files(index.get_level_values("file"), "predict_index")
    files = [file if root is None else os.path.join(root, file) for file in files]
    if index.nlevels == 1:
        return [Part(file) for file in files]
    starts, ends = (_seconds(pandas, index.get_level_values(name), name) for name in LEVELS[1:])
    return [
        Part(file, 0.0 if math.isnan(start) else start, None if math.isnan(end) else end)
        for file, start, end in zip(files, starts, ends, strict=True)
    ]


def _seconds(pandas: Any, times: Any, name: str) -> Sequence[float]:
    if not pandas.api.types.is_timedelta64_dtype(times):
        raise EmotoneError(f"predict_index takes times as pandas.Timedelta; the level {name} is of type {times.dtype}")
    return times.total_seconds().tolist()


def with_index(frame: pandas.DataFrame, index: pandas.Index) -> pandas.DataFrame:
    """A table of one row per part, with the index that named the parts in place of file and times."""
    return frame.drop(columns=list(PLACE)).set_index(index)
