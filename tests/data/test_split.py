"""Splits: properties that hold for any table, the protocols on real corpora, and what is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_data
from hypothesis import strategies as st

from emotone.corpora.readers.emodb import EmoDB
from emotone.corpora.readers.emotale import EmoTale
from emotone.corpora.readers.ravdess import Ravdess
from emotone.data.split import (
    PARTS,
    RAVDESS_FOLDS,
    SPLITS,
    Split,
    cross_corpus,
    given,
    iemocap,
    leave_one_session_out,
    leave_one_speaker_out,
    leave_speakers_out,
    official,
    ravdess,
    speaker_folds,
    stratified_folds,
    thai_ser,
    without_validation,
)
from emotone.errors import EmotoneError


def make(speakers: list[Any], splits: list[Any] | None = None) -> pd.DataFrame:
    ids = [f"u{k}" for k in range(len(speakers))]
    columns = {"id": ids, "speaker": speakers, "split": splits or [None] * len(ids)}
    return pd.DataFrame(columns, dtype="object")


def table_of(draw: st.DrawFn, speakers: Sequence[str]) -> pd.DataFrame:
    """One to four utterances of each speaker, two speakers a session, three corpora; and unlabelled speech."""
    rows = [
        {"speaker": speaker, "session": f"s{place // 2:02d}", "corpus": "abc"[place % 3], "split": None}
        for place, speaker in enumerate(speakers)
        for _ in range(draw(st.integers(1, 4)))
    ]
    loose = {"speaker": None, "session": None, "corpus": "a", "split": "unlabelled"}
    rows += [loose] * draw(st.integers(0, 3)) + [{**loose, "speaker": "zz"}] * draw(st.integers(0, 2))
    table = pd.DataFrame(rows, dtype="object")
    table["emotion"] = ["x"] + [draw(st.sampled_from(["x", "y", None])) for _ in rows[1:]]
    table["id"] = draw(st.permutations([f"u{number:03d}" for number in range(len(rows))]))
    return table


Way = tuple[pd.DataFrame, dict[str, Any]]


def names(draw: st.DrawFn, least: int) -> list[str]:
    return draw(st.lists(st.text("abc019", min_size=1, max_size=3), min_size=least, max_size=10, unique=True))


def by_speaker(draw: st.DrawFn, least: int = 3) -> Way:
    return table_of(draw, names(draw, least)), {}


def check_parts(table: pd.DataFrame, split: Split) -> None:
    """Every utterance in exactly one part, no speaker in two."""
    assert sorted(id_ for part in PARTS for id_ in getattr(split, part)) == sorted(table["id"])
    parts = table["id"].map(split.part_of)
    assert parts.groupby(table["speaker"]).nunique().max() == 1
    assert (parts == "unlabelled").equals(table["split"] == "unlabelled")


def check_cross_validation(table: pd.DataFrame, folds: Sequence[Split]) -> None:
    """Every labelled utterance is tested once and validated once."""
    for split in folds:
        check_parts(table, split)
        assert split.train and split.validation and split.test
        merged = without_validation(split)
        check_parts(table, merged)
        assert merged.test == split.test and not merged.validation
    labelled = sorted(table.loc[table["split"].isna(), "id"])
    for part in ("test", "validation"):
        assert sorted(id_ for split in folds for id_ in getattr(split, part)) == labelled


@given_data(st.composite(by_speaker)(), st.integers(0, 2))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_split_survives_being_written_as_lists(tmp_path: Path, way: Way, fold: int) -> None:
    table, _ = way
    folds = leave_speakers_out(table, 3)
    path = tmp_path / "split.json"
    path.write_text(json.dumps(as_lists(folds[fold])))
    assert given(table, path) == [folds[fold]] and given(table, path)[0].fingerprint == folds[fold].fingerprint
    path.write_text(json.dumps([as_lists(split) for split in folds]))
    assert given(table, path) == list(folds) == folds[:]
    # The same as an official column.
    assert official(table.assign(split=table["id"].map(folds[fold].part_of))) == [folds[fold]]


def as_lists(split: Split) -> dict[str, list[str]]:
    return {part: list(getattr(split, part)) for part in PARTS}


# ---- every split there is ---------------------------------------------------------------------------------------


def in_folds(draw: st.DrawFn) -> Way:
    speakers = names(draw, 3)
    return table_of(draw, speakers), {"num_folds": draw(st.integers(3, len(speakers)))}


def in_listed_folds(draw: st.DrawFn) -> Way:
    speakers = draw(st.permutations(names(draw, 3)))
    num_folds = draw(st.integers(3, len(speakers)))
    return table_of(draw, speakers), {"folds": [speakers[k::num_folds] for k in range(num_folds)]}


def in_sessions(draw: st.DrawFn, num_sessions: int) -> Way:
    return table_of(draw, [f"{number:03d}" for number in range(2 * num_sessions)]), {}


def with_official_parts(draw: st.DrawFn) -> Way:
    table, _ = by_speaker(draw)
    part_of = {name: draw(st.sampled_from(PARTS[:3])) for name in table["speaker"].dropna().unique()}
    return table.assign(split=table["split"].fillna(table["speaker"].map(part_of))), {}


def across_corpora(draw: st.DrawFn) -> Way:
    table, _ = by_speaker(draw, least=6)  # two speakers or more in each corpus
    return table, {"test": draw(st.sampled_from([["b"], ["c"], ["b", "c"]])), "num_folds": 2}


WAYS: dict[str, Callable[[st.DrawFn], Way]] = {
    "official": with_official_parts,
    "everything": by_speaker,
    "leave-speakers-out": in_folds,
    "leave-one-speaker-out": by_speaker,
    "leave-one-session-out": lambda draw: in_sessions(draw, draw(st.integers(3, 6))),
    "stratified-folds": in_folds,
    "speaker-folds": in_listed_folds,
    "ravdess": lambda draw: (table_of(draw, [f"{actor:02d}" for actor in range(1, 25)]), {}),
    "iemocap": lambda draw: in_sessions(draw, draw(st.integers(2, 6))),
    "thai-ser": lambda draw: in_sessions(draw, 10 * draw(st.integers(2, 3))),
    "thai-ser-both-ways": lambda draw: in_sessions(draw, 10 * draw(st.integers(2, 3))),
    "cross-corpus": across_corpora,
    "given": with_official_parts,  # whose parts become the file
}
"""Tables and settings for every split; a new split needs a way here."""
TEST_ALL = set(SPLITS) - {"official", "everything", "thai-ser", "cross-corpus", "given"}


def test_every_split_has_a_way() -> None:
    assert set(WAYS) == set(SPLITS)


@pytest.mark.parametrize("name", SPLITS)
@given_data(data=st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_split_shares_a_group_and_every_utterance_is_in_one_part(
    name: str, tmp_path: Path, data: st.DataObject
) -> None:
    table, arguments = data.draw(st.composite(WAYS[name])())
    if name == "given":
        (tmp_path / "lists.json").write_text(table.groupby("split")["id"].apply(list).to_json())
        arguments = {"file": tmp_path / "lists.json"}
    folds = SPLITS[name](table, **arguments)
    order = data.draw(st.permutations(range(len(table))))
    assert list(SPLITS[name](table.iloc[list(order)], **arguments)) == list(folds) and len(folds) > 0
    if name in TEST_ALL:
        check_cross_validation(table, folds)
    for split in folds:
        if name == "everything":  # for bundles to use: unlabelled speech trains too
            assert split.train == tuple(sorted(table["id"]))
            continue
        check_parts(table, split)
        if name not in ("official", "given"):  # whose parts are the owner's
            assert split.train and split.validation and split.test
        if name in ("leave-one-session-out", "iemocap", "thai-ser", "thai-ser-both-ways"):
            parts = table["id"].map(split.part_of).groupby(table["session"]).agg(set)
            assert all(len(one) == 1 or (name == "iemocap" and one == {"validation", "test"}) for one in parts)


# ---- protocols --------------------------------------------------------------------------------------------------


def big_table() -> pd.DataFrame:
    """Forty speakers with four utterances each, in twenty sessions and two corpora, and an unlabelled utterance."""
    places = [divmod(row, 4) for row in range(160)]
    columns = {
        "id": [f"u{speaker:02d}{k}" for speaker, k in places],
        "speaker": [f"{speaker:02d}" for speaker, _ in places],
        "session": [f"{speaker // 2:02d}" for speaker, _ in places],
        "split": None,
        "corpus": ["a" if speaker < 30 else "b" for speaker, _ in places],
    }
    lone = {"id": ["v1"], "speaker": None, "session": None, "corpus": "a", "split": "unlabelled"}
    return pd.concat([pd.DataFrame(columns, dtype="object"), pd.DataFrame(lone, dtype="object")], ignore_index=True)


def test_stratified_folds_are_as_balanced_as_scikit_learns() -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    random = np.random.default_rng(0)
    speakers = np.repeat([f"{k:03d}" for k in range(60)], random.integers(5, 60, 60))
    favourites = dict(zip(np.unique(speakers), random.dirichlet([0.6] * 5, 60), strict=True))
    emotions = [random.choice(list("abcde"), p=favourites[speaker]) for speaker in speakers]
    table = make(list(speakers)).assign(emotion=emotions)

    def unevenness(parts: list[list[str]]) -> float:
        emotion_of, whole = table.set_index("id")["emotion"], table["emotion"].value_counts()
        shares = [emotion_of[ids].value_counts().reindex(whole.index, fill_value=0) / whole for ids in parts]
        return float(pd.DataFrame(shares).std().mean())

    ours = unevenness([list(split.test) for split in stratified_folds(table, 5)])
    theirs = StratifiedGroupKFold(5).split(table, table["emotion"], table["speaker"])
    assert ours <= unevenness([list(table["id"].iloc[test]) for _, test in theirs]) * 1.1
    assert ours < 0.5 * unevenness([list(split.test) for split in leave_speakers_out(table, 5)])


@pytest.mark.parametrize("seed", range(10))
def test_stratified_folds_are_nearly_the_best_there_are(seed: int) -> None:
    """Sum of squared class shares against all ways to put seven speakers into three folds; at most 20 % above."""
    random, num_folds = np.random.default_rng(seed), 3
    counts = random.integers(0, 6, (7, 3)) + [1, 0, 0]  # [speaker, class]
    pairs = [(speaker, k) for (speaker, k), count in np.ndenumerate(counts) for _ in range(count)]
    table = make([str(speaker) for speaker, _ in pairs]).assign(emotion=["xyz"[k] for _, k in pairs])
    shares = counts / np.maximum(counts.sum(axis=0), 1)

    def unevenness(folds: Sequence[Sequence[int]]) -> float:
        return sum(float((shares[list(fold)].sum(axis=0) ** 2).sum()) for fold in folds)

    speaker_of = table.set_index("id")["speaker"].astype(int)
    found = unevenness([speaker_of[list(split.test)].unique() for split in stratified_folds(table, num_folds)])
    every_way = itertools.product(range(num_folds), repeat=len(counts))
    best = min(
        unevenness([[s for s, f in enumerate(way) if f == fold] for fold in range(num_folds)]) for way in every_way
    )
    assert best <= found * (1 + 1e-9) and found <= 1.2 * best


def test_stratified_folds_by_a_number_and_by_seed() -> None:
    table = make([str(k // 2) for k in range(40)]).assign(arousal=[float(k) for k in range(40)])
    folds = stratified_folds(table, 4, stratify="arousal")
    arousal_of = table.set_index("id")["arousal"]
    assert np.ptp([arousal_of[list(split.test)].mean() for split in folds]) < 5
    assert list(stratified_folds(table, 4, stratify="arousal", seed=1)) != list(folds)
    with pytest.raises(EmotoneError, match="unknown column 'arosal'; did you mean 'arousal'"):
        stratified_folds(table, 4, stratify="arosal")
    with pytest.raises(EmotoneError, match="the column emotion is empty"):
        stratified_folds(table.assign(emotion=None), 4)


def test_iemocap_swaps_the_speakers_of_a_session() -> None:
    table = big_table()
    speaker_of = table.set_index("id")["speaker"]
    folds = iemocap(table)
    assert len(folds) == 40
    for fold in (6, 7):
        assert set(speaker_of[list(folds[fold].test)]) == {f"{fold:02d}"}
        assert set(speaker_of[list(folds[fold].validation)]) == {f"{13 - fold:02d}"}
    alone = table[table["speaker"] != "05"]
    with pytest.raises(EmotoneError, match="every session needs two speakers of its own, but session '02' has 1"):
        iemocap(alone)


def test_thai_ser_takes_studios_by_tens() -> None:
    table = big_table()
    session_of = table.set_index("id")["session"]
    folds = thai_ser(table)
    assert len(folds) == 2
    assert sorted(set(session_of[list(folds[1].test)])) == ["10", "11", "12", "13", "14"]
    assert sorted(set(session_of[list(folds[1].validation)])) == ["15", "16", "17", "18", "19"]
    with pytest.raises(EmotoneError, match="needs sessions in batches of 10 .*, not 19"):
        thai_ser(table[table["session"] != "03"])


def test_cross_corpus_tests_whole_corpora() -> None:
    table = big_table()
    [split] = cross_corpus(table, ["b"], num_folds=5)
    assert set(table.set_index("id").loc[list(split.test), "corpus"]) == {"b"} and len(split.test) == 40
    assert len(split.validation) == 24
    with pytest.raises(EmotoneError, match="unknown corpus 'c'"):
        cross_corpus(table, ["c"])
    with pytest.raises(EmotoneError, match="leave others to train on"):
        cross_corpus(table, ["a", "b"])


def test_emotale_folds(shared: Path) -> None:
    table = EmoTale().read(shared / "data/emotale-da").utterances
    speaker_of = table.set_index("id")["speaker"]
    split = leave_speakers_out(table, num_folds=6)[5]
    assert sorted(speaker_of[list(split.test)].unique()) == ["007", "013", "019"]
    assert sorted(speaker_of[list(split.validation)].unique()) == ["001", "008", "014"]
    assert (len(split.train), len(split.validation), len(split.test)) == (300, 75, 75)


def test_emodb_leaves_one_speaker_out(shared: Path) -> None:
    table = EmoDB().read(shared / "data/emodb").utterances
    splits = leave_one_speaker_out(table)
    assert len(splits) == 10
    assert sum(len(split.test) for split in splits) == 535
    assert {id_.removeprefix("wav/")[:2] for id_ in splits[9].test} == {"16"}
    assert {id_.removeprefix("wav/")[:2] for id_ in splits[9].validation} == {"03"}


def test_ravdess_published_folds(shared: Path) -> None:
    table = Ravdess().read(shared / "data/ravdess").utterances
    check_cross_validation(table, ravdess(table))
    split = ravdess(table)[5]
    check_parts(table, split)
    speaker_of = table.set_index("id")["speaker"]
    assert sorted(speaker_of[list(split.test)].unique()) == list(RAVDESS_FOLDS[5])
    assert sorted(speaker_of[list(split.validation)].unique()) == list(RAVDESS_FOLDS[0])


def test_other_groups() -> None:
    sessions = make(list("1234")).assign(session=["a", "b", "b", "c"])
    assert leave_one_session_out(sessions)[1].test == ("u1", "u2")
    table = make(["1"] * 4).assign(session=["a", "b", "c", "c"])
    assert leave_speakers_out(table, 3, group="session")[2].test == ("u2", "u3")
    with pytest.raises(EmotoneError, match="unknown column 'sesion'; did you mean 'session'"):
        leave_speakers_out(table, 3, group="sesion")


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
    for split in (lambda: leave_speakers_out(table, 3), lambda: leave_one_speaker_out(table)):
        with pytest.raises(EmotoneError) as error:
            split()
        assert message in str(error.value)


def test_too_few_speakers_or_folds_are_refused() -> None:
    for num_folds in (1, 4):
        with pytest.raises(EmotoneError, match=r"num_folds must be from 2 .* values of speaker \(3\), not"):
            leave_speakers_out(make(["1", "2", "3", "3"]), num_folds)
    with pytest.raises(EmotoneError, match="needs 2 folds or more"):
        leave_one_speaker_out(make(["1", "1"]))


def test_two_folds_test_each_other_and_validate_nothing() -> None:
    found = leave_one_speaker_out(make(["1", "2"]))
    assert [(fold.train, fold.validation, fold.test) for fold in found] == [
        (("u1",), (), ("u0",)),
        (("u0",), (), ("u1",)),
    ]


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([["1"], ["2"], ["4"]], "split folds: unknown speaker '4'"),
        ([["1"], ["2"], ["1", "3"]], "speaker '1' must be in exactly one fold, not in 2"),
        ([["1"], ["2"], []], "speaker '3' must be in exactly one fold, not in 0"),
        ([["1", "2", "3"]], "needs 2 folds or more"),
    ],
)
def test_wrong_folds_are_refused(folds: list[list[str]], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        speaker_folds(make(["1", "2", "3"]), folds)
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


def test_unlabelled_speech_is_set_apart_in_every_corpus_and_session() -> None:
    rows = [("a", "1", "s1"), ("b", "2", "s1"), ("c", "3", "s2"), ("d", "4", "s2"), ("e", "5", "s3")]
    table = make([speaker for _, speaker, _ in rows], [None] * 4 + ["unlabelled"])
    table = table.assign(session=[session for *_, session in rows], corpus=["x", "x", "x", "y", "y"])
    [split] = cross_corpus(table, ["y"], num_folds=2)
    assert split.test == ("u3",) and split.unlabelled == ("u4",)
    assert len(iemocap(table)) == 4 and iemocap(table)[0].unlabelled == ("u4",)


@pytest.mark.parametrize("missing", [False, True])
def test_groups_may_be_numbers(missing: bool) -> None:
    table = pd.DataFrame(
        {"id": list("abcdefg"), "split": None, "take": [1, 2, 3, 10, 1, 2, 3], "emotion": list("xyxyxyx")}
    )
    if missing:  # then the numbers are floats
        table.loc[6, ["take", "split"]] = [np.nan, "unlabelled"]
    folds = SPLITS["leave-speakers-out"](table, num_folds=3, group="take")
    assert [fold.test for fold in folds] == [("a", "c", "e") if missing else ("a", "c", "e", "g"), ("d",), ("b", "f")]
    by_take = {fold.test for fold in SPLITS["stratified-folds"](table, num_folds=3, group="take")}
    assert sorted(id_ for test in by_take for id_ in test) == list("abcdef" if missing else "abcdefg")
    assert SPLITS["speaker-folds"](table, folds=[["1", "2"], ["3"], ["10"]], group="take")[0].test == (
        "a",
        "b",
        "e",
        "f",
    )
