"""Splits: properties that hold for any table, the protocols on real corpora, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_data
from hypothesis import strategies as st

from emotone.corpora.emodb import EmoDB
from emotone.corpora.emotale import EmoTale
from emotone.corpora.ravdess import Ravdess
from emotone.data.split import (
    PARTS,
    Split,
    given,
    leave_one_speaker_out,
    leave_speakers_out,
    official,
    speaker_folds,
)
from emotone.errors import EmotoneError

RAVDESS_FOLDS = [
    ["01", "11", "20", "21"], ["04", "10", "12", "14"], ["08", "09", "19", "23"], ["03", "05", "07", "24"],
    ["02", "15", "16", "18"], ["06", "13", "17", "22"],
]  # fmt: skip


def make(speakers: list[Any], splits: list[Any] | None = None) -> pd.DataFrame:
    ids = [f"u{k}" for k in range(len(speakers))]
    columns = {"id": ids, "speaker": speakers, "split": splits or [None] * len(ids)}
    return pd.DataFrame(columns, dtype="object")


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    names = draw(st.lists(st.text("abc019", min_size=1, max_size=3), min_size=3, max_size=8, unique=True))
    speakers = names + draw(st.lists(st.sampled_from(names), max_size=12))
    table = make(draw(st.permutations(speakers)))
    unlabelled = make(draw(st.lists(st.one_of(st.none(), st.just("zz")), max_size=3)))
    unlabelled["id"], unlabelled["split"] = "x" + unlabelled["id"], "unlabelled"
    return pd.concat([table, unlabelled], ignore_index=True)


def check_parts(table: pd.DataFrame, split: Split) -> None:
    """Every utterance in exactly one part, no speaker in two."""
    listed = [id_ for part in PARTS for id_ in getattr(split, part)]
    assert sorted(listed) == sorted(table["id"])
    parts = table["id"].map(split.part_of)
    assert parts.groupby(table["speaker"]).nunique().max() == 1
    assert (parts == "unlabelled").equals(table["split"] == "unlabelled")


@given_data(tables(), st.data())
@settings(max_examples=40, deadline=None)
def test_folds_are_independent_complete_and_ignore_row_order(table: pd.DataFrame, data: st.DataObject) -> None:
    num_speakers = table.loc[table["split"].isna(), "speaker"].nunique()
    num_folds = data.draw(st.integers(3, num_speakers))
    order = data.draw(st.permutations(range(len(table))))
    tested: list[str] = []
    validated: list[str] = []
    for fold in range(num_folds):
        split = leave_speakers_out(table, num_folds, fold)
        check_parts(table, split)
        assert split.train and split.validation and split.test
        assert split == leave_speakers_out(table.iloc[list(order)], num_folds, fold)
        tested += split.test
        validated += split.validation
    labelled = sorted(table.loc[table["split"].isna(), "id"])
    assert sorted(tested) == labelled and sorted(validated) == labelled


@given_data(tables())
@settings(max_examples=40, deadline=None)
def test_leave_one_out_takes_one_speaker_each(table: pd.DataFrame) -> None:
    speakers = sorted(table.loc[table["split"].isna(), "speaker"].unique())
    speaker_of = table.set_index("id")["speaker"]
    for fold, speaker in enumerate(speakers):
        split = leave_one_speaker_out(table, fold)
        check_parts(table, split)
        assert {speaker_of[id_] for id_ in split.test} == {speaker}
        assert {speaker_of[id_] for id_ in split.validation} == {speakers[(fold + 1) % len(speakers)]}


@given_data(tables(), st.integers(0, 2))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_split_survives_being_written_as_lists(tmp_path: Path, table: pd.DataFrame, fold: int) -> None:
    split = leave_speakers_out(table, 3, fold)
    path = tmp_path / "split.json"
    path.write_text(json.dumps({part: getattr(split, part) for part in PARTS}))
    assert given(table, path) == split and given(table, path).fingerprint == split.fingerprint
    # The same as an official column.
    assert official(table.assign(split=table["id"].map(split.part_of))) == split


def test_emotale_folds(shared: Path) -> None:
    table = EmoTale().read(shared / "data/emotale-da").utterances
    speaker_of = table.set_index("id")["speaker"]
    split = leave_speakers_out(table, num_folds=6, fold=5)
    assert sorted(speaker_of[list(split.test)].unique()) == ["007", "013", "019"]
    assert sorted(speaker_of[list(split.validation)].unique()) == ["001", "008", "014"]
    assert (len(split.train), len(split.validation), len(split.test)) == (300, 75, 75)


def test_emodb_leaves_one_speaker_out(shared: Path) -> None:
    table = EmoDB().read(shared / "data/emodb").utterances
    splits = [leave_one_speaker_out(table, fold) for fold in range(10)]
    assert sum(len(split.test) for split in splits) == 535
    assert {id_.removeprefix("wav/")[:2] for id_ in splits[9].test} == {"16"}
    assert {id_.removeprefix("wav/")[:2] for id_ in splits[9].validation} == {"03"}
    with pytest.raises(EmotoneError, match="fold must be from 0 to 9"):
        leave_one_speaker_out(table, 10)


def test_ravdess_published_folds(shared: Path) -> None:
    table = Ravdess().read(shared / "data/ravdess").utterances
    split = speaker_folds(table, RAVDESS_FOLDS, fold=5)
    check_parts(table, split)
    speaker_of = table.set_index("id")["speaker"]
    assert sorted(speaker_of[list(split.test)].unique()) == RAVDESS_FOLDS[5]
    assert sorted(speaker_of[list(split.validation)].unique()) == RAVDESS_FOLDS[0]


def test_other_groups() -> None:
    table = make(["1"] * 4).assign(session=["a", "b", "c", "c"])
    assert leave_speakers_out(table, 3, 2, group="session").test == ("u2", "u3")
    with pytest.raises(EmotoneError, match="unknown column 'sesion'; did you mean 'session'"):
        leave_speakers_out(table, 3, 0, group="sesion")


def test_fingerprints_differ_where_parts_do() -> None:
    assert Split(train=("a", "b")).fingerprint == Split(train=("b", "a")).fingerprint
    assert Split(train=("a",), test=("b",)).fingerprint != Split(train=("b",), test=("a",)).fingerprint


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (make(["1", "2", "3", None, None]), "2 of 5 utterances have no known speaker"),
        (make(["1", "2", "3", "1"], [None, None, None, "unlabelled"]), "speaker '1' has labelled and unlabelled"),
    ],
)
def test_tables_without_independent_folds_are_refused(table: pd.DataFrame, message: str) -> None:
    for split in (lambda: leave_speakers_out(table, 3, 0), lambda: leave_one_speaker_out(table, 0)):
        with pytest.raises(EmotoneError) as error:
            split()
        assert message in str(error.value)


def test_too_few_speakers_or_folds_are_refused() -> None:
    for num_folds in (2, 4):
        with pytest.raises(EmotoneError, match=r"num_folds must be from 3 .* values of speaker \(3\), not"):
            leave_speakers_out(make(["1", "2", "3", "3"]), num_folds, 0)
    with pytest.raises(EmotoneError, match="of at least 3 folds"):
        leave_one_speaker_out(make(["1", "2"]), 0)


@pytest.mark.parametrize(
    ("folds", "fold", "message"),
    [
        ([["1"], ["2"], ["4"]], 0, "split folds: unknown speaker '4'"),
        ([["1"], ["2"], ["1", "3"]], 0, "speaker '1' must be in exactly one fold, not in 2"),
        ([["1"], ["2"], []], 0, "speaker '3' must be in exactly one fold, not in 0"),
        ([["1"], ["2"], ["3"]], 3, "fold must be from 0 to 2"),
        ([["1"], ["2"], ["3"]], -1, "fold must be from 0 to 2"),
        ([["1"], ["2", "3"]], 0, "of at least 3 folds"),
    ],
)
def test_wrong_folds_are_refused(folds: list[list[str]], fold: int, message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        speaker_folds(make(["1", "2", "3"]), folds, fold)
    assert message in str(error.value)


def test_official_needs_a_split_for_everyone() -> None:
    with pytest.raises(EmotoneError, match="2 of 3 utterances have no official split"):
        official(make(["1", "2", "3"], ["train", None, None]))
    with pytest.raises(EmotoneError, match="unknown part 'dev'"):
        official(make(["1"], ["dev"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"train": ["u0"], "tset": ["u1"]}', "unknown part 'tset'; did you mean 'test'?"),
        ('{"train": ["u0", "u9"], "test": ["u1"]}', "train lists 1 unknown utterances, e.g. 'u9'"),
        ('{"train": ["u0", "u1"], "test": ["u1"]}', "1 utterances are listed more than once, e.g. 'u1'"),
        ('{"train": ["u0"]}', "1 utterances are in no part, e.g. 'u1'"),
        ('["u0"]', "must be {part: [id, ..]}"),
        ('{"train": "u0"}', "must be {part: [id, ..]}"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_wrong_lists_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(EmotoneError) as error:
        given(make(["1", "1"]), path)
    assert message in str(error.value)
    with pytest.raises(EmotoneError, match="other.json is missing"):
        given(make(["1"]), tmp_path / "other.json")
