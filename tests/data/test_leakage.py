"""Crossings of a split: planted leaks of each kind are found, the honest folds of RAVDESS pass, large tables too."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.corpora.check import check_corpus
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.ravdess import Ravdess
from emotone.corpora.scan import scan, with_equal_audio
from emotone.data import split as splits
from emotone.data.leakage import KINDS, LEAKS, Crossing, class_balance, describe, find_crossings, refuse, split_leaks
from emotone.data.split import Split
from emotone.errors import EmotoneError

TWINS = ["Actor_07/03-01-03-01-02-01-07", "Actor_07/03-01-03-01-02-02-07"]


def clean_table(num: int = 60) -> tuple[pd.DataFrame, Split]:
    """Utterances of which nothing is in two parts, 20 in each part."""
    numbers = np.arange(num)
    columns = {column: [f"{column}{k}" for k in numbers] for column in KINDS.values()}
    table = pd.DataFrame({"id": [f"u{k:02d}" for k in numbers]} | columns)
    ids = table["id"].tolist()
    return table, Split(train=tuple(ids[:20]), validation=tuple(ids[20:40]), test=tuple(ids[40:]))


def test_nothing_crosses_a_clean_split() -> None:
    assert find_crossings(*clean_table()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("row", "part"), [(3, "train"), (30, "validation")])
def test_planted_crossings_are_found(kind: str, row: int, part: str) -> None:
    table, split = clean_table()
    table.loc[[row, 45, 50], KINDS[kind]] = "planted"
    (crossing,) = find_crossings(table, split)
    assert crossing == Crossing(kind, "planted", {part: [f"u{row:02d}"], "test": ["u45", "u50"]}, kind in LEAKS)
    (line,) = describe([crossing])
    assert f"{part} and test (1 and 2 utterances)" in line
    if kind in LEAKS:
        with pytest.raises(EmotoneError, match=f"^recipe mine: the split leaks: 1 {kind}.*allow_leakage"):
            refuse([crossing], "recipe mine")
    else:
        refuse([crossing], "recipe mine")


@pytest.mark.parametrize("kind", KINDS)
def test_what_trains_and_validates_is_told_not_refused(kind: str) -> None:
    table, split = clean_table()
    table.loc[[3, 30], KINDS[kind]] = "planted"
    (crossing,) = find_crossings(table, split)
    assert not crossing.is_leak and crossing.border == ("train", "validation")


def test_unlabelled_utterances_are_told_not_refused() -> None:
    table, split = clean_table()
    table.loc[[3, 45], "speaker"] = "planted"
    (crossing,) = find_crossings(table, Split(unlabelled=split.train, test=split.test))
    assert not crossing.is_leak and crossing.border == ("test", "unlabelled")


@pytest.mark.parametrize("missing", [None, np.nan])
def test_what_is_unknown_is_never_the_same(missing: object) -> None:
    table, split = clean_table()
    for column in KINDS.values():
        table[column] = missing
    assert find_crossings(table, split) == [] and find_crossings(table[["id"]], split) == []


def test_utterances_in_no_part_are_passed_over() -> None:
    table, split = clean_table()
    table["speaker"] = "same"
    (crossing,) = find_crossings(table, Split(train=split.train[:2], test=split.test[:1]))
    assert crossing.parts == {"train": ["u00", "u01"], "test": ["u40"]}


@pytest.mark.parametrize("column", ["recording", "script"])
def test_names_of_two_corpora_are_not_one(column: str) -> None:
    table, split = clean_table()
    table.loc[[3, 45], column] = "1"
    table["corpus"] = ["a"] * 20 + ["b"] * 40
    assert find_crossings(table, split) == []
    table["corpus"] = "a"
    assert len(find_crossings(table, split)) == 1


def test_the_scan_tells_duplicates() -> None:
    table, split = clean_table()
    scanned = pd.DataFrame({"content": table["content"].to_numpy()}, index=table["id"])
    scanned.loc[["u00", "u59"], "content"] = "same"
    (crossing,) = find_crossings(table.drop(columns="content"), split, scanned)
    assert crossing.kind == "duplicate" and crossing.parts == {"train": ["u00"], "test": ["u59"]}
    assert describe([crossing]) == ["1 duplicate recording is in train and test (1 and 1 utterances): u00 = u59"]


PARTS_OF_FILES = pd.DataFrame(
    [
        ("train", "a.wav", 0.0, 2.0),
        ("test", "a.wav", 2.0, 3.0),  # follows the first
        ("test", "a.wav", 1.5, 1.6),  # lies within it
        ("validation", "a.wav", 2.995, 5.0),  # by the rounding of times
        ("train", "b.wav", None, None),
        ("validation", "b.wav", 7.0, None),
        ("train", "c.wav", 0.0, 1.0),
        ("train", "c.wav", 0.5, 2.0),
        ("unlabelled", "d.wav", 0.0, 2.0),
        ("test", "d.wav", None, 0.5),
        ("test", "e.wav", None, None),
        ("train", "f.wav", None, None),
    ],
    columns=["part", "file", "start_s", "end_s"],
).assign(id=list("abcdefghijkl"))


def test_parts_of_a_file_that_overlap_are_the_same_audio() -> None:
    ids = {part: tuple(rows["id"]) for part, rows in PARTS_OF_FILES.groupby("part")}
    for unlabelled_trains in (False, True):
        found = find_crossings(PARTS_OF_FILES, Split(**ids), unlabelled_trains=unlabelled_trains)
        assert found == [
            Crossing("overlapping recording", "a.wav", {"train": ["a"], "test": ["c"]}, True),
            Crossing("overlapping recording", "b.wav", {"train": ["e"], "validation": ["f"]}, False),
            Crossing("overlapping recording", "d.wav", {"test": ["j"], "unlabelled": ["i"]}, unlabelled_trains),
        ]
    with pytest.raises(EmotoneError) as error:
        refuse(found, "recipe mine")
    assert "1 overlapping recording is in train and test (1 and 1 utterances): a.wav; 1 over" in str(error.value)
    both = PARTS_OF_FILES.assign(corpus=["x", "y"] * 6)  # files of two corpora are not one, whatever they are called
    assert [crossing.value for crossing in find_crossings(both, Split(**ids))] == ["x/a.wav"]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(("train", "validation", "test")), st.integers(0, 9), st.integers(1, 5))))
def test_overlaps_are_those_of_every_pair(parts: list[tuple[str, int, int]]) -> None:
    rows = [(f"u{k}", part, "a.wav", float(start), float(start + size)) for k, (part, start, size) in enumerate(parts)]
    table = pd.DataFrame(rows, columns=["id", "part", "file", "start_s", "end_s"])
    split = Split(**{part: tuple(own["id"]) for part, own in table.groupby("part")})
    expected: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for first, part, _, begin, end in rows:
        for second, other, _, begin_2, end_2 in rows:
            if splits.PARTS.index(part) < splits.PARTS.index(other) and min(end, end_2) > max(begin, begin_2):
                own = expected.setdefault((part, other), (set(), set()))
                own[0].add(first)
                own[1].add(second)
    found = find_crossings(table, split)
    assert {crossing.border: tuple(map(set, crossing.parts.values())) for crossing in found} == expected
    assert all(crossing.is_leak == ("test" in crossing.border) for crossing in found)


def test_lines_are_one_per_kind_and_border_leaks_first() -> None:
    table, split = clean_table()
    table.loc[[0, 41], "script"] = "s"
    table.loc[[1, 20], "speaker"] = "a"
    for k in range(5):
        table.loc[[2 + k, 42 + k], "speaker"] = f"b{k}"
    assert describe(find_crossings(table, split)) == [
        "5 speakers are in train and test (5 and 5 utterances): b0, b1, b2, ..",
        "1 speaker is in train and validation (1 and 1 utterances): a",
        "1 script is in train and test (1 and 1 utterances): s",
    ]


def test_ravdess_folds_pass_and_its_duplicate_is_found(shared: Path) -> None:
    corpus = Ravdess().read(shared / "data" / "ravdess")
    is_read = (np.arange(len(corpus)) % 3 == 0) | corpus.utterances["id"].isin(TWINS)  # all of them take 10 s
    corpus = replace(corpus, utterances=corpus.utterances[is_read].reset_index(drop=True))
    scanned = scan(corpus)
    table = corpus.utterances
    for split in splits.ravdess(table):
        crossings = find_crossings(table, split, scanned)
        refuse(crossings, "RAVDESS")
        assert {crossing.kind for crossing in crossings} == {"script"}
    rest = sorted(set(table["id"]) - {TWINS[0]})
    (duplicate,) = (
        crossing
        for crossing in find_crossings(table, Split(train=tuple(rest), test=(TWINS[0],)), scanned)
        if crossing.kind == "duplicate"
    )
    assert duplicate.is_leak and duplicate.parts == {"train": [TWINS[1]], "test": [TWINS[0]]}
    (finding,) = check_corpus(corpus, scanned)
    assert finding.kind == "duplicate" and list(finding.ids) == TWINS and not finding.is_problem


def test_class_balance() -> None:
    table = pd.DataFrame({"id": list("abcdef"), "emotion": ["joy", "joy", "anger", "anger", None, "fear"]})
    found = class_balance(table, Split(train=("a", "b", "c"), test=("d", "e")))
    expected = {
        "train": {"anger": 1, "fear": 0, "joy": 2, "(no label)": 0},
        "test": {"anger": 1, "fear": 0, "joy": 0, "(no label)": 1},
    }
    assert found.to_dict() == expected
    assert class_balance(table[:4], Split(train=("a",), validation=("c",))).index.tolist() == ["anger", "joy"]


def test_leaks_of_the_owners_split_are_findings() -> None:
    table = pd.DataFrame({"id": list("abcde"), "speaker": ["1", "2", "1", "3", None]})
    table["split"] = ["train", "train", "test", "test", None]
    (found,) = split_leaks(table)
    assert (found.kind, found.is_problem, found.ids) == ("leak", True, ("a", "c"))
    assert found.line.endswith("1 speaker is in train and test (1 and 1 utterances): 1")
    scanned = pd.DataFrame({"content": ["x", "y", "z", "y", None]}, index=table["id"])
    assert [one.ids for one in split_leaks(with_equal_audio(table, scanned))] == [("a", "c"), ("b", "d")]
    assert list(split_leaks(table.assign(speaker=None))) == []


def test_a_large_table_is_checked_in_seconds() -> None:
    """100,000 utterances of 2,000 speakers, scripts and duplicates across every border."""
    num = 100_000
    random = np.random.default_rng(0)
    table = pd.DataFrame({"id": [f"u{k:06d}" for k in range(num)]})
    for column, size in (("speaker", 2_000), ("recording", 50_000), ("script", 10), ("content", 90_000)):
        table[column] = np.char.add(column, random.integers(size, size=num).astype(str)).astype(object)
    ids = table["id"].tolist()
    split = Split(train=tuple(ids[:60_000]), validation=tuple(ids[60_000:80_000]), test=tuple(ids[80_000:]))
    began_s = time.process_time()
    crossings = find_crossings(table, split)
    lines = describe(crossings)
    assert time.process_time() - began_s < 10
    assert sum(crossing.kind == "speaker" for crossing in crossings) == 2_000 and 4 <= len(lines) <= 16


@pytest.mark.parametrize(
    ("name", "kwargs"), [("official", {}), ("stratified-folds", {"num_folds": 10}), ("iemocap", {})]
)
def test_a_large_table_is_split_in_seconds(name: str, kwargs: dict[str, int]) -> None:
    """100,000 utterances of 2,000 speakers; `benchmarks/bench_tables.py` measures every split."""
    speaker = np.arange(100_000) % 2_000
    table = pd.DataFrame({"id": [f"u{k:06d}" for k in range(100_000)], "file": [f"{k}.wav" for k in range(100_000)]})
    table["speaker"] = [f"s{number:04d}" for number in speaker]
    table["session"] = [f"t{number // 2:04d}" for number in speaker]
    table["split"] = np.array(["train", "train", "validation", "test"], dtype=object)[speaker % 4]
    table["emotion"] = np.array(["anger", "joy", "fear"], dtype=object)[np.arange(100_000) % 3]
    began_s = time.process_time()
    utterances = Corpus("large", Path("audio"), table).utterances
    fold = splits.SPLITS[name](utterances, **kwargs)[0]
    assert time.process_time() - began_s < 10
    assert sum(len(getattr(fold, part)) for part in splits.PARTS) == 100_000
    assert not any(crossing.is_leak for crossing in find_crossings(utterances, fold))


@pytest.mark.parametrize(("column", "leaks"), [("session", True), ("script", True), ("speaker", False)])
def test_where_speakers_are_learned_what_gives_them_away_leaks_instead(column: str, leaks: bool) -> None:
    """Sessions where speakers have several, else scripts; beside another target the speaker leaks as ever."""
    table = pd.DataFrame({"id": list("abcd"), "speaker": list("1122"), "session": None, "script": list("wxyz")})
    if column == "session":
        table["session"] = ["m", "n", "o", "m"]
    table.loc[3, column] = table.loc[0, column]
    split = Split(train=("a", "c"), test=("b", "d"))
    found = [one for one in find_crossings(table, split, targets=["speaker"]) if one.kind == column]
    assert found and all(one.is_leak == leaks for one in found)
    both = find_crossings(table, split, targets=["speaker", "emotion"])
    assert all(one.is_leak == (one.kind == "speaker") for one in both)
