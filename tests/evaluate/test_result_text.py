"""A result on a terminal: metrics with intervals and chance, classes, notes."""

from __future__ import annotations

import json

import pytest
import sklearn.metrics
from made_runs import AROUSAL, LABELS, make_run, predictions

from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.result_text import class_rows, print_result


def test_a_result_is_a_line_per_metric(capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(predictions(), [AROUSAL], warnings=["LEAKAGE"], notes=["arousal mapped"])
    ccc, pearson, rmse = (Interval.from_json(one) for one in run.result["metrics"]["arousal"].values())
    print_result(run)
    printed = capsys.readouterr()
    spread = run.test["true_arousal"].std(ddof=0)
    assert printed.out.splitlines() == [
        "mine: leave-one-speaker-out by speaker: 120 utterances, 6 speakers",
        f"  arousal    ccc       {ccc.value:.3f} [{ccc.low:.3f}, {ccc.high:.3f}]  chance 0.000",
        f"  arousal    pearson   {pearson.value:.3f} [{pearson.low:.3f}, {pearson.high:.3f}]  chance 0.000",
        f"  arousal    rmse      {rmse.value:.3f} [{rmse.low:.3f}, {rmse.high:.3f}]  chance {spread:.3f}",
    ]
    few = "  6 speakers are few: other ones may give quite other numbers, and intervals of so few are wide"
    assert printed.err.splitlines() == ["WARNING: LEAKAGE", few, "  arousal mapped"]
    print_result(run, as_json=True)
    assert json.loads(capsys.readouterr().out) == run.result


def test_classes_have_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(predictions())
    print_result(run)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4].split() == ["emotion", "utterances", "recall", "precision", "F1", "taken", "for"]
    test = run.test
    decided = test[[f"p_{label}" for label in LABELS]].to_numpy().argmax(axis=1)
    truth = test["true_emotion"].map(LABELS.index)
    recall = sklearn.metrics.recall_score(truth, decided, average=None)
    counts = sklearn.metrics.confusion_matrix(truth, decided)
    for k, row in enumerate(class_rows(test, run.targets[2])):
        assert row["emotion"] == LABELS[k] and row["recall"].startswith(f"{recall[k]:.3f} [")
        wrong = [count if other != k else -1 for other, count in enumerate(counts[k])]
        most = wrong.index(max(wrong))
        assert row["taken for"] == f"{LABELS[most]} {counts[k, most] / counts[k].sum():.0%}"
    assert lines[-3].startswith(f"  {LABELS[0]}")


def test_one_speaker_has_no_interval(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(make_run(predictions(num_speakers=1)))
    printed = capsys.readouterr().out
    assert "nan" not in printed and "[" not in printed


def test_a_class_without_errors_is_taken_for_nothing() -> None:
    test = predictions()
    for label in LABELS:
        test[f"p_{label}"] = (test["true_emotion"] == label).astype(float)
    assert [row["taken for"] for row in class_rows(test, make_run(test).targets[2])] == [""] * 3
