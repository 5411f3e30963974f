"""Robustness and missing data in a report: the main metric of each target at every severity."""

from __future__ import annotations

from emotone.base.page import Section
from emotone.evaluate.chance import chance_level
from emotone.evaluate.degraded.measured import MeasuredCurves
from emotone.evaluate.degraded.scoring import ALL_CURVES
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.report.cells import Row, interval_cell, metric_name, sentence
from emotone.evaluate.report.degraded_pictures import plot_targets
from emotone.evaluate.report.part import Evaluated, Part

ROBUSTNESS_NOTE = (
    "Bars: 95% intervals over speakers; dotted: the audio as it is. Changes to it are paired on the same utterances. "
    "Not scored: too short for the feature."
)
CHANCE = "Dotted across, in the colour of its target: chance."
MISSING_NOTE = (
    "Bars: 95% intervals over speakers; dotted: nothing is missing. Changes to it are paired on the same utterances. "
    "Words that are deleted are no chunks of the audio either. Not scored: nothing is left that the system takes."
)


def robustness(evaluated: Evaluated) -> Part:
    """Curves over degraded audio, where they were measured."""
    found = evaluated.robustness
    if not found:
        return Part({"robustness": None})
    text = "the same at every point, degraded and scored anew"
    return Part({"robustness": found}, [_section(evaluated, "Robustness", found, text, ROBUSTNESS_NOTE)])


def missing_data(evaluated: Evaluated) -> Part:
    """Curves over missing words, transcripts and audio, where they were measured."""
    found = evaluated.missing
    if not found:
        return Part({"missing": None})
    text, bursts = "scored with less and less of what is known of them", found["curves"].get("bursts")
    added = ""
    if bursts and bursts["num_utterances"] < found["num_utterances"]:
        added = f" Bursts are of {bursts['num_utterances']} of them, speakers in turn: their clean point is another."
    return Part({"missing": found}, [_section(evaluated, "Missing data", found, text, MISSING_NOTE, added)])


def _section(evaluated: Evaluated, title: str, found: MeasuredCurves, how: str, note: str, added: str = "") -> Section:
    num, num_all = found["num_utterances"], evaluated.run.result["num_utterances"]
    text = f"{num} test utterances of {found['num_speakers']} speakers, {how}. "
    if num < num_all:
        text += (
            f"They are a part of the {num_all}, always the same, drawn over speakers in turn: the clean point is "
            "theirs, and not the overview's. "
        )
    text += " ".join(map(sentence, found["notes"]))
    chance = {
        target.name: chance_level(evaluated.run.test, target)[found["metrics"][target.name]]
        for target in evaluated.targets
        if target.name in found["metrics"]
    }
    picture = plot_targets(found, chance)
    return Section(title, text + added, degradation_rows(found), picture, f"{note} {CHANCE}", folds="All numbers")


def degradation_rows(found: MeasuredCurves) -> list[Row]:
    """A row per point of each curve and target, with what it changes."""
    rows = []
    for name, curve in found["curves"].items():
        for point in curve["points"]:
            for target, metric in found["metrics"].items():
                value = point["metrics"][target]
                if value is None:
                    continue
                change = "" if point["is_clean"] else interval_cell(Interval.from_json(value["change"]))
                rows.append(
                    {
                        "degradation": curve["title"],
                        "severity": ALL_CURVES[name].on_axis(point["severity"]),
                        "target": target,
                        "metric": metric_name(metric),
                        "value": interval_cell(Interval.from_json(value)),
                        "change": change,
                        "not scored": point["num_failed"],
                    }
                )
    return rows
