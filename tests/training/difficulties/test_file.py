"""Values from files, however they name utterances; and the published DeepMI values, which order MSP-Podcast 1.8."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.errors import EmotoneError
from emotone.training.curriculum import Curriculum
from emotone.training.difficulties.file import File
from emotone.training.fold_data import FoldData

Name = Callable[[Any], str]
NAMES: dict[str, Name] = {
    "id": lambda row: row.id,
    "file": lambda row: row.file,
    "last part": lambda row: PurePosixPath(row.file).name,
}


def write(path: Path, values: dict[str, Any]) -> str:
    path.write_text(json.dumps(values))
    return str(path)


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_values_are_found_by_any_kind_of_name(fold_of: Callable[..., FoldData], tmp_path: Path, name: Name) -> None:
    """Of all utterances, those that do not train too, in any order."""
    fold = fold_of()
    rows = list(fold.dataset.table.itertuples())
    values = {name(row): number / 7 for number, row in enumerate(reversed(rows))}
    found = File(write(tmp_path / "values.json", values))(fold, pytest.fail)
    assert found.tolist() == [values[name(row)] for row in fold.train.itertuples()]
    only = {key: value for key, value in values.items() if key in {name(row) for row in fold.train.itertuples()}}
    assert File(write(tmp_path / "only.json", only))(fold, pytest.fail).tolist() == found.tolist() and len(only) == 10


def test_copies_have_the_value_of_their_utterance(fold_of: Callable[..., FoldData], tmp_path: Path) -> None:
    fold = fold_of(augmentation={"channels": 2})
    values = {row.file: float(number) for number, row in enumerate(fold.dataset.table.itertuples())}
    found = File(write(tmp_path / "values.json", values))(fold, pytest.fail)
    assert found.tolist() == [values[file] for file in fold.train["file"]] and len(found) == 20


def test_utterances_that_the_recipe_leaves_out_are_known(fold_of: Callable[..., FoldData], tmp_path: Path) -> None:
    """One file serves all recipes of a corpus."""
    whole = fold_of()
    speakers = sorted(set(whole.dataset.table["speaker"]))[:3]
    fold = fold_of(where={"speaker": speakers}, split={"name": "leave-speakers-out", "num_folds": 3})
    for name in NAMES.values():
        values = {name(row): 1.0 for row in whole.dataset.table.itertuples()}
        assert len(File(write(tmp_path / "values.json", values))(fold, pytest.fail)) == 5


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_what_does_not_fit_is_counted_and_named(fold_of: Callable[..., FoldData], tmp_path: Path, name: Name) -> None:
    fold = fold_of()
    values = {name(row): 0.5 for row in fold.dataset.table.itertuples()}
    first, second = (name(row) for row in list(fold.train.itertuples())[:2])
    lacks = {key: value for key, value in values.items() if key not in (first, second)}
    with pytest.raises(EmotoneError, match=rf"lacks.json .*2 of 10 utterances have no value, e.g. '{first}'"):
        File(write(tmp_path / "lacks.json", lacks))(fold, pytest.fail)
    with pytest.raises(EmotoneError, match=r"more.json .*1 of 21 values are of unknown utterances, e.g. 'zz'"):
        File(write(tmp_path / "more.json", values | {"zz": 1.0}))(fold, pytest.fail)
    with pytest.raises(EmotoneError, match="other.json .*10 of 10 utterances have no value"):
        File(write(tmp_path / "other.json", {"a": 1.0}))(fold, pytest.fail)


def test_names_that_are_not_unique_are_refused(fold_of: Callable[..., FoldData], tmp_path: Path) -> None:
    """Two files of one name in two folders: neither can be meant."""
    fold = fold_of()
    for table in (fold.train, fold.dataset.table):
        table["file"] = [f"{number}/speech.wav" for number in range(len(table))]
    with pytest.raises(EmotoneError, match="'speech.wav'"):
        File(write(tmp_path / "values.json", {"speech.wav": 1.0}))(fold, pytest.fail)


@pytest.mark.parametrize("text", ["", "no json", "[1, 2]", "{}", '{"a": "b"}', '{"a": NaN}'])
def test_what_is_no_such_file(fold_of: Callable[..., FoldData], tmp_path: Path, text: str) -> None:
    (tmp_path / "values.json").write_text(text)
    with pytest.raises(EmotoneError, match="values.json") as caught:
        File(str(tmp_path / "values.json"))(fold_of(), pytest.fail)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("attribute", ["Act", "Dom", "Val"])
def test_published_values_order_a_curriculum(shared: Path, attribute: str) -> None:
    """Ten levels of MSP-Podcast 1.8: the most informative first, ties by name, each level a part of the next."""
    path = shared / f"published/DeepMI-Curriculum-Metric/curriculum_metric_v1.8/DeepMI_50clusters@_{attribute}.json"
    values = json.loads(path.read_text())
    files = sorted(values)[::-1]  # whatever the order of the corpus
    table = pd.DataFrame({"file": [f"Audios/{file}" for file in files], "id": [file[:-4] for file in files]})
    fold: Any = SimpleNamespace(
        dataset=SimpleNamespace(table=table, corpora={}), train=table.assign(utterance=table["id"])
    )
    scores = File(str(path))(fold, pytest.fail)
    schedule = Curriculum("easy-first", File.easy).schedule(scores, list(table["id"]))
    expected = sorted(files, key=lambda file: (-values[file], file[:-4]))
    assert [files[row] for row in schedule.ranking] == expected
    sizes = [len(schedule.rows(epoch)) for epoch in range(70)]
    assert sizes == [int(min(epoch // 5 + 1, 10) / 10 * len(files)) for epoch in range(70)] and sizes[-1] == 44_879
    least = [min(values[files[row]] for row in schedule.rows(epoch)) for epoch in range(0, 50, 5)]
    assert least == sorted(least, reverse=True)
    np.testing.assert_array_equal(schedule.rows(69), schedule.ranking)
