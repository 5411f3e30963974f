"""Scores of prediction tables: metrics of what both sides know, over repeats and folds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import sklearn.metrics
from made_runs import AROUSAL, EMOTION, LABELS, TARGETS, predictions
from rankers import correlate, rank, shares_by_loops

from emotone.bundle.target import UNBOUNDED, Target
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.relative import shares_of_wins
from emotone.evaluate.numbers.statistics import interval_over_speakers
from emotone.evaluate.scores import (
    ATTRIBUTE_METRICS,
    CATEGORY_METRICS,
    RELATIVE_METRICS,
    metrics_of,
    pairs_of,
    score_predictions,
    summarise_folds,
)

RELATIVE = Target("arousal", "attribute", UNBOUNDED)
ON_A_SCALE = Target("arousal", "attribute", (1, 5))


def decided(table: pd.DataFrame, labels: tuple[str, ...] = LABELS) -> np.ndarray:
    return np.array(labels)[table[[f"p_{label}" for label in labels]].to_numpy().argmax(axis=1)]


def test_numbers_are_the_metrics_with_the_bootstrap() -> None:
    table = predictions()
    result = score_predictions(table, TARGETS)
    assert (result["num_utterances"], result["num_speakers"], result["num_unknown_speaker"]) == (120, 6, 0)
    assert list(result["metrics"]) == ["arousal", "valence", "emotion"] and "per_corpus" not in result
    for name, metric in ATTRIBUTE_METRICS.items():
        expected = interval_over_speakers(metric, table["predicted_arousal"], table["true_arousal"], table["speaker"])
        assert result["metrics"]["arousal"][name] == expected._asdict()
    uar = sklearn.metrics.balanced_accuracy_score(table["true_emotion"], decided(table))
    assert result["metrics"]["emotion"]["uar"]["value"] == pytest.approx(uar, abs=1e-12)
    json.dumps(result)


def test_repeats_are_averaged() -> None:
    table = predictions()
    again = table.assign(repeat=1, predicted_arousal=table["predicted_arousal"] * 0.5)
    both = score_predictions(pd.concat([table, again], ignore_index=True), [AROUSAL])
    values = [metrics.ccc(one["predicted_arousal"], one["true_arousal"]) for one in (table, again)]
    assert both["num_utterances"] == 120 and both["metrics"]["arousal"]["ccc"]["value"] == pytest.approx(
        np.mean(values)
    )


def test_categories_are_compared_over_the_classes_of_both_sides() -> None:
    table = predictions()
    table["true_emotion"] = table["true_emotion"].replace("fear", "disgust")
    result = score_predictions(table, [EMOTION])
    known = table[table["true_emotion"] != "disgust"]
    assert result["classes"] == ["anger", "calm"] and result["num_left_out"] == 120 - len(known)
    expected = metrics.uar(decided(known, ("anger", "calm")), known["true_emotion"])
    assert result["metrics"]["emotion"]["uar"]["value"] == pytest.approx(expected)
    rows, (predicted, truth), classes = pairs_of(table, EMOTION)
    assert rows.index.equals(known.index) and set(predicted) <= {"anger", "calm"} and classes == ["anger", "calm"]
    assert truth.tolist() == known["true_emotion"].tolist()


def test_unknown_speakers_count_alone_and_corpora_by_themselves() -> None:
    table = predictions().assign(corpus=["one", "two"] * 60)
    table.loc[:2, "speaker"] = None
    table.loc[table["corpus"] == "two", "true_arousal"] = np.nan
    result = score_predictions(table, TARGETS)
    assert (result["num_unknown_speaker"], result["num_speakers"]) == (3, 6)
    assert set(result["per_corpus"]) == {"one", "two"} and list(result["per_corpus"]["two"]["metrics"]) == [
        "valence",
        "emotion",
    ]
    own = table[table["corpus"] == "one"]
    expected = metrics.ccc(own["predicted_arousal"], own["true_arousal"])
    assert result["per_corpus"]["one"]["metrics"]["arousal"]["ccc"]["value"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("column", "target", "words"),
    [
        ("true_arousal", AROUSAL, "no utterance has a label for arousal"),
        ("true_emotion", EMOTION, "no utterance has a label for emotion"),
    ],
)
def test_without_labels_there_is_nothing_to_score(column: str, target: Target, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        score_predictions(predictions().assign(**{column: None}), [target])
    assert str(caught.value) == words
    if target == EMOTION:
        with pytest.raises(EmotoneError, match="for emotion but calm, so there is nothing to tell apart"):
            score_predictions(predictions().assign(true_emotion="calm"), [target])


def test_folds_are_summed_up_by_themselves() -> None:
    table = predictions(180, 9).assign(fold=lambda t: t["speaker"].str[1:].astype(int) % 3)
    found = summarise_folds(table, TARGETS)
    each = [metrics.ccc(one["predicted_arousal"], one["true_arousal"]) for _, one in table.groupby("fold")]
    ccc = found["arousal"]["ccc"]
    assert [one["value"] for one in ccc["each"]] == pytest.approx(each)
    assert [(one["repeat"], one["fold"]) for one in ccc["each"]] == [(0, 0), (0, 1), (0, 2)]
    expected = (np.mean(each), np.std(each, ddof=1), min(each), max(each))
    assert (ccc["mean"], ccc["std"], ccc["min"], ccc["max"]) == pytest.approx(expected)
    assert {name: list(of) for name, of in found.items()} == {
        "arousal": list(ATTRIBUTE_METRICS),
        "valence": list(ATTRIBUTE_METRICS),
        "emotion": list(CATEGORY_METRICS),
    }
    table.loc[table["fold"] > 0, "true_emotion"] = "calm"  # folds without two classes are in no mean
    emotion = summarise_folds(table, [EMOTION])["emotion"]["uar"]
    assert len(emotion["each"]) == 1 and np.isnan(emotion["std"])


def test_each_kind_of_target_has_its_metrics() -> None:
    assert [metrics_of(target) for target in (AROUSAL, RELATIVE, EMOTION)] == [
        ATTRIBUTE_METRICS,
        RELATIVE_METRICS,
        CATEGORY_METRICS,
    ]


# ---- relative scores ----------------------------------------------------------------------------------------------


def test_metrics_are_pooled_and_per_fold() -> None:
    table = rank(num_repeats=2)
    result, folds = score_predictions(table, [RELATIVE]), summarise_folds(table, [RELATIVE])["arousal"]
    by_repeat = [correlate(own, shares_by_loops(own)) for _, own in table.groupby("repeat")]
    for place, name in enumerate(("spearman", "kendall")):
        interval = result["metrics"]["arousal"][name]
        assert interval["value"] == pytest.approx(np.mean([values[place] for values in by_repeat]), abs=1e-12)
        assert interval["low"] < interval["value"] < interval["high"]
        for one, (_, own) in zip(folds[name]["each"], table.groupby(["repeat", "fold"]), strict=True):
            assert one["value"] == pytest.approx(correlate(own, shares_by_loops(own))[place], abs=1e-12)
    pooled = scipy.stats.spearmanr(table["predicted_arousal"], table["true_arousal"]).statistic
    assert pooled < 0.5 < result["metrics"]["arousal"]["spearman"]["value"]  # why folds are not compared


def test_other_folds_and_utterances_without_a_label_change_nothing() -> None:
    table = rank()
    alone = shares_of_wins(table[table["fold"] == 1], "arousal")
    unknown = table[:9].assign(id=[f"x{n}" for n in range(9)], true_arousal=np.nan)
    known, (share, _), _ = pairs_of(pd.concat([table, unknown], ignore_index=True), RELATIVE)
    assert len(known) == 60 and share[known["fold"] == 1].tolist() == alone.tolist()


def test_scores_on_a_range_are_not_touched() -> None:
    table = rank()
    _, (predicted, _), _ = pairs_of(table, ON_A_SCALE)
    assert predicted.tolist() == table["predicted_arousal"].tolist()
    with_curves, without = (score_predictions(t, [ON_A_SCALE]) for t in (table, table.drop(columns="curve_arousal")))
    assert with_curves == without and "published_test" not in with_curves
