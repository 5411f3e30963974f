"""Metrics along curves: values and changes against the metrics of the same utterances."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from made_runs import AROUSAL, EMOTION, LABELS, TARGETS, predictions

from emotone.errors import EmotoneError
from emotone.evaluate.degraded.measured import check_measured, describe, measure, to_report
from emotone.evaluate.degraded.scoring import ALL_CURVES, DegradedScores
from emotone.evaluate.numbers import metrics

CLEAN = predictions()


def worse(seed: int = 0) -> pd.DataFrame:
    """The same utterances with noise in their scores and no preference among classes."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet([1, 1, 1], len(CLEAN))
    columns = {f"p_{label}": shares[:, place] for place, label in enumerate(LABELS)}
    return CLEAN.assign(predicted_arousal=CLEAN["predicted_arousal"] + random.normal(0, 1, len(CLEAN)), **columns)


def ccc(table: pd.DataFrame) -> float:
    return metrics.ccc(table["predicted_arousal"], table["true_arousal"])


def test_changes_are_of_the_same_utterances() -> None:
    scored = worse()[:90]
    found = measure(scored, CLEAN, [AROUSAL, EMOTION])
    arousal, emotion = found["arousal"], found["emotion"]
    assert arousal is not None and emotion is not None
    assert arousal["value"] == pytest.approx(ccc(scored))
    assert arousal["change"]["value"] == pytest.approx(ccc(scored) - ccc(CLEAN[:90]))
    assert arousal["low"] < arousal["value"] < arousal["high"] and arousal["change"]["high"] < 0
    decided = np.array(LABELS)[scored[[f"p_{label}" for label in LABELS]].to_numpy().argmax(axis=1)]
    assert emotion["value"] == pytest.approx(metrics.uar(decided, scored["true_emotion"]))


def test_rows_without_a_label_are_left_out_and_none_is_none() -> None:
    labelled = CLEAN.assign(true_arousal=CLEAN["true_arousal"].where(CLEAN.index < 60))
    found = measure(worse(), labelled, [AROUSAL])["arousal"]
    assert found is not None and found["value"] == pytest.approx(ccc(worse()[:60]))
    assert measure(worse()[60:], labelled, [AROUSAL]) == {"arousal": None}


def test_repeats_are_averaged() -> None:
    clean = pd.concat([CLEAN, CLEAN.assign(repeat=1)], ignore_index=True)
    scored = pd.concat([worse(1), worse(2).assign(repeat=1)], ignore_index=True)
    found = measure(scored, clean, [AROUSAL])["arousal"]
    assert found is not None and found["value"] == pytest.approx((ccc(worse(1)) + ccc(worse(2))) / 2)


def scores() -> DegradedScores:
    """Noise at two severities; a tenth cannot be scored clean, and a third at 5 dB."""
    clean = CLEAN.assign(predicted_arousal=CLEAN["predicted_arousal"].where(CLEAN.index >= 12))
    at_5 = worse().assign(predicted_arousal=worse()["predicted_arousal"].where(CLEAN.index % 3 > 0))
    return DegradedScores({"noise": ALL_CURVES["noise"]}, {"noise": {"clean": clean, 5.0: at_5}}, ["a note"])


def test_a_curve_counts_who_could_not_be_scored() -> None:
    curve = describe(scores(), TARGETS)["noise"]
    assert (curve["title"], curve["axis"], curve["num_utterances"]) == ("Noise", "SNR (dB)", 108)
    clean, at_5 = curve["points"]
    assert (clean["is_clean"], clean["num_failed"], at_5["is_clean"], at_5["num_failed"]) == (True, 0, False, 36)
    value, change = clean["metrics"]["arousal"], at_5["metrics"]["arousal"]
    assert value is not None and change is not None
    assert value["value"] == pytest.approx(ccc(CLEAN[12:])) and value["change"]["value"] == 0
    kept = CLEAN.index[(CLEAN.index >= 12) & (CLEAN.index % 3 > 0)]
    assert change["change"]["value"] == pytest.approx(ccc(worse().loc[kept]) - ccc(CLEAN.loc[kept]))


def test_a_report_is_plain_data() -> None:
    found = to_report(scores(), TARGETS, "robustness")
    assert (found["num_utterances"], found["num_speakers"], found["notes"]) == (108, 6, ["a note"])
    assert found["metrics"] == {"arousal": "ccc", "valence": "ccc", "emotion": "uar"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_nothing_measured_says_why() -> None:
    nothing = DegradedScores({}, {}, ["no babble", "no words", "no babble"])
    check_measured([nothing, scores()], "comparison")
    with pytest.raises(EmotoneError, match=r"robustness: nothing of it can be measured \(no babble; no words\)"):
        to_report(nothing, TARGETS, "robustness")
