"""Attributes in a report: the numbers of the picture and of the table are those of the metrics."""

from __future__ import annotations

import numpy as np
import pytest
from made_runs import AROUSAL, EMOTION, VALENCE, make_run, predictions

from emotone.base.page import render
from emotone.bundle.target import UNBOUNDED, Target
from emotone.evaluate.numbers import metrics
from emotone.evaluate.report.attributes import section
from emotone.evaluate.report.part import Evaluated


def test_titles_and_lines_are_those_of_the_metrics() -> None:
    run = make_run(predictions(), [AROUSAL, VALENCE, EMOTION])
    part = section(Evaluated(run))
    (shown,) = part.sections
    p, t = run.test["predicted_arousal"], run.test["true_arousal"]
    first, second = shown.table or []
    assert (first["target"], second["target"]) == ("arousal", "valence") and part.json == {}
    assert first["Pearson"] * first["C_b"] == pytest.approx(metrics.ccc(p, t))
    assert list(first) == ["target", "slope", "intercept", "Pearson", "C_b", "scale", "location"]
    assert f"arousal: CCC .{str(round(metrics.ccc(p, t), 3))[2:]}" in shown.figure


def test_many_points_are_counted_in_hexagons() -> None:
    (shown,) = section(Evaluated(make_run(predictions(4000, 20), [AROUSAL]))).sections
    assert len(shown.figure) < 200_000


def test_relative_scores_and_categories_have_no_such_section() -> None:
    relative = Target("arousal", "attribute", UNBOUNDED)
    assert section(Evaluated(make_run(predictions(), [relative, EMOTION]))).sections == []


@pytest.mark.parametrize("column", ["predicted_arousal", "true_arousal"])
def test_constants_are_shown(column: str) -> None:
    run = make_run(predictions().assign(**{column: 3.0}), [AROUSAL, VALENCE])
    (shown,) = section(Evaluated(run)).sections
    row = (shown.table or [])[0]
    assert np.isnan(row["Pearson"]) and np.isnan(row["C_b"]) and "nan" not in shown.figure.lower()
    assert not any(np.isinf(value) for value in row.values() if isinstance(value, float))
    html = render("made", [shown])
    assert "–" in html and "inf<" not in html and "nan<" not in html
