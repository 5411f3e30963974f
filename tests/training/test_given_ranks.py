"""Seq2Seq of ranks from elsewhere: a run of rankers, its rank sequences as files, other bundles; what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.errors import EmotoneError
from emotone.evaluate.rank_corpus import rank_corpus
from emotone.training import fold
from emotone.training.run import train_recipe

Make = Callable[..., Recipe]
CHUNKS: dict[str, Any] = {"chunk_s": 0.2, "max_utterance_s": 0.6, "hidden_size": 4}
LOOP = {"batch_size": 6, "epochs": 1}
TWO_FOLDS = {"name": "leave-speakers-out", "num_folds": 4, "fold": "all"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("given")


def seq2seq(make: Make, **system: Any) -> Recipe:
    return make(system={"name": "emotion-seq2seq", **CHUNKS, **system}, training=LOOP)


@pytest.fixture
def rankers(tones_recipe: Make, folder: Path) -> Path:
    """A finished run of rankers of four folds, and their rank sequences in `ranks`."""
    run = folder / "rankers"
    system = {"name": "emotion-ranker", "num_pairs": 20, "partners": 5, **CHUNKS}
    train_recipe(tones_recipe(system=system, training=LOOP), run, quiet=True)
    if not (folder / "ranks").is_dir():
        rank_corpus(str(run), Corpus.load("tones"), folder / "ranks", quiet=True)
    return run


def test_ranks_of_a_run_are_those_of_each_fold_and_part(rankers: Path, folder: Path) -> None:
    for number in range(4):
        split = json.loads((rankers / f"fold-{number}/split.json").read_text())
        for part in ("train", "validation", "test"):
            ranks = json.loads((folder / f"ranks/fold-{number}/{part}_Act.json").read_text())
            assert sorted(ranks) == [f"{id_}.wav" for id_ in split[part]]
        tested = pd.read_parquet(rankers / f"fold-{number}/predictions.parquet").set_index("id")["curve_arousal"]
        for name, own in ranks.items():
            margins = tested[name.removesuffix(".wav")]
            assert own["ChunkRankSeq"] == [1 + sum(other > margin for other in margins) for margin in margins]


def test_a_given_ranker_and_its_files_make_the_same_curves(
    rankers: Path, folder: Path, tones_recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    fit_ = fold.fit
    monkeypatch.setattr(fold, "fit", lambda *given, **more: trained.append(given[0].name) or fit_(*given, **more))
    by_ranker = train_recipe(seq2seq(tones_recipe, ranker=str(rankers)), tmp_path / "a", quiet=True)
    by_files = train_recipe(
        seq2seq(tones_recipe, ranks=str(folder / "ranks"), ranker={"num_pairs": 9}), tmp_path / "b", quiet=True
    )
    assert trained == ["emotion-seq2seq"] * 8  # no ranker learned
    for number in range(4):
        ranks = json.loads((folder / f"ranks/fold-{number}/train_Act.json").read_text())
        one, other = (pd.read_parquet(run / f"fold-{number}/curves.parquet") for run in (by_ranker, by_files))
        assert list(one) == ["id", "speaker", "target", "mean", "std", "rank", "curve"]
        for row, same in zip(one.itertuples(), other.itertuples(), strict=True):
            assert row.id == same.id and list(row.rank) == ranks[f"{row.id}.wav"]["ChunkRankSeq"]
            np.testing.assert_array_equal(row.curve, same.curve)
    weights = [(run / "fold-0/bundle/weights.safetensors").read_bytes() for run in (by_ranker, by_files)]
    assert weights[0] == weights[1]


def test_copies_have_the_ranks_of_their_utterance(
    rankers: Path, folder: Path, tones_recipe: Make, tmp_path: Path
) -> None:
    split = {"name": "leave-speakers-out", "num_folds": 4, "fold": 1}
    for given in ({"ranker": str(rankers)}, {"ranks": str(folder / "ranks")}):
        system = {"name": "emotion-seq2seq", **CHUNKS, **given}
        about = tones_recipe(system=system, training=LOOP, split=split, augmentation={"channels": 2})
        table = pd.read_parquet(train_recipe(about, tmp_path / next(iter(given)), quiet=True) / "curves.parquet")
        assert (
            len(table) == 12 and (table.groupby("id")["rank"].agg(lambda own: len({tuple(r) for r in own})) == 1).all()
        )


def test_a_run_refuses_to_go_on_with_other_ranks(
    rankers: Path, folder: Path, tones_recipe: Make, tmp_path: Path
) -> None:
    copy = tmp_path / "ranks"
    rank_corpus(str(rankers), Corpus.load("tones"), copy, quiet=True)
    about = seq2seq(tones_recipe, ranks=str(copy))
    train_recipe(about, tmp_path / "run", quiet=True)
    path = copy / "fold-0/train_Act.json"
    path.write_text(path.read_text().replace("[", "[ "))
    with pytest.raises(EmotoneError, match=r"file of ranks in .*ranks has changed since the run began"):
        train_recipe(about, tmp_path / "run", quiet=True)


def test_a_ranker_of_another_split_may_know_the_test_part(rankers: Path, tones_recipe: Make, tmp_path: Path) -> None:
    about = seq2seq(tones_recipe, ranker=str(rankers / "fold-1"))  # for all folds
    with pytest.raises(EmotoneError, match="fold-1 was itself trained on tones, so it may know the test part"):
        train_recipe(about, tmp_path / "run", quiet=True)
    allowed = tones_recipe(
        system={"name": "emotion-seq2seq", **CHUNKS, "ranker": str(rankers / "fold-1")},
        training=LOOP,
        allow_leakage=True,
    )
    test = json.loads((train_recipe(allowed, tmp_path / "run", quiet=True) / "test.json").read_text())
    assert len(test["warnings"]) == 1 and test["warnings"][0].startswith("LEAKAGE ALLOWED: the bundle ")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ranker": "emotion-rankr"}, "unknown bundle 'emotion-rankr'; did you mean 'emotion-ranker'?"),
        ({"ranker": "default"}, "ranker default has no scores of chunks; take the bundle of an emotion-ranker"),
        ({"ranks": "nowhere"}, "nowhere: no rank sequences of arousal"),
    ],
)
def test_what_is_not_there_is_refused_before_any_feature(
    tones_recipe: Make, tmp_path: Path, given: dict[str, str], words: str
) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        train_recipe(seq2seq(tones_recipe, **given), tmp_path / "run", quiet=True)
    assert words in str(caught.value) and not (tmp_path / "run").exists()


def test_other_chunks_and_targets_are_refused(rankers: Path, tones_recipe: Make, tmp_path: Path) -> None:
    given = {"name": "emotion-seq2seq", **CHUNKS, "ranker": str(rankers)}
    about = tones_recipe(system=given | {"chunk_s": 0.1}, training=LOOP)
    with pytest.raises(EmotoneError, match="ranks of 6 chunks an utterance, but the recipe has 12; set"):
        train_recipe(about, tmp_path / "a", quiet=True)
    about = tones_recipe(system=given | {"curve_std": 1.0}, training=LOOP, targets=["valence"])
    with pytest.raises(EmotoneError, match="rankers/fold-0: unknown attribute 'valence'"):
        train_recipe(about, tmp_path / "b", quiet=True)
