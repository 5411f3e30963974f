"""Classes in a report: which is taken for which, and how well each is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.base import figure
from emotone.base.figure import plain
from emotone.base.page import Section
from emotone.bundle.target import one_or_each
from emotone.evaluate.report.cells import interval_cell, metric_name
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.report.subgroups import confusion_of, measure_classes

NOTE = "Rows are the truth: per cent of the true class, and below it the utterances."


def section(evaluated: Evaluated) -> Part:
    """The confusion of the classes, and recall, precision and F1 of each; of every target that has classes."""
    categories = evaluated.categories
    if not categories:
        return Part({"classes": [], "confusion": {"labels": [], "counts": []}})
    classes, confusion, sections = {}, {}, []
    for target in categories:
        measured = classes[target.name] = measure_classes(evaluated.run.test, target)
        labels, counts = confusion_of(evaluated.run.test, target)
        confusion[target.name] = {"labels": labels, "counts": counts.tolist()}
        table = [
            {"class": row["class"], "utterances": row["num_utterances"]}
            | {metric_name(name): interval_cell(row[name]) for name in ("recall", "precision", "f1")}
            for row in measured
        ]
        of = f" of {target.name}" if len(categories) > 1 else ""
        sections += [
            Section(f"Confusion{of}", figure=plot_confusion(labels, counts), note=NOTE),
            Section(f"Classes{of}", table=table, level=3),
        ]
    return Part({"classes": one_or_each(classes), "confusion": one_or_each(confusion)}, sections)


def plot_confusion(labels: Sequence[str], counts: NDArray[Any]) -> str:
    """Confusion in per cent of each true class, with counts; rows are the truth."""
    K = len(labels)
    size = 1.7 + 0.62 * K
    picture, axes = figure.new(size + 0.4, size - 0.3)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    for row, column in np.ndindex(K, K):
        colour = "white" if share[row, column] > 0.55 else "#1d2327"
        place = column + 0.5, row + 0.5
        axes.text(place[0], place[1] - 0.08, f"{100 * share[row, column]:.0f}", ha="center", color=colour, size=10)
        count = float(counts[row, column])  # a mean where there are repeats
        text = f"{count:.0f}" if count.is_integer() else f"{count:.1f}"
        axes.text(place[0], place[1] + 0.28, text, ha="center", color=colour, size=6.5)
    names = [plain(label) for label in labels]
    axes.set_xticks(np.arange(K) + 0.5, names, rotation=40, ha="right")
    axes.set_yticks(np.arange(K) + 0.5, names)
    axes.set(xlabel="predicted", ylabel="truth", ylim=(K, 0))
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    return figure.svg(picture)
