"""What a guess without listening reaches."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.dummy
import sklearn.metrics
from made_runs import AROUSAL, EMOTION, predictions

from emotone.bundle.target import UNBOUNDED, Target
from emotone.evaluate.chance import chance_level


def test_categories_are_guessed_as_the_most_frequent_class() -> None:
    table = predictions()
    truth = table["true_emotion"]
    guess = sklearn.dummy.DummyClassifier(strategy="most_frequent").fit(truth, truth).predict(truth)
    assert chance_level(table, EMOTION) == {
        "uar": pytest.approx(1 / 3),
        "accuracy": pytest.approx(sklearn.metrics.accuracy_score(truth, guess)),
        "macro_f1": pytest.approx(sklearn.metrics.f1_score(truth, guess, average="macro")),
    }


def test_attributes_are_guessed_as_their_mean() -> None:
    table = predictions()
    chance = chance_level(table, AROUSAL)
    assert chance == {"ccc": 0.0, "pearson": 0.0, "rmse": pytest.approx(float(np.std(table["true_arousal"])))}
    assert chance_level(table, Target("arousal", "attribute", UNBOUNDED)) == {"spearman": 0.0, "kendall": 0.0}


def test_without_labels_there_is_no_chance() -> None:
    assert chance_level(predictions().assign(true_emotion=None), EMOTION) == {}
