"""Relative scores in the report of a run: how well they order utterances, over all pairs and as published."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from emotone.base import figure
from emotone.base.page import Section
from emotone.evaluate.numbers.relative import PublishedFolds, describe_left_out
from emotone.evaluate.report.cells import Row
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.scores import FoldSummary, pairs_of

TEXT = (
    "Scores are relative, so what is measured is their order. An utterance wins against another of its fold (all of a "
    "corpus that a bundle is tested on) where most of their chunks say so (without curves: where its score is higher), "
    "and counts by its share of wins. Scores of different folds are never compared."
)
TEST_NOTE = (
    "Lin & Busso, IEEE/ACM TASLP 31, 2023: correlation of predicted and true ranks within 10 random tenths of each "
    "fold's test part; means over these and over folds."
)
FOLDS_NOTE = "Over all pairs of a fold, and the mean of its published test."


def section(evaluated: Evaluated) -> Part:
    """Wins against labels of the relative targets, their published test, and every fold by itself."""
    run = evaluated.run
    relative = [target for target in evaluated.targets if target.is_relative]
    if not relative:
        return Part()
    pairs, titles = {}, {}
    for target in relative:
        pairs[target.name] = pairs_of(run.test, target)[1]
        spearman, kendall = (run.result["metrics"][target.name][name]["value"] for name in ("spearman", "kendall"))
        titles[target.name] = f"{target.name}: Spearman {spearman:.3f}, Kendall {kendall:.3f}"
    tests: dict[str, PublishedFolds] = {name: run.result["published_test"][name] for name in pairs}
    rows = [
        {"target": name, "Spearman": test["spearman"], "Kendall": test["kendall"], "": describe_left_out(test)}
        for name, test in tests.items()
    ]
    sections = [
        Section("Order", TEXT, None, plot_order(pairs, titles)),
        Section("Published test", "", rows, note=TEST_NOTE, level=3),
    ]
    folds = _folds(run.result.get("folds", {}), tests)
    if folds:
        sections.append(Section("Folds", "", folds, note=FOLDS_NOTE, level=3, folds="All numbers"))
    return Part(sections=sections)


def _folds(over_pairs: FoldSummary, tests: dict[str, PublishedFolds]) -> list[Row]:
    """A row per target, repeat and fold: over all pairs, and the published test."""
    rows = []
    for name, test in tests.items():
        if name not in over_pairs:
            continue
        each = (over_pairs[name][metric]["each"] for metric in ("spearman", "kendall"))
        for fold, spearman, kendall in zip(test["folds"], *each, strict=True):
            rows.append(
                {
                    "target": name,
                    "repeat": fold["repeat"],
                    "fold": fold["fold"],
                    "utterances": fold["num_utterances"],
                    "Spearman": spearman["value"],
                    "Kendall": kendall["value"],
                    "Spearman, published": fold.get("spearman"),
                    "Kendall, published": fold.get("kendall"),
                }
            )
    return rows


def plot_order(pairs: dict[str, tuple[NDArray[Any], NDArray[Any]]], titles: dict[str, str]) -> str:
    """Share of wins against the true value of each attribute {name: (share, truth)}."""
    num_columns = min(len(pairs), 3)
    num_rows = -(-len(pairs) // num_columns)
    picture, every = figure.panels(len(pairs), num_columns, min(figure.WIDTH_IN, 4.6 * num_columns), 4.0 * num_rows)
    for axes, (name, (share, truth)) in zip(every, pairs.items(), strict=True):
        figure.draw_points(axes, share, truth)
        axes.set(xlim=(-0.03, 1.03), xlabel="share of wins")
        axes.set_title(titles[name], fontsize=9, loc="left")
    every[0].set_ylabel("truth")
    return figure.svg(picture)
