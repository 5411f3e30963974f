"""Tables that training leaves: found in every fold, and what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import make_run, predictions

from emotone.errors import EmotoneError
from emotone.evaluate.report.artefacts import check_codes, find_folds, finite_numbers, read_artefact

PATH = Path("folder/table.parquet")


def test_the_folder_of_a_step_comes_before_that_of_the_fold(tmp_path: Path) -> None:
    run = make_run(predictions(12, 2))
    run.folder = tmp_path
    for name in ("repeat-0/fold-0", "repeat-0/fold-1", "repeat-1/fold-0/step", "repeat-1/fold-1"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.csv").touch()
    (tmp_path / "repeat-0/fold-1/a.csv").unlink()
    for place in tmp_path.glob("repeat-*/fold-*"):
        (place / "done.json").touch()
    assert find_folds(run, "a.csv") == {}  # no recipe: not a run
    (tmp_path / "recipe.yaml").touch()
    assert find_folds(run, "a.csv", "step") == {
        "repeat-0/fold-0": tmp_path / "repeat-0/fold-0",
        "repeat-1/fold-0": tmp_path / "repeat-1/fold-0/step",
        "repeat-1/fold-1": tmp_path / "repeat-1/fold-1",
    }
    assert find_folds(run, "b.csv") == {}


def test_a_run_of_one_fold_is_its_own_fold(tmp_path: Path) -> None:
    run = make_run(predictions(12, 2))
    run.folder = tmp_path
    for name in ("recipe.yaml", "done.json", "a.csv"):
        (tmp_path / name).touch()
    assert find_folds(run, "a.csv", "step") == {"": tmp_path}


def test_tables_are_read_from_both_kinds_of_files(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    table.to_parquet(tmp_path / "t.parquet")
    table.to_csv(tmp_path / "t.csv", index=False)
    for name in ("t.parquet", "t.csv"):
        assert read_artefact(tmp_path / name, ["a"])["a"].tolist() == [1, 2]
        with pytest.raises(EmotoneError, match=rf"{name}: has no column c, d"):
            read_artefact(tmp_path / name, ["c", "a", "d"])


@pytest.mark.parametrize(
    ("content", "words"), [(None, "is missing; run"), (b"PAR1", "cannot be read ("), (b"", "read")]
)
def test_damaged_files_are_one_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(EmotoneError) as caught:
        read_artefact(tmp_path / "t.parquet", ["a"])
    assert words in str(caught.value) and str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_is_no_error_but_infinity_and_words_are() -> None:
    found = finite_numbers(pd.Series([1, None, "2.5"], name="label", dtype=object), PATH)
    np.testing.assert_array_equal(found, [1.0, np.nan, 2.5])
    with pytest.raises(EmotoneError, match=r"table.parquet: 2 of 3 values of label are no finite numbers, e.g. inf"):
        finite_numbers(pd.Series([np.inf, 1, "many"], name="label", dtype=object), PATH)


@pytest.mark.parametrize(
    ("codes", "num_codes", "words"),
    [
        ([0, 1, 6], 6, "whole numbers from 0 to 5, but 1 of 3 values do not, e.g. "),
        ([0, -1, 2], None, "whole numbers from 0, but 1 of 3"),
        ([0.0, 1.0, 2.0], None, "whole numbers from 0, but 3 of 3"),
        ([0, None, 2], None, "3 of 3"),
    ],
)
def test_codes_are_whole_numbers(codes: list[Any], num_codes: int | None, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        check_codes(pd.Series(codes, name="level"), PATH, num_codes)
    check_codes(pd.Series([0, 5], name="level"), PATH, 6)
