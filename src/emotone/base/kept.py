"""Files in which Emotone keeps what it has made, read back: whatever is wrong with one is a line that names it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError

if TYPE_CHECKING:
    import pandas


def read_object(path: Path, **types: type) -> dict[str, Any]:
    """A JSON object, which must have keys of these names and types; raises EmotoneError.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "done.json").write_text('{"cpu_s": 1.5}')
    ...     read_object(Path(folder) / "done.json", cpu_s=float)
    {'cpu_s': 1.5}
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EmotoneError(f"{path}: cannot be read ({_reason(error)})") from None
    if not isinstance(about, dict):
        raise EmotoneError(f"{path}: cannot be read (it holds no object)")
    for name, kind in types.items():
        if not isinstance(about.get(name), kind):
            raise EmotoneError(f"{path}: cannot be read (it has no {name}, or one that is no {kind.__name__})")
    return about


def read_rows(path: Path, columns: Sequence[str] = ()) -> pandas.DataFrame:
    """A Parquet or CSV table, which must have these columns; raises EmotoneError."""
    import pandas

    try:
        table = pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path)
    except FileNotFoundError:
        raise EmotoneError(f"{path} is missing; run emotone train again") from None
    except (ValueError, TypeError, KeyError, OSError) as error:  # torn, empty or another format
        raise EmotoneError(f"{path}: cannot be read ({_reason(error)})") from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise EmotoneError(f"{path}: has no column {', '.join(missing)}")
    return table


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())
