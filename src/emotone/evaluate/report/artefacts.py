"""Tables that training leaves beside the bundle of each fold: where they lie, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from emotone.base.kept import read_rows
from emotone.errors import EmotoneError
from emotone.evaluate.run_folder import Run, places_of


def find_folds(run: Run, name: str, step: str = "") -> dict[str, Path]:
    """{fold: the folder that holds a file of that name}, that of a step before the fold's own.

    The fold of a run with one fold is "". A bundle tested on a corpus has no folds.
    """
    if not (run.folder / "recipe.yaml").is_file():
        return {}
    found = {}
    for place in places_of(run.folder):
        folders = [folder for folder in (place / step, place) if (folder / name).is_file()]
        if folders:
            found["" if place == run.folder else place.relative_to(run.folder).as_posix()] = folders[0]
    return found


def read_artefact(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A Parquet or CSV table that must have these columns and rows; raises EmotoneError naming the file."""
    table = read_rows(path, columns)
    if table.empty:
        raise EmotoneError(f"{path}: has no rows")
    return table


def finite_numbers(values: pd.Series, path: Path) -> pd.Series:
    """The column as float64, NaN where a cell is empty; raises EmotoneError for words and infinite numbers."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    wrong = (numbers.isna() & values.notna()) | np.isinf(numbers)
    if wrong.any():
        raise EmotoneError(
            f"{path}: {int(wrong.sum())} of {len(values)} values of {values.name} are no finite numbers, "
            f"e.g. {values[wrong].iloc[0]!r}"
        )
    return numbers


def check_codes(codes: pd.Series, path: Path, num_codes: int | None = None) -> None:
    """Raise EmotoneError for a column that does not hold whole numbers from 0 (below `num_codes`)."""
    allowed = "whole numbers from 0" + (f" to {num_codes - 1}" if num_codes else "")
    wrong = pd.Series(True, codes.index)
    if pd.api.types.is_integer_dtype(codes) and not codes.isna().any():
        wrong = (codes < 0) | (codes >= (num_codes or np.inf))
    if wrong.any():
        raise EmotoneError(
            f"{path}: column {codes.name} must hold {allowed}, but {int(wrong.sum())} of {len(codes)} values do not, "
            f"e.g. {codes[wrong].iloc[0]!r}"
        )


def fold_note(fold: str, num_folds: int) -> str:
    """Which fold it is, to be said where there are several.

    >>> fold_note("fold-0", 9)
    '; fold-0, the first of 9 folds'
    """
    return f"; {fold}, the first of {num_folds} folds" if num_folds > 1 else ""
