"""Groups of test utterances: complete, decided alike, with intervals where there are speakers to draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from emotone.bundle.target import Target
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.numbers.statistics import interval_over_speakers
from emotone.evaluate.report.subgroups import (
    _within_01,
    compare_groups,
    confusion_of,
    duration_bands,
    find_groups,
    measure_classes,
)

LABELS = ("anger", "calm", "fear")
EMOTION = Target("emotion", "category", labels=LABELS)
AROUSAL = Target("arousal", "attribute", (1, 7))


@pytest.fixture
def table() -> pd.DataFrame:
    """240 utterances of 12 speakers; women are predicted better; who 11 is nobody knows."""
    random = np.random.default_rng(0)
    N = 240
    number = np.arange(N) % 12
    gender = np.where(number < 6, "female", "male").astype(object)
    gender[number == 11] = None
    truth, label = random.normal(4, 1, N), random.integers(3, size=N)
    noise = np.where(number < 6, 0.3, 1.5)
    logits = random.normal(size=(N, 3))
    logits[np.arange(N), label] += np.where(number < 6, 3, 0.5)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "id": [f"u{n}" for n in range(N)],
            "corpus": "mine",
            "speaker": [f"s{n:02}" for n in number],
            "gender": gender,
            "language": [None, *["da"] * (N - 1)],
            "duration_s": random.uniform(0.5, 10, N),
            "repeat": 0,
            "fold": 0,
            "true_arousal": truth,
            "predicted_arousal": truth + 0.5 + noise * random.normal(size=N),
            "true_emotion": [LABELS[k] for k in label],
            **{f"p_{name}": p[:, k] for k, name in enumerate(LABELS)},
        },
    )


def test_groups_are_complete_and_equal_metrics_of_their_rows(table: pd.DataFrame) -> None:
    found = find_groups(table, [AROUSAL, EMOTION])
    decided = np.array(LABELS)[table[[f"p_{label}" for label in LABELS]].to_numpy().argmax(axis=1)]
    assert set(found) == {"arousal", "emotion"}
    for kind in ("speaker", "gender", "language", "corpus", "duration"):
        for groups in (found["arousal"][kind], found["emotion"][kind]):
            assert sum(group["num_utterances"] for group in groups) == len(table)
    assert [group["group"] for group in found["arousal"]["gender"]] == ["female", "male", "unknown"]
    for group in found["arousal"]["gender"]:
        own = table["gender"].fillna("unknown") == group["group"]
        rows = table[own]
        assert group["ccc"].value == pytest.approx(metrics.ccc(rows["predicted_arousal"], rows["true_arousal"]))
        assert group["bias"] == pytest.approx((rows["predicted_arousal"] - rows["true_arousal"]).mean())
        expected = sklearn.metrics.balanced_accuracy_score(rows["true_emotion"], decided[own])
        assert next(
            one["uar"].value for one in found["emotion"]["gender"] if one["group"] == group["group"]
        ) == pytest.approx(expected)


def test_intervals_are_those_of_the_bootstrap(table: pd.DataFrame) -> None:
    rows = table[table["gender"] == "male"]
    interval = interval_over_speakers(metrics.ccc, rows["predicted_arousal"], rows["true_arousal"], rows["speaker"])
    assert find_groups(table, [AROUSAL])["arousal"]["gender"][1]["ccc"] == interval
    assert interval.low < interval.value < interval.high


def test_one_speaker_has_no_interval(table: pd.DataFrame) -> None:
    found = find_groups(table, [AROUSAL, EMOTION])
    unknown = found["arousal"]["gender"][-1]
    assert unknown["num_speakers"] == 1 and np.isnan(unknown["ccc"].low) and np.isfinite(unknown["ccc"].value)
    assert len(found["emotion"]["speaker"]) == 12
    assert all(np.isnan(group["uar"].low) and np.isnan(group["uar"].high) for group in found["emotion"]["speaker"])


def test_a_group_without_a_class_is_not_asked_an_easier_question(table: pd.DataFrame) -> None:
    table = table[(table["speaker"] != "s00") | (table["true_emotion"] != "fear")].copy()
    own = (table["speaker"] == "s00").to_numpy()
    table.loc[own, [f"p_{label}" for label in LABELS]] = [0.4, 0.1, 0.5]
    group = find_groups(table, [EMOTION])["emotion"]["speaker"][0]
    assert group["group"] == "s00" and group["accuracy"].value == 0  # predicted fear, though nobody there is afraid


def test_repeats_are_averaged(table: pd.DataFrame) -> None:
    again = table.assign(repeat=1, predicted_arousal=table["predicted_arousal"] * 0.5)
    both = find_groups(pd.concat([table, again], ignore_index=True), [AROUSAL])["arousal"]
    one, two = (find_groups(each, [AROUSAL])["arousal"] for each in (table, again))
    for kind in ("gender", "speaker"):
        for merged, first, second in zip(both[kind], one[kind], two[kind], strict=True):
            assert merged["ccc"].value == pytest.approx((first["ccc"].value + second["ccc"].value) / 2)
            assert merged["num_utterances"] == first["num_utterances"]


def test_tables_without_a_column_have_no_such_groups(table: pd.DataFrame) -> None:
    found = find_groups(table.drop(columns=["gender", "duration_s", "repeat", "fold"]), [AROUSAL])
    assert set(found["arousal"]) == {"speaker", "language", "corpus"}


def test_unknown_speakers_are_shown_and_count_alone(table: pd.DataFrame) -> None:
    table.loc[table["speaker"] == "s03", "speaker"] = None
    found = find_groups(table, [AROUSAL])["arousal"]
    assert found["speaker"][-1]["group"] == "unknown" and found["speaker"][-1]["num_utterances"] == 20
    assert found["gender"][0]["num_speakers"] == 5 and np.isfinite(found["gender"][0]["ccc"].low)


def test_duration_bands_are_fixed() -> None:
    bands = duration_bands(np.array([0.0, 0.99, 1.0, 1.99, 2.0, 7.9, 8.0, 600.0, np.nan]))
    assert bands.tolist() == [
        *["0 to 1 s"] * 2,
        *["1 to 2 s"] * 2,
        "2 to 4 s",
        "4 to 8 s",
        *["8 s or more"] * 2,
        "unknown",
    ]


def test_differences_between_genders(table: pd.DataFrame) -> None:
    for target, name in ((AROUSAL, "ccc"), (EMOTION, "uar")):
        (difference,) = compare_groups(table, target, "gender")
        values = {group["group"]: group[name].value for group in find_groups(table, [target])[target.name]["gender"]}
        assert difference["pair"] == "female - male"
        assert difference[name].value == pytest.approx(values["female"] - values["male"])
        assert 0 < difference[name].low < difference[name].value < difference[name].high
    alone = table[table["speaker"].isin(["s00", "s06", "s07"])]
    assert np.isnan(compare_groups(alone, AROUSAL, "gender")[0]["ccc"].low)


def test_intervals_of_a_difference_cover_no_difference() -> None:
    random, outside = np.random.default_rng(0), 0
    for _ in range(40):
        speaker = np.repeat(np.arange(40), 8)
        truth = random.normal(size=320)
        table = pd.DataFrame(
            {
                "id": np.arange(320).astype(str),
                "speaker": speaker.astype(str),
                "gender": np.where(speaker % 2, "a", "b"),
                "true_arousal": truth,
                "predicted_arousal": truth + random.normal(size=320) + random.normal(size=40)[speaker],
            },
        )
        interval = compare_groups(table, AROUSAL, "gender")[0]["ccc"]
        outside += not interval.low <= 0 <= interval.high
    assert outside <= 7  # 5% of 40 are expected, and percentile intervals of 20 speakers are a little short


def test_classes_equal_scikit_learn_with_intervals(table: pd.DataFrame) -> None:
    decided = np.array(LABELS)[table[[f"p_{label}" for label in LABELS]].to_numpy().argmax(axis=1)]
    expected = sklearn.metrics.precision_recall_fscore_support(table["true_emotion"], decided, labels=LABELS)
    rows = measure_classes(table, EMOTION)
    assert [row["class"] for row in rows] == list(LABELS) and measure_classes(table, AROUSAL) == []
    for name, values in zip(("precision", "recall", "f1", "num_utterances"), expected, strict=True):
        assert [getattr(row[name], "value", row[name]) for row in rows] == pytest.approx(list(values))
    for row in rows:
        assert row["recall"].low < row["recall"].value < row["recall"].high
    alone = measure_classes(table[table["speaker"] == "s01"], EMOTION)
    assert np.isnan(alone[0]["recall"].low) and np.isfinite(alone[0]["recall"].value)


def test_intervals_of_recall_are_those_of_the_plain_bootstrap(table: pd.DataFrame) -> None:
    decided = np.array(LABELS)[table[[f"p_{label}" for label in LABELS]].to_numpy().argmax(axis=1)]

    def recall(p: np.ndarray, t: np.ndarray) -> float:
        return float(np.mean(p[t == "anger"] == "anger"))

    slow = interval_over_speakers(recall, decided, table["true_emotion"].to_numpy(str), table["speaker"])
    fast = measure_classes(table, EMOTION)[0]["recall"]
    assert fast == pytest.approx(slow, abs=0.02)  # other draws


def test_confusion_is_a_mean_over_repeats(table: pd.DataFrame) -> None:
    labels, counts = confusion_of(table, EMOTION)
    decided = np.array(LABELS)[table[[f"p_{label}" for label in LABELS]].to_numpy().argmax(axis=1)]
    np.testing.assert_array_equal(counts, sklearn.metrics.confusion_matrix(table["true_emotion"], decided))
    twice = pd.concat([table, table.assign(repeat=1)], ignore_index=True)
    np.testing.assert_array_equal(confusion_of(twice, EMOTION)[1], counts)
    assert labels == list(LABELS)


def test_ends_of_a_share_are_shares() -> None:
    assert _within_01(0.9, (-0.2, 1.4)) == Interval(0.0, 0.9, 1.0)
