"""A recording from its windows: means, shares and spread against what numpy makes of the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from voices import spoken

from emotone.audio.turns import Turn
from emotone.audio.utterances import UtteranceRules
from emotone.predict.predictor import Predictor


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load("small", threads=1)


def test_shares_and_spread_are_those_of_the_rows(predictor: Predictor) -> None:
    said = np.concatenate([np.roll(spoken(4.0, seed), 100) * np.float32(1 - seed / 5) for seed in range(4)])
    prediction = predictor.predict(said, 16_000, window_s=2.0, hop_s=2.0)
    rows = prediction.rows(predictor.columns, "windows", choices=predictor.choices)
    weights = np.array([row["speech_share"] * (row["end_s"] - row["start_s"]) for row in rows])
    for name in predictor.categories:
        won = sum(weight for weight, row in zip(weights, rows, strict=True) if row["emotion"] == name)
        assert prediction.shares[name] == pytest.approx(won / weights.sum(), abs=2e-3)
    assert sum(prediction.shares.values()) == pytest.approx(1)
    for name in predictor.attributes:
        values = np.array([row[name] for row in rows])
        mean = np.average(values, weights=weights)
        assert prediction.scores[name] == pytest.approx(mean, abs=1e-2)
        deviation = np.sqrt(np.average((values - mean) ** 2, weights=weights))
        assert prediction.spread[name] == pytest.approx(deviation, abs=1e-2) and deviation > 0


def test_one_window_has_no_spread(predictor: Predictor) -> None:
    prediction = predictor.predict(spoken(2.0), 16_000)
    assert set(prediction.spread.values()) == {0.0} and sorted(prediction.shares.values())[-2:] == [0.0, 1.0]


def test_utterances_count_to_the_end_of_the_recording(predictor: Predictor) -> None:
    said = np.concatenate([spoken(3.0), np.zeros(80_000, np.float32)])
    prediction = predictor.predict(said, 16_000, parts=UtteranceRules())
    assert prediction.end_s == 8.0 and prediction.windows is not None and prediction.windows.end_s[-1] < 3.3
    assert prediction.speech_share is not None and prediction.speech_share < 3 / 8


def test_shares_of_what_was_not_scored_are_none(predictor: Predictor, tmp_path: Path) -> None:
    failed = predictor.try_predict(tmp_path / "none.wav")
    assert failed.shares == {} and failed.spread == {}


def test_turns_within_each_other_count_once(predictor: Predictor) -> None:
    said = np.concatenate([spoken(6.0), np.zeros(32_000, np.float32)])
    outer, inner = Turn(0.0, 6.0, "Ada"), Turn(1.0, 2.0, "Bo")
    alone = predictor.predict(said, 16_000, parts=[outer]).speech_share
    both = predictor.predict(said, 16_000, parts=[outer, inner]).speech_share
    assert alone is not None and both is not None and alone > 0.4
    assert both == pytest.approx(alone, abs=0.03)
