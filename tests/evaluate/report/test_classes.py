"""Classes in a report: counts and shares are those of the predictions."""

from __future__ import annotations

import numpy as np
from made_runs import AROUSAL, EMOTION, LABELS, TARGETS, make_run, predictions

from emotone.evaluate.report.classes import plot_confusion, section
from emotone.evaluate.report.part import Evaluated


def test_the_confusion_counts_every_utterance() -> None:
    run = make_run(predictions())
    part = section(Evaluated(run))
    assert list(part.json) == ["classes", "confusion"] and part.json["confusion"]["labels"] == list(LABELS)
    counts = np.array(part.json["confusion"]["counts"])
    predicted = run.test[[f"p_{label}" for label in LABELS]].to_numpy().argmax(axis=1)
    assert counts[0, 2] == ((run.test["true_emotion"] == "anger") & (predicted == 2)).sum() and counts.sum() == 120
    confusion, classes = part.sections
    assert (confusion.title, classes.title, classes.level) == ("Confusion", "Classes", 3)
    rows = list(classes.table or [])
    assert [row["class"] for row in rows] == list(LABELS)
    assert [row["utterances"] for row in rows] == run.test["true_emotion"].value_counts()[list(LABELS)].tolist()
    recall = counts[0, 0] / counts[0].sum()
    assert rows[0]["recall"].startswith(f"{recall:.3f}"[1:]) and list(rows[0])[2:] == ["recall", "precision", "F1"]


def test_cells_have_per_cent_and_counts() -> None:
    svg = plot_confusion(["a$b", "c"], np.array([[3.0, 1.0], [0.5, 1.5]]))
    for text in ("75", "25", "3", "1.5", "a$b"):
        assert f">{text}</text>" in svg, text


def test_attributes_alone_have_no_classes() -> None:
    part = section(Evaluated(make_run(predictions(), [AROUSAL])))
    assert part.json == {"classes": [], "confusion": {"labels": [], "counts": []}} and part.sections == []
    assert (
        section(Evaluated(make_run(predictions(), [EMOTION]))).json
        == section(Evaluated(make_run(predictions(), TARGETS))).json
    )
