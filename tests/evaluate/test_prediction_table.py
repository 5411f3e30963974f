"""Prediction tables: scores are those of the bundle for each utterance, beside what is known of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle_edits import change
from made_runs import AROUSAL, EMOTION, LABELS, VALENCE, predictions

from emotone.bundle.bundle import Bundle
from emotone.data.rows import Rows
from emotone.evaluate.prediction_table import (
    BATCH_SIZE,
    first_fold,
    is_scored,
    predict_table,
    predicted_values,
    score_columns,
    speakers_of,
    to_range,
)


def features(num: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(-5, 3, (int(random.integers(20, 90)), 16)).astype(np.float32) for _ in range(num)]


def utterances(num: int) -> pd.DataFrame:
    """Three attributes and a category, as the tiny bundle has; dominance is not known of the first."""
    random = np.random.default_rng(1)
    values = {name: random.uniform(1, 7, num) for name in ("arousal", "dominance", "valence")}
    table = pd.DataFrame({"id": [f"u{n}" for n in range(num)], "speaker": [str(n % 3) for n in range(num)], **values})
    table["dominance"] = table["dominance"].astype(object).where(table.index > 0, None)
    return table.assign(emotion=["anger", None] * (num // 2), text="not kept", duration_s=2.0)


def test_rows_are_what_the_bundle_says_of_each_utterance(tiny_bundle: Path) -> None:
    bundle, table, inputs = Bundle.load(str(tiny_bundle)), utterances(2 * BATCH_SIZE + 6), features(2 * BATCH_SIZE + 6)
    found = predict_table(bundle, Rows(inputs, 16), table)
    labels = next(target.labels for target in bundle.targets if target.kind == "category")
    attributes = [
        column for name in ("arousal", "dominance", "valence") for column in (f"true_{name}", f"predicted_{name}")
    ]
    assert list(found) == ["id", "speaker", "duration_s", *attributes, "true_emotion", *(f"p_{one}" for one in labels)]
    for place in (0, 31, 32, 69):
        scores = bundle.score_features([inputs[place]])
        assert found.loc[place, "predicted_valence"] == pytest.approx(scores.attributes["valence"][0], abs=1e-5)
        assert found.loc[place, "p_fear"] == pytest.approx(scores.probabilities["fear"][0], abs=1e-6)
    assert found["true_dominance"].isna().tolist() == [True, *[False] * 69] and found["true_arousal"].dtype == float
    assert found["true_emotion"].tolist() == table["emotion"].tolist()


def test_speakers_are_normalised_by_all_of_theirs(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "by-speaker")
    change(folder, lambda about: about["normalise"].update(by="speaker"))
    bundle, inputs = Bundle.load(str(folder)), features(12)
    found = predict_table(bundle, Rows(inputs, 16), utterances(12))
    louder = [one + np.float32(3) if n % 3 == 0 else one for n, one in enumerate(inputs)]  # all of one speaker
    again = predict_table(bundle, Rows(louder, 16), utterances(12))
    np.testing.assert_allclose(again["predicted_arousal"], found["predicted_arousal"], atol=1e-4)
    plain = [predict_table(Bundle.load(str(tiny_bundle)), Rows(one, 16), utterances(12)) for one in (inputs, louder)]
    assert not np.allclose(plain[0]["predicted_arousal"], plain[1]["predicted_arousal"], atol=1e-2)


def test_the_first_fold_is_of_the_first_repeat() -> None:
    table = pd.DataFrame({"repeat": [1, 2, 1, 1], "fold": [3, 0, 2, 2], "id": list("abcd")})
    assert first_fold(table)["id"].tolist() == ["c", "d"]
    assert first_fold(table[["id"]])["id"].tolist() == list("abcd")


def test_who_has_no_speaker_is_one_alone() -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "speaker": ["x", None, np.nan]})
    assert speakers_of(table).tolist() == ["x", "utterance b", "utterance c"]


@pytest.mark.parametrize(
    ("own", "wanted", "mapped"),
    [((1, 5), (1, 5), 2.0), (None, (1, 5), 2.0), ((1, 5), None, 2.0), ((1, 5), (0, 1), 0.25), ((0, 4), (-1, 1), 0.0)],
)
def test_scores_are_mapped_linearly(own: tuple | None, wanted: tuple | None, mapped: float) -> None:
    assert to_range(np.array([2.0]), own, wanted).tolist() == [mapped]


def test_what_is_scored_has_all_its_scores() -> None:
    table = predictions(4)
    targets = [AROUSAL, VALENCE, EMOTION]
    assert score_columns(targets) == ["predicted_arousal", "predicted_valence", "p_anger", "p_calm", "p_fear"]
    table.loc[0, "predicted_valence"], table.loc[2, "p_calm"] = np.nan, np.nan
    assert is_scored(table, targets).tolist() == [False, True, False, True]
    assert is_scored(table, [AROUSAL]).all()


def test_predicted_values_are_scores_or_the_likeliest_class() -> None:
    table = pd.DataFrame({"predicted_arousal": [1.0, 2.0], "p_anger": [0.5, 0.2], "p_calm": [0.1, 0.3], "p_fear": 0.4})
    assert predicted_values(table, AROUSAL).tolist() == [1.0, 2.0]
    assert predicted_values(table, EMOTION, LABELS).tolist() == ["anger", "fear"]
    assert predicted_values(table, EMOTION, ("anger", "calm")).tolist() == ["anger", "calm"]


def test_speakers_that_are_predicted_are_not_drawn() -> None:
    table = pd.DataFrame({"id": ["a", "b"], "speaker": ["x", "x"], "true_speaker": ["x", "x"]})
    assert speakers_of(table).tolist() == ["utterance a", "utterance b"]
