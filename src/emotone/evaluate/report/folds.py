"""Folds in the report of a run: a table of folds and repeats, as published results have them."""

from __future__ import annotations

from typing import Any

from emotone.base.page import Section
from emotone.evaluate.report.cells import Row, metric_name
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import summarise_folds

IEMOCAP_TESTED = ("1M", "2F", "3F", "4F", "5F")
"""Speakers who test in the folds that the published five-fold tables of IEMOCAP average."""
STATISTICS = ("mean", "std", "min", "max")


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
    sections += [
        Section(
            f"{target.capitalize()}: {metric_name(metric)}", table=_fold_rows(about["each"], tested), level=3, folds=ALL
        )
        for target, metrics in summary.items()
        for metric, about in metrics.items()
        if about["each"]
    ]
    if published:
        sections.append(Section("The published five folds", PUBLISHED, _summary_rows(published), level=3))
    return Part(json, sections)


def published_folds(run: Run) -> dict[str, Any] | None:
    """`summarise_folds` of the folds that the published tables of IEMOCAP average; None for other splits or no such."""
    if run.recipe.get("split", {}).get("name") != "iemocap":
        return None
    own = run.test[run.test["speaker"].isin(IEMOCAP_TESTED)]
    return summarise_folds(own, run.targets) if set(own["speaker"]) == set(IEMOCAP_TESTED) else None


def _summary_rows(summary: dict[str, Any]) -> list[Row]:
    return [
        {"target": target, "metric": metric_name(metric), **{name: about[name] for name in STATISTICS},
         "folds and repeats": len(about["each"])}
        for target, metrics in summary.items()
        for metric, about in metrics.items()
    ]  # fmt: skip


def _fold_rows(each: list[dict[str, Any]], tested: dict[tuple[int, int], str]) -> list[Row]:
    """A row per fold with the value of each repeat; None where the fold has no two classes to tell apart."""
    values = {(one["repeat"], one["fold"]): one["value"] for one in each}
    repeats = sorted({repeat for repeat, _ in tested})
    rows = []
    for fold in sorted({fold for _, fold in tested}):
        own = {f"repeat {repeat}": values.get((repeat, fold)) for repeat in repeats}
        known = [value for value in own.values() if value is not None]
        mean = {"mean": sum(known) / len(known) if known else None} if len(repeats) > 1 else {}
        names = tested[(repeats[0], fold)]
        rows.append(
            {"fold": fold, "tested": names if len(names) < MOST_LETTERS else f"{names[:MOST_LETTERS]}…"} | own | mean
        )
    return rows


MOST_LETTERS = 60
ALL = "All folds"
TEXT = (
    "Each fold by itself, then the mean, deviation (n - 1) and extremes over folds and repeats. The mean over folds is "
    "not the metric of all folds pooled, which is in the overview. Accuracy is weighted accuracy (WA), UAR is "
    "unweighted accuracy (UA)."
)
PUBLISHED = (
    f"Only the folds in which {', '.join(IEMOCAP_TESTED)} test, over all repeats: what the published five-fold tables "
    "of IEMOCAP average."
)
