"""How far repeats lie apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_runs import AROUSAL, EMOTION, predictions

from emotone.evaluate.numbers import metrics
from emotone.evaluate.seeds import spread_over_repeats


def test_the_deviation_is_of_the_metric_of_each_repeat() -> None:
    table = predictions()
    again = [
        table.assign(repeat=number, predicted_arousal=table["predicted_arousal"] * 0.8**number) for number in range(3)
    ]
    found = spread_over_repeats(pd.concat(again, ignore_index=True), AROUSAL)
    values = [metrics.ccc(one["predicted_arousal"], one["true_arousal"]) for one in again]
    assert found["ccc"] == pytest.approx(np.std(values, ddof=1)) and list(found) == ["ccc", "pearson", "rmse"]
    assert found["pearson"] == pytest.approx(0, abs=1e-12)


def test_one_repeat_and_no_labels_have_none() -> None:
    assert spread_over_repeats(predictions(), EMOTION) == {}
    both = pd.concat([predictions(), predictions().assign(repeat=1)]).assign(true_emotion=None)
    assert spread_over_repeats(both, EMOTION) == {}
