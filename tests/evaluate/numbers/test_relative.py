"""Relative scores against loops over the pairs of each fold, through test tables, metrics, run folders and bundles."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.stats
from numpy.typing import NDArray

from emotone.bundle.bundle import Bundle
from emotone.bundle.target import UNBOUNDED, Target
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.emotale import EmoTale
from emotone.errors import EmotoneError
from emotone.evaluate.bundle_on_corpus import evaluate_model
from emotone.evaluate.degraded.robustness import robustness
from emotone.evaluate.numbers.ranking import assess_as_published
from emotone.evaluate.numbers.relative import describe_left_out, published_test, shares_of_wins
from emotone.evaluate.run_folder import Run, load_run
from emotone.evaluate.scores import pairs_of, print_result, score_predictions, summarise_folds
from emotone.features.extractors.scores import Scores
from emotone.models.published.emotion_retrieval import RANKER, SEQ2SEQ

AROUSAL = Target("arousal", "attribute", UNBOUNDED)
ON_A_SCALE = Target("arousal", "attribute", (1, 5))


def rank(num: int = 60, num_folds: int = 3, num_repeats: int = 1, seed: int = 0) -> pd.DataFrame:
    """Predictions of rankers that follow the label with noise; each fold's margins have a scale of their own."""
    parts = []
    for repeat in range(num_repeats):
        labels, random = np.random.default_rng(9).integers(4, 21, num) / 4, np.random.default_rng([seed, repeat])
        fold = np.arange(num) % num_folds
        heard = labels + random.normal(0, 1, num)
        margins = (heard[:, None] + random.normal(0, 1, (num, 5))) * 10.0 ** fold[:, None] - 7 * fold[:, None]
        parts.append(pd.DataFrame({
            "id": [f"u{n:03d}" for n in range(num)], "corpus": "mine", "speaker": [f"s{n % 12}" for n in range(num)],
            "gender": None, "duration_s": 2.0, "repeat": repeat, "fold": fold, "true_arousal": labels,
            "predicted_arousal": margins.mean(axis=1), "curve_arousal": list(margins.astype(np.float32)),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def shares_by_loops(table: pd.DataFrame) -> list[float]:
    """Wins by the majority over chunks of every ordered pair of one repeat and fold, over the number of others."""
    rows, shares = table.to_dict("records"), []
    for row in rows:
        others = [o for o in rows if o is not row and (o["repeat"], o["fold"]) == (row["repeat"], row["fold"])]
        votes = [[a > b for a, b in zip(row["curve_arousal"], o["curve_arousal"], strict=True)] for o in others]
        shares.append(sum(vote.count(True) > vote.count(False) for vote in votes) / len(others))
    return shares


def correlate(table: pd.DataFrame, share: NDArray[np.float64] | list[float]) -> tuple[float, float]:
    truth = table["true_arousal"]
    return scipy.stats.spearmanr(share, truth).statistic, scipy.stats.kendalltau(share, truth).statistic


def test_shares_equal_loops_over_the_pairs_of_a_fold() -> None:
    table = rank(num_repeats=2).sample(frac=1, random_state=1)  # rows in any order, as of any index
    assert shares_of_wins(table, "arousal").tolist() == shares_by_loops(table)


def test_without_curves_the_scores_decide() -> None:
    table = rank().drop(columns="curve_arousal")
    ranks = table.groupby("fold")["predicted_arousal"].rank()
    np.testing.assert_allclose(shares_of_wins(table, "arousal"), (ranks - 1) / 19)
    tied = table.assign(predicted_arousal=1.0)
    assert not shares_of_wins(tied, "arousal").any()


def test_a_fold_of_one_and_a_table_of_none() -> None:
    table = rank(7)
    assert shares_of_wins(table[table["id"] == "u000"], "arousal").tolist() == [0.5]
    assert shares_of_wins(table[:0], "arousal").shape == (0,)


def test_other_folds_and_utterances_without_a_label_change_nothing() -> None:
    table = rank()
    alone = shares_of_wins(table[table["fold"] == 1], "arousal")
    unknown = table[:9].assign(id=[f"x{n}" for n in range(9)], true_arousal=np.nan)
    known, (share, _), _ = pairs_of(pd.concat([table, unknown], ignore_index=True), AROUSAL)
    assert len(known) == 60 and share[known["fold"] == 1].tolist() == alone.tolist()


def test_metrics_are_pooled_and_per_fold() -> None:
    table = rank(num_repeats=2)
    result, folds = score_predictions(table, [AROUSAL]), summarise_folds(table, [AROUSAL])["arousal"]
    by_repeat = [correlate(own, shares_by_loops(own)) for _, own in table.groupby("repeat")]
    for place, name in enumerate(("spearman", "kendall")):
        interval = result["metrics"]["arousal"][name]
        assert interval["value"] == pytest.approx(np.mean([values[place] for values in by_repeat]), abs=1e-12)
        assert interval["low"] < interval["value"] < interval["high"]
        for one, (_, own) in zip(folds[name]["each"], table.groupby(["repeat", "fold"]), strict=True):
            assert one["value"] == pytest.approx(correlate(own, shares_by_loops(own))[place], abs=1e-12)
    pooled = scipy.stats.spearmanr(table["predicted_arousal"], table["true_arousal"]).statistic
    assert pooled < 0.5 < result["metrics"]["arousal"]["spearman"]["value"]  # why folds are not compared


def test_the_published_test_is_of_every_fold_by_itself() -> None:
    table = rank()
    about = score_predictions(table, [AROUSAL])["published_test"]["arousal"]
    assert (about["num_parts"], about["share"], len(about["folds"])) == (10, 0.1, 3)
    for fold in about["folds"]:
        own = table[table["fold"] == fold["fold"]]
        found = assess_as_published(np.stack(own["curve_arousal"].to_numpy()), own["true_arousal"])
        assert (fold["spearman"], fold["kendall_std"]) == (found.mean.spearman, found.std.kendall)
    assert about["kendall"] == pytest.approx(np.mean([fold["kendall"] for fold in about["folds"]]))


def test_folds_that_are_too_small_for_the_published_test_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    table = rank(45)  # 15 in each fold
    about = published_test(table, "arousal")
    assert [fold["note"] for fold in about["folds"]] == ["10% of 15 utterances are 1: too few to rank"] * 3
    assert math.isnan(about["spearman"])
    print_result({"protocol": "mine", **score_predictions(table, [AROUSAL])}, as_json=False)
    assert "3 of 3 folds left out: 10% of 15 utterances are 1: too few to rank" in capsys.readouterr().out
    mixed = pd.concat([table, rank(60, 1).assign(fold=3)], ignore_index=True)
    about = published_test(mixed, "arousal")
    assert describe_left_out(about).startswith("3 of 4 folds left out") and about["spearman"] > 0


def test_scores_on_a_range_are_not_touched() -> None:
    table = rank()
    _, (predicted, _), _ = pairs_of(table, ON_A_SCALE)
    assert predicted.tolist() == table["predicted_arousal"].tolist()
    with_curves, without = (score_predictions(t, [ON_A_SCALE]) for t in (table, table.drop(columns="curve_arousal")))
    assert with_curves == without and "published_test" not in with_curves


def test_margins_that_are_no_numbers_are_refused() -> None:
    table = rank(20, 1).drop(columns="curve_arousal").assign(predicted_arousal=[np.nan, *range(19)])
    with pytest.raises(EmotoneError, match="1 of 20 margins are NaN"):
        shares_of_wins(table, "arousal")


# ---- published rankers and Seq2Seq on real speech ----------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(pull_once: Callable[[str], Path]) -> dict[str, Path]:
    return {name: pull_once(name) for name in (RANKER, SEQ2SEQ)}


@pytest.fixture
def corpus(shared: Path) -> Corpus:
    """24 utterances of EmoTale, every 18th, prepared."""
    whole = EmoTale().read(shared / "data/emotale-da")
    few = whole.utterances.iloc[::18].head(24).reset_index(drop=True)
    corpus = Corpus("emotale", whole.root, few, None, whole.meta)
    corpus.save()
    return corpus


def as_run(tested: Run, folder: Path, num_folds: int = 2) -> Path:
    """A finished run whose folds hold the predictions of a bundle; as ranker and folds go, one and the same."""
    for number in range(num_folds):
        place = folder / f"fold-{number}"
        (place / "bundle").mkdir(parents=True)
        (place / "bundle/bundle.json").write_bytes((tested.folder / "bundle.json").read_bytes())
        (place / "done.json").write_text("{}")
        own = tested.test.iloc[number::num_folds]
        own.assign(repeat=0, fold=number).to_parquet(place / "predictions.parquet", index=False)
    (folder / "recipe.yaml").write_text(json.dumps({"name": "mine", "corpora": ["emotale"], "seed": 0}))
    (folder / "test.json").write_text(json.dumps({"protocol": "mine", "hash": "x", "splits": []}))
    return folder


def test_a_ranker_on_a_corpus_is_one_group(
    folders: dict[str, Path], corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    score_features = Bundle.score_features

    def count(bundle: Bundle, batch: list[Any], speakers: Any = None) -> Any:
        passes.append(len(batch))
        return score_features(bundle, batch, speakers)

    monkeypatch.setattr(Bundle, "score_features", count)
    tested = evaluate_model(str(folders[RANKER]), corpus.name, quiet=True)
    assert sum(passes) == 24  # one pass of the network for an utterance, not one for a pair
    curves = np.stack(tested.test["curve_arousal"].to_numpy())
    assert curves.shape == (24, 22) and curves.dtype == np.float32
    np.testing.assert_allclose(curves.mean(axis=1), tested.test["predicted_arousal"], atol=1e-5)
    assert tested.result["metrics"]["arousal"]["spearman"]["value"] == pytest.approx(
        correlate(tested.test, shares_by_loops(tested.test.assign(repeat=0, fold=0)))[0], abs=1e-12
    )
    assert tested.result["metrics"]["arousal"]["spearman"]["value"] > 0.5
    assert [fold["num_utterances"] for fold in tested.result["published_test"]["arousal"]["folds"]] == [24]

    run = load_run(as_run(tested, tmp_path / "run"))
    path = run.folder / "fold-0/predictions.parquet"
    assert str(pq.read_schema(path).field("curve_valence").type) == "list<element: float>"
    assert all(target.is_relative for target in run.targets) and len(run.test) == 24
    folds = summarise_folds(run.test, run.targets)["arousal"]["kendall"]["each"]
    own = run.test[run.test["fold"] == 1]
    assert folds[1]["value"] == pytest.approx(correlate(own, shares_by_loops(own))[1], abs=1e-12)
    with pytest.raises(EmotoneError, match=r"run: its scores of arousal, dominance, valence are relative") as caught:
        robustness(run)
    assert "\n" not in str(caught.value)


def test_curves_of_seq2seq_are_mapped_with_its_scores(folders: dict[str, Path], corpus: Corpus) -> None:
    tested = evaluate_model(str(folders[SEQ2SEQ]), corpus.name, quiet=True)
    assert "arousal mapped from (1.0, 7.0) to (1.0, 5.0)" in tested.result["notes"]
    for name in ("arousal", "dominance", "valence"):
        curves = np.stack(tested.test[f"curve_{name}"].to_numpy())
        np.testing.assert_allclose(curves.mean(axis=1), tested.test[f"predicted_{name}"], atol=1e-5)
    assert "published_test" not in tested.result and "ccc" in tested.result["metrics"]["arousal"]


def test_relative_scores_are_no_labels_of_a_teacher(folders: dict[str, Path]) -> None:
    for bundles in ([str(folders[RANKER])], ["default", str(folders[RANKER])]):
        with pytest.raises(EmotoneError, match="scores of arousal, dominance, valence are relative") as caught:
            _ = Scores(tuple(bundles)).names
        assert "\n" not in str(caught.value) and str(folders[RANKER]) in str(caught.value)
