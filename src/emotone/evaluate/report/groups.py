"""Groups of test utterances in a report: genders, languages, corpora, durations and speakers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from emotone.base import figure
from emotone.base.figure import COLOURS, GREY, plain
from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.evaluate.chance import chance_level
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.report.cells import Row, interval_cell, metric_name
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.report.subgroups import KINDS, UNKNOWN, Group, compare_groups, find_groups, groups_of
from emotone.evaluate.scores import main_metrics, metrics_of

MOST_NAMES = 30
"""More speakers than this are dots without a name."""
MOST_ROWS = 40
"""A longer table of speakers is shown in its worst and best rows; the JSON has all."""
SPEAKERS_NOTE = "Sorted; dashed: mean over the speakers of a gender; dotted: chance. One speaker has no interval."
FEW_UTTERANCES, FEW_SPEAKERS = 10, 3
"""Of a group with fewer little can be said; its row has a remark."""
FAIRNESS = (
    "95% intervals over speakers, each gender's drawn again by themselves, not corrected for several targets. An "
    "interval with 0 in it is no proof that the genders are served alike, least of all with few speakers."
)


def section(evaluated: Evaluated) -> Part:
    """Each kind of group that has two groups or more; the overview says what all utterances are of."""
    test, targets = evaluated.run.test, evaluated.targets
    measured = find_groups(test, targets)
    differences = {target.name: compare_groups(test, target, "gender") for target in targets}
    sections = []
    for kind, title in KINDS.items():
        groups = {name: kinds.get(kind, []) for name, kinds in measured.items()}
        if max(map(len, groups.values())) < 2:
            continue
        rows = _rows(groups, kind, targets)
        if kind == "speaker":
            sections.append(_speakers(title, groups, rows, targets, test))
            continue
        picture = plot_groups(groups, main_metrics(targets), _chance(test, targets))
        sections.append(Section(title, table=rows, figure=picture, note=_note(groups, rows)))
        if kind == "gender" and any(differences.values()):
            sections.append(_differences(differences, targets))
    return Part({"groups": measured, "gender_differences": differences}, sections)


def _rows(groups: dict[str, list[Group]], kind: str, targets: Sequence[Target]) -> list[Row]:
    """One row per group: the main metric of each target, or all of a single target; biases of attributes."""
    shown = {name: [metric] for name, metric in main_metrics(targets).items()}
    if len(targets) == 1:
        shown = {targets[0].name: list(metrics_of(targets[0]))}
    rows: dict[str, Row] = {}
    for name, measured in groups.items():
        for group in measured:
            first = {kind: group["group"], "utterances": group["num_utterances"], "speakers": group["num_speakers"]}
            row = rows.setdefault(group["group"], first)
            row |= {f"{name} {metric_name(metric)}": interval_cell(group[metric]) for metric in shown[name]}
    for name, measured in groups.items():
        for group in measured:
            rows[group["group"]] |= {f"{name} bias": group["bias"]} if "bias" in group else {}
    remarks = {name: _remark(row, kind) for name, row in rows.items()}
    if any(remarks.values()):
        for name, row in rows.items():
            row |= {"remark": remarks[name]}
    columns = max(rows.values(), key=len)
    return [{column: row.get(column) for column in columns} for row in rows.values()]


def _remark(row: Row, kind: str) -> str:
    """What a group has too few of; a speaker is one by nature."""
    few = ["utterances"] * (row["utterances"] < FEW_UTTERANCES)
    few += ["speakers"] * (kind != "speaker" and row["speakers"] < FEW_SPEAKERS)
    return f"few {' and '.join(few)}" if few else ""


def _note(groups: dict[str, list[Group]], rows: list[Row]) -> str:
    """What the dotted line is, what remarks are of, and how many groups have no interval, by the first target."""
    num = sum(group["num_speakers"] < 2 for group in next(iter(groups.values())))
    notes = ["Dotted: chance."]
    if any(row.get("remark") for row in rows):
        notes.append(f"Few: below {FEW_UTTERANCES} utterances or {FEW_SPEAKERS} speakers, of which little can be said.")
    if num:
        notes.append(f"{num} of {len(rows)} groups have fewer than two known speakers: no interval.")
    return " ".join(notes)


def _chance(test: pd.DataFrame, targets: Sequence[Target]) -> dict[str, float]:
    """Chance by the main metric of each target."""
    return {target.name: chance_level(test, target)[main_metrics([target])[target.name]] for target in targets}


def _speakers(
    title: str, groups: dict[str, list[Group]], rows: list[Row], targets: Sequence[Target], test: pd.DataFrame
) -> Section:
    """All speakers, or where they are many the worst and the best by the first target."""
    metrics, note = main_metrics(targets), SPEAKERS_NOTE
    picture = plot_speakers(groups, metrics, _genders(test), _chance(test, targets))
    if len(rows) > MOST_ROWS:
        target, metric = next(iter(metrics.items()))
        values = {group["group"]: group[metric].value for group in groups[target]}
        known = [row for row in rows if math.isfinite(values.get(row["speaker"], math.nan))]
        ordered = sorted(known, key=lambda row: values[row["speaker"]])
        note += f" Of {len(rows)} speakers the worst and best {MOST_ROWS // 2} by {target} are listed; "
        note += "the JSON has all."
        rows = ordered[: MOST_ROWS // 2] + ordered[-MOST_ROWS // 2 :]
    return Section(title, table=rows, figure=picture, note=note, folds="All numbers")


def _genders(test: pd.DataFrame) -> dict[str, str]:
    """The gender of each speaker, "unknown" where there is none or more than one."""
    groups = groups_of(test)
    genders = groups.get("gender", np.full(len(test), UNKNOWN))
    table = pd.DataFrame({"speaker": groups["speaker"], "gender": genders}).drop_duplicates()
    several = table["speaker"].duplicated(keep=False)
    return dict(zip(table["speaker"], table["gender"].where(~several, UNKNOWN), strict=True))


def _differences(differences: dict[str, list[dict[str, Any]]], targets: Sequence[Target]) -> Section:
    metrics = main_metrics(targets)
    rows = [
        {
            "target": target,
            "pair": pair["pair"],
            "metric": metric_name(metrics[target]),
            "difference": interval_cell(pair[metrics[target]]),
            "excludes 0": _excludes_zero(pair[metrics[target]]),
        }
        for target, pairs in differences.items()
        for pair in pairs
    ]
    return Section("Differences between genders", table=rows, level=3, note=FAIRNESS)


def _excludes_zero(value: Interval) -> str | None:
    """Whether the interval excludes 0; None where there is none."""
    if math.isnan(value.low):
        return None
    return "yes" if value.low > 0 or value.high < 0 else "no"


def plot_groups(groups: dict[str, list[Group]], metrics: dict[str, str], chance: dict[str, float]) -> str:
    """The metric of each group with its interval; a panel per target, the groups from top to bottom; dotted: chance."""
    num = max(len(rows) for rows in groups.values())
    picture, every = figure.panels(len(groups), len(groups), figure.WIDTH_IN, 0.9 + 0.3 * num)
    for number, (axes, (target, rows)) in enumerate(zip(every, groups.items(), strict=True)):
        for place, row in enumerate(rows):
            low, value, high = row[metrics[target]]
            axes.hlines(place, low, high, color=COLOURS[0], linewidth=2.2)
            axes.plot(value, place, "o", color=COLOURS[0], markersize=6)
        names = [plain(row["group"]) for row in rows] if number == 0 else [""] * len(rows)
        axes.set_yticks(range(len(rows)), names)
        axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=f"{plain(target)} {metric_name(metrics[target])}")
        axes.axvline(chance[target], color=GREY, linewidth=1.2, linestyle=":")
        axes.locator_params(axis="x", nbins=5)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return figure.svg(picture)


def plot_speakers(
    speakers: dict[str, list[Group]], metrics: dict[str, str], genders: dict[str, str], chance: dict[str, float]
) -> str:
    """The metric of each speaker, sorted; a row per target, colours and mean lines by gender; dotted: chance."""
    num = max(len(rows) for rows in speakers.values())
    shown = list(dict.fromkeys(sorted(genders.values())))
    has_names = num <= MOST_NAMES
    picture, every = figure.panels(len(speakers), 1, figure.WIDTH_IN, (2.3 + 0.5 * has_names) * len(speakers))
    for axes, (target, rows) in zip(every, speakers.items(), strict=True):
        metric = metrics[target]
        rows = sorted((row for row in rows if np.isfinite(row[metric].value)), key=lambda row: row[metric].value)
        for number, gender in enumerate(shown):
            own = [(place, row[metric].value) for place, row in enumerate(rows) if genders[row["group"]] == gender]
            if not own:
                continue
            places, values = zip(*own, strict=True)
            label = plain(f"{gender}: mean {np.mean(values):.3f} of {len(values)}")
            colour = GREY if gender == UNKNOWN else COLOURS[number % len(COLOURS)]
            axes.axhline(float(np.mean(values)), color=colour, linewidth=1, linestyle="--")
            axes.plot(places, values, "o", color=colour, markersize=5 if has_names else 3, label=label)
        if has_names:
            names = [plain(row["group"]) for row in rows]
            axes.set_xticks(range(len(rows)), names, rotation=60, ha="right", fontsize=8, rotation_mode="anchor")
        else:
            axes.set_xlabel(f"{len(rows)} speakers, from worst to best")
        axes.axhline(chance[target], color=GREY, linewidth=1.2, linestyle=":")
        axes.set_ylabel(f"{plain(target)} {metric_name(metric)}")
        if axes.get_legend_handles_labels()[0]:  # none where no speaker has a value
            axes.legend(fontsize=8, frameon=False, loc="best")
    return figure.svg(picture)
