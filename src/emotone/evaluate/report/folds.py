"""Folds in the report of a run: a table of folds and repeats, as published results have them."""

from __future__ import annotations

import numpy as np

from emotone.base.page import Section
from emotone.evaluate.report.cells import Row, metric_name
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import FoldSummary, FoldValue, summarise_folds

IEMOCAP_TESTED = ("1M", "2F", "3F", "4F", "5F")
"""Speakers who test in the folds that the published five-fold tables of IEMOCAP average."""
MOST_LETTERS = 60
"""Longer lists of the speakers of a fold are cut."""
TEXT = (
    "Each fold by itself, then the mean, deviation and extremes over folds and repeats. Of the two deviations, std "
    "divides by n - 1, and the published one by n, as tables of spectrogram images were made. The mean over folds is "
    "not the metric of all folds pooled, which is in the overview. Accuracy is weighted accuracy (WA), UAR is "
    "unweighted accuracy (UA)."
)
PUBLISHED = (
    f"Only the folds in which {', '.join(IEMOCAP_TESTED)} test, over all repeats: what the published five-fold tables "
    "of IEMOCAP average."
)


def section(evaluated: Evaluated) -> Part:
    """Mean, deviation and extremes over folds, and all of them; no section where there is one fold."""
    run = evaluated.run
    summary, published = run.result.get("folds"), published_folds(run)
    json = {"published_folds": published}
    if not summary:
        return Part(json)
    tested = {
        place: ", ".join(sorted(part["speaker"].dropna().unique()))
        for place, part in run.test.groupby(["repeat", "fold"])
    }
    sections = [Section("Folds", TEXT, _summary_rows(summary))]
    for target, metrics in summary.items():
        for metric, statistics in metrics.items():
            rows, title = _fold_rows(statistics["each"], tested), f"{target.capitalize()}: {metric_name(metric)}"
            sections += [Section(title, table=rows, level=3, folds="All folds")] if statistics["each"] else []
    if published:
        sections.append(Section("The published five folds", PUBLISHED, _summary_rows(published), level=3))
    return Part(json, sections)


def published_folds(run: Run) -> FoldSummary | None:
    """Statistics over the folds that the published tables of IEMOCAP average; None for runs without all of these."""
    if run.recipe.get("split", {}).get("name") != "iemocap":
        return None
    own = run.test[run.test["speaker"].isin(IEMOCAP_TESTED)]
    return summarise_folds(own, run.targets) if set(own["speaker"]) == set(IEMOCAP_TESTED) else None


def _summary_rows(summary: FoldSummary) -> list[Row]:
    return [
        {
            "target": target,
            "metric": metric_name(metric),
            "mean": statistics["mean"],
            "std": statistics["std"],
            "std, published": _population_std(statistics["each"]),
            "min": statistics["min"],
            "max": statistics["max"],
            "folds and repeats": len(statistics["each"]),
        }
        for target, metrics in summary.items()
        for metric, statistics in metrics.items()
    ]


def _population_std(each: list[FoldValue]) -> float:
    """The deviation of all values of folds and repeats, divided by their number; NaN without any.

    >>> round(_population_std([{"repeat": 0, "fold": fold, "value": fold / 5} for fold in (0, 1)]), 6)
    0.1
    """
    return float(np.std([one["value"] for one in each])) if each else float("nan")


def _fold_rows(each: list[FoldValue], tested: dict[tuple[int, int], str]) -> list[Row]:
    """A row per fold with the value of each repeat; None where the fold lacks two classes to tell apart."""
    values = {(one["repeat"], one["fold"]): one["value"] for one in each}
    repeats = sorted({repeat for repeat, _ in tested})
    rows = []
    for fold in sorted({fold for _, fold in tested}):
        own = {f"repeat {repeat}": values.get((repeat, fold)) for repeat in repeats}
        known = [value for value in own.values() if value is not None]
        mean = {"mean": sum(known) / len(known) if known else None} if len(repeats) > 1 else {}
        names = tested[(repeats[0], fold)]
        shown = names if len(names) < MOST_LETTERS else f"{names[:MOST_LETTERS]}…"
        rows.append({"fold": fold, "tested": shown, **own, **mean})
    return rows
