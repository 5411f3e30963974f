"""Fixed splits as a JSON file: lists of ids by part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotone.errors import EmotoneError


def read_lists(path: Path, parts: Sequence[str]) -> list[dict[str, list[str]]]:
    """The folds of a file that holds {part: [id, ..]}, or a list of those; `parts` are those that may be there.

    Raises EmotoneError for a missing or unreadable file, and for one that holds something else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "lists.json").write_text('{"train": ["a"], "test": ["b"]}')
    ...     read_lists(Path(folder) / "lists.json", ("train", "test"))
    [{'train': ['a'], 'test': ['b']}]
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EmotoneError(f"{path} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise EmotoneError(f"{path}: cannot be read as JSON ({error})") from None
    folds = about if isinstance(about, list) and about else [about]
    if not all(isinstance(lists, dict) and all(_is_ids(ids) for ids in lists.values()) for lists in folds):
        raise EmotoneError(f"{path}: must be {{part: [id, ..]}} (or a list of such) with the parts {', '.join(parts)}")
    return folds


def _is_ids(ids: Any) -> bool:
    return isinstance(ids, list) and all(isinstance(id_, str) for id_ in ids)
