"""Corpus: typed columns, refusals, round trip on disk, fingerprint, paths."""

from __future__ import annotations

import json
import time
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotone.corpora.corpus import (
    NUMBER_COLUMNS,
    RATER_COLUMNS,
    UTTERANCE_COLUMNS,
    Corpus,
    check_name,
    mean_ratings,
    prepared,
    utterance_id,
)
from emotone.errors import EmotoneError

text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
number = st.one_of(st.none(), st.floats(1, 7))


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    ids = draw(st.lists(text, min_size=1, max_size=6, unique=True))
    rows = [
        {"id": id_, "file": f"{k}.wav", "speaker": draw(st.one_of(st.none(), text)), "arousal": draw(number)}
        for k, id_ in enumerate(ids)
    ]
    voted = [(id_, rater) for id_ in ids for rater in draw(st.lists(text, max_size=2))]
    votes = [{"id": id_, "rater": rater, "valence": draw(number)} for id_, rater in voted]
    raters = pd.DataFrame(votes, columns=["id", "rater", "valence"]) if draw(st.booleans()) else None
    return Corpus("mine", Path("audio"), pd.DataFrame(rows), raters, {"ranges": {"arousal": [1.0, 7.0]}})


def make(**columns: list[object]) -> Corpus:
    table = pd.DataFrame({"id": ["a", "b"], "file": ["a.wav", "b.wav"], **columns})
    return Corpus("mine", Path("audio"), table, meta={"ranges": {"valence": [1, 7]}})


def test_columns_are_complete_typed_and_null_where_unknown() -> None:
    table = make(speaker=[3, None], arousal=["2.5", None], age=[31, 32]).utterances
    assert list(table) == [*UTTERANCE_COLUMNS, "age"]
    assert all(table[column].dtype == "float64" for column in NUMBER_COLUMNS)
    assert all(table[column].dtype == "object" for column in set(UTTERANCE_COLUMNS) - set(NUMBER_COLUMNS))
    assert table["arousal"][0] == 2.5 and np.isnan(table["arousal"][1])
    assert table["speaker"][1] is None and table["emotion"][0] is None


def test_given_tables_are_not_changed() -> None:
    given_table = pd.DataFrame({"id": ["a"], "file": ["a.wav"]})
    Corpus("mine", Path("audio"), given_table)
    assert list(given_table) == ["id", "file"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a", "a"]}, "1 of 2 utterances repeat the id of another, e.g. 'a'"),
        ({"id": ["a", None]}, "1 of 2 utterances have no id, e.g. 'b.wav'"),
        ({"arousal": ["low", "high"]}, "column arousal holds what is not a number"),
        ({"split": ["train", "trian"]}, "unknown split 'trian'; did you mean 'train'?"),
        ({"file": ["a.wav", None]}, "1 of 2 utterances have no file, e.g. 'b'"),
        ({"arousal": [1.0, np.inf]}, "1 of 2 utterances have an infinite arousal, e.g. 'b'"),
        ({"valence": [9.0, 0.5]}, "2 of 2 utterances have valence outside [1, 7], e.g. 'a', 9"),
        ({"start_s": [0.0, 2.0], "end_s": [1.0, 2.0]}, "1 of 2 utterances do not end after they start, e.g. 'b', 2, 2"),
        ({"end_s": [0.0, None]}, "1 of 2 utterances do not end after they start, e.g. 'a', nan, 0"),
        ({"start_s": [-1.0, None]}, "1 of 2 utterances begin before 0 s, e.g. 'a', -1, nan"),
        ({"end_s": [np.inf, None]}, "1 of 2 utterances begin or end at no time, e.g. 'a', nan, inf"),
    ],
)
def test_wrong_utterances_are_refused(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(EmotoneError, match="corpus mine") as error:
        make(**columns)
    assert message in str(error.value)


@pytest.mark.parametrize("stranger", ["c", None])
def test_votes_on_unknown_utterances_are_refused(stranger: str | None) -> None:
    raters = pd.DataFrame({"id": ["a", stranger, "d"], "rater": ["1", "1", "1"]})
    with pytest.raises(EmotoneError, match=f"2 of 3 votes are on unknown utterances, e.g. {stranger!r}"):
        Corpus("mine", Path("audio"), make().utterances, raters)


def test_votes_outside_the_range_are_refused() -> None:
    raters = pd.DataFrame({"id": ["a", "b"], "rater": ["1", "1"], "valence": [1.0, 8.0]})
    with pytest.raises(EmotoneError, match=r"1 of 2 votes have valence outside \[1, 7\], e.g. 'b', 8"):
        Corpus("mine", Path("audio"), make().utterances, raters, {"ranges": {"valence": [1, 7]}})


def test_rounding_at_the_limit_is_in_range() -> None:
    assert make(valence=[7.0000001, 0.9999999]).utterances["valence"].notna().all()


def test_a_hundred_thousand_utterances_take_seconds(tmp_path: Path) -> None:
    names = pd.Series(range(100_000)).map("Audios/MSP-PODCAST_{:06d}".format)
    scores = pd.Series(np.linspace(1, 7, 100_000))
    table = pd.DataFrame({"id": names, "file": names + ".wav", "speaker": "1", "transcript": "x", "arousal": scores})
    begin_s = time.process_time()
    corpus = Corpus("large", Path("audio"), table, meta={"ranges": {"arousal": [1, 7]}})
    loaded = Corpus.load(str(corpus.save(tmp_path / "large")))
    assert loaded.fingerprint == corpus.fingerprint
    assert time.process_time() - begin_s < 15  # 2 s where nothing else runs


@given(corpora())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_saved_corpus_loads_equal(tmp_path: Path, corpus: Corpus) -> None:
    loaded = Corpus.load(str(corpus.save(tmp_path / "corpus")))
    pd.testing.assert_frame_equal(loaded.utterances, corpus.utterances)
    if corpus.raters is None:
        assert loaded.raters is None
    else:
        assert loaded.raters is not None and list(loaded.raters) == list(RATER_COLUMNS)
        pd.testing.assert_frame_equal(loaded.raters, corpus.raters)
    assert (loaded.name, loaded.meta, loaded.fingerprint) == (corpus.name, corpus.meta, corpus.fingerprint)
    assert loaded.root == Path("audio").resolve()


@given(corpora(), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_fingerprint_ignores_place_and_row_order_only(corpus: Corpus, random: object) -> None:
    def shuffled(table: pd.DataFrame) -> pd.DataFrame:
        order = list(range(len(table)))
        random.shuffle(order)  # type: ignore[attr-defined]
        return table.iloc[order]

    raters = None if corpus.raters is None else shuffled(corpus.raters)
    moved = Corpus("mine", Path("elsewhere"), shuffled(corpus.utterances), raters)
    assert moved.fingerprint == corpus.fingerprint
    changed = corpus.utterances.assign(arousal=corpus.utterances["arousal"].fillna(0) + 1)
    assert Corpus("mine", Path("audio"), changed, corpus.raters).fingerprint != corpus.fingerprint


def test_corpora_are_found_by_name_and_unprepared_ones_say_how() -> None:
    make().save()
    assert prepared() == ["mine"]
    assert len(Corpus.load("mine")) == 2
    with pytest.raises(
        EmotoneError, match="corpus 'mime' is not prepared; did you mean 'mine'\\? or run: emotone prep"
    ):
        Corpus.load("mime")
    for name, advice in (
        ("yours", "READER FOLDER --name yours"),
        ("emodb", "emodb FOLDER"),
        ("emodbs", "READER FOLDER --name emodbs"),
        ("msp-podcast-1.6", "msp-podcast FOLDER --name msp-podcast-1.6"),
    ):
        with pytest.raises(EmotoneError) as error:
            Corpus.load(name)
        assert str(error.value) == f"corpus {name!r} is not prepared; run: emotone prepare {advice} (prepared: mine)"


@pytest.mark.parametrize("damage", ["corpus.json", "utterances.parquet", "keys", "gone"])
def test_damaged_corpora_are_one_clear_line(tmp_path: Path, damage: str) -> None:
    folder = make().save(tmp_path / "mine")
    if damage == "keys":
        (folder / "corpus.json").write_text(json.dumps({"name": "mine"}))
    elif damage == "gone":
        (folder / "utterances.parquet").unlink()
    else:
        (folder / damage).write_text("torn")
    with pytest.raises(EmotoneError) as error:
        Corpus.load(str(folder))
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../../out", "a/b", "C:a", "..", "", "a\\b", "a\nb", None, [], 3])
def test_a_name_that_leads_out_of_the_cache_is_refused(tmp_path: Path, name: object) -> None:
    folder = make().save(tmp_path / "mine")
    about = json.loads((folder / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps(about | {"name": name}))
    with pytest.raises(EmotoneError, match=r"corpus\.json: name must be that of a folder"):
        Corpus.load(str(folder))


@pytest.mark.parametrize(
    "about",
    [[], {"meta": None}, {"meta": []}, {"meta": {"ranges": {"arousal": 3}}}, {"meta": {"notes": "x"}}, {"root": 3}],
)
def test_values_of_other_types_are_refused(tmp_path: Path, about: object) -> None:
    folder = make().save(tmp_path / "mine")
    whole = json.loads((folder / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps(whole | about if isinstance(about, dict) else about))
    with pytest.raises(EmotoneError) as caught:
        Corpus.load(str(folder))
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("file", ["../secret.wav", "a/../../secret.wav", "/etc/passwd"])
def test_paths_never_leave_the_corpus_folder(file: str) -> None:
    with pytest.raises(EmotoneError, match="leaves the corpus folder"):
        make().path_of(file)


@pytest.mark.parametrize("file", ["..\\secret.wav", "/etc/passwd", "\\secret.wav", "C:secret.wav", "C:\\secret.wav"])
def test_nor_do_those_of_windows(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = make()
    monkeypatch.setattr("emotone.corpora.corpus.Path", PureWindowsPath)
    with pytest.raises(EmotoneError, match="leaves the corpus folder"):
        corpus.path_of(file)


def test_path_of_a_file() -> None:
    assert make().path_of("sub/a.wav") == Path("audio/sub/a.wav")


def test_ids_and_names() -> None:
    assert utterance_id("wav/a.b.flac") == "wav/a.b"
    for name in ("../x", "", "-x", "a b", "a/b"):
        with pytest.raises(EmotoneError, match="no usable name"):
            check_name(name)


def test_mean_ratings_leave_out_missing_votes() -> None:
    votes = pd.DataFrame(
        {"id": ["b", "b", "a"], "arousal": [1, 2, 5], "dominance": [None, 3, None], "valence": [1, 1, 1]}
    )
    means = mean_ratings(votes)
    assert means.loc["b"].tolist() == [1.5, 3.0, 1.0]
    assert np.isnan(means.loc["a", "dominance"]) and means.loc["a", "arousal"] == 5


def test_a_corpus_without_utterances_is_refused(tmp_path: Path) -> None:
    empty = pd.DataFrame({"id": [], "file": []})
    with pytest.raises(EmotoneError, match=r"^corpus mine: has no utterances$"):
        Corpus("mine", tmp_path, empty)
    folder = make().save(tmp_path / "mine")
    empty.to_parquet(folder / "utterances.parquet")
    with pytest.raises(EmotoneError, match=r"^corpus mine: has no utterances$"):
        Corpus.load(str(folder))
