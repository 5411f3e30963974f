"""The report of an evaluation: everything measured as JSON, and the same as one self-contained HTML page."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from emotone.base.page import Section, render
from emotone.bundle.target import Target
from emotone.evaluate.numbers.statistics import Interval
from emotone.evaluate.plain import to_json
from emotone.evaluate.report import pictures
from emotone.evaluate.report.activation import report_activations
from emotone.evaluate.report.calibration import calibrate
from emotone.evaluate.report.clusters import report_clusters
from emotone.evaluate.report.curves import report_curves
from emotone.evaluate.report.deep_mi import report_deep_mi
from emotone.evaluate.report.folds import published_folds, report_folds
from emotone.evaluate.report.order import report_order
from emotone.evaluate.report.subgroups import (
    UNKNOWN,
    compare_groups,
    confusion_of,
    find_groups,
    groups_of,
    measure_classes,
)
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import metrics_of, pairs_of

NUM_WORST = 12
MOST_ROWS = 40
"""A longer table of speakers is shown in its worst and best rows; the JSON has all."""
KINDS = {
    "gender": "Genders", "language": "Languages", "corpus": "Corpora", "duration": "Durations", "speaker": "Speakers",
}  # fmt: skip
TABLES = {"ccc": "Attributes", "spearman": "Relative scores", "uar": "Categories"}
"""Kinds of targets by their main metric."""
Row = dict[str, Any]


def build_report(
    run: Run, robustness: dict[str, Any] | None = None, missing: dict[str, Any] | None = None
) -> tuple[dict[str, Any], str]:
    """What was measured of a finished run, or of a bundle on a corpus: (JSON object, HTML page).

    `robustness` is that of `emotone.evaluate.degraded.robustness`, `missing` of
    `emotone.evaluate.degraded.missing_data`. In the JSON, a number that is not defined is null. Raises EmotoneError for
    tables that the metrics refuse, and for clusters or DeepMI that are damaged.
    """
    targets = [target for target in run.targets if len(pairs_of(run.test, target)[0])]
    absolute = [target for target in targets if not target.is_relative]  # of others there is no error, only an order
    category = next((target for target in targets if target.kind == "category"), None)
    labels, counts = confusion_of(run.test, category) if category else ([], np.zeros((0, 0)))
    clusters, cluster_sections = report_clusters(run)
    deep_mi, deep_mi_sections = report_deep_mi(run)
    about: dict[str, Any] = {
        "name": run.name, "result": run.result, "warnings": run.warnings, "published_folds": published_folds(run),
        "groups": find_groups(run.test, targets),
        "gender_differences": {target.name: compare_groups(run.test, target, "gender") for target in targets},
        "classes": measure_classes(run.test, category) if category else [],
        "confusion": {"labels": labels, "counts": counts.tolist()},
        "calibration": calibrate(run.test, run.validation, absolute), "robustness": robustness,
        "missing": missing,
        "worst": {target.name: worst_errors(run.test, target) for target in absolute},
        "clusters": clusters, "deep_mi": deep_mi, "recipe": run.recipe,
    }  # fmt: skip
    sections = [*_sections(run, about, targets), *cluster_sections, *deep_mi_sections]
    if "corpora" in run.recipe:  # a bundle on a corpus has none
        sections.append(Section("Recipe", code=_text(run.recipe)))
    page = render(f"{run.name}: test report", sections, run.warnings)
    return to_json(about), page


def worst_errors(predictions: pd.DataFrame, target: Target, num: int = NUM_WORST) -> list[Row]:
    """The utterances that are most wrong: largest distance, or least probability of the true class."""
    known, (p, t), classes = pairs_of(predictions, target)
    found = pd.DataFrame({"utterance": known["id"], "speaker": known["speaker"], "truth": t, "prediction": p})
    if target.kind == "attribute":
        found["error"] = p - t
        order = found["error"].abs().sort_values(ascending=False, kind="stable").index
    else:
        shares = known[[f"p_{label}" for label in classes]].to_numpy(float)
        shares = shares / shares.sum(axis=1, keepdims=True)
        found["p(truth)"] = shares[np.arange(len(t)), [classes.index(label) for label in t]]
        found["p(prediction)"] = shares.max(axis=1)
        order = found.loc[p != t, "p(truth)"].sort_values(kind="stable").index
    return found.loc[order].drop_duplicates("utterance").head(num).to_dict("records")


def _sections(run: Run, about: Row, targets: list[Target]) -> list[Section]:
    sections = [*_overview(run), _origin(run), *report_folds(run)]
    attributes = [target for target in targets if target.kind == "attribute" and not target.is_relative]
    if attributes:
        sections.append(_attributes(run, about, attributes))
    sections += report_order(run, targets)
    if about["confusion"]["labels"]:
        sections += _classes(run, about)
    for kind, title in KINDS.items():
        sections += _groups(run, about, kind, title, targets)
    sections += [_reliability(about["calibration"][target.name]) for target in targets if target.kind == "category"]
    if about["robustness"]:
        sections.append(_robustness(about["robustness"]))
    if about["missing"]:
        sections.append(_missing(about["missing"]))
    if about["worst"]:
        sections.append(Section("Worst errors", "" if any(about["worst"].values()) else "There are none."))
    sections += [Section(name.capitalize(), table=rows, level=3) for name, rows in about["worst"].items() if rows]
    return [*sections, *report_curves(run, targets), *report_activations(run)]


def _overview(run: Run) -> list[Section]:
    """What was measured; attributes, relative ones and categories have other metrics, so each kind has its table."""
    result = run.result
    tables: dict[tuple[str, ...], list[Row]] = {}
    for target, scores in result["metrics"].items():
        row = {"target": target, **{_named(name): _cell(_interval(values)) for name, values in scores.items()}}
        tables.setdefault(tuple(scores), []).append(row)
    parts = [f"{result['protocol']}.", f"{result['num_utterances']} utterances of {result['num_speakers']} speakers"]
    single = [f"{kind} {names[0]}" for kind, names in ((kind, _names(run, kind)) for kind in KINDS) if len(names) == 1]
    parts[1] += f", all of {', '.join(single)}." if single else "."
    for key, text in (
        ("num_unknown_speaker", "utterances of unknown speakers count as speakers of their own"),
        ("num_left_out", "utterances of other classes are left out"),
        ("num_failed", "utterances could not be read"),
    ):
        parts += [f"{result[key]} {text}."] if result.get(key) else []
    parts += [f"{note}." for note in result.get("notes", [])]
    note = "Intervals: bootstrap over speakers, 2000 resamples; with one speaker there is none."
    first, *others = tables.items()
    sections = [
        Section("Overview", " ".join(parts), first[1]),
        *(Section(TABLES[names[0]], table=rows, level=3) for names, rows in others),
    ]
    return [*sections[:-1], replace(sections[-1], note=note)]


def _names(run: Run, kind: str) -> list[str]:
    return sorted(set(groups_of(run.test).get(kind, [])))


def _origin(run: Run) -> Section:
    """What the numbers are of: enough to tell whether two reports can be compared."""
    result = run.result
    splits = list(dict.fromkeys(result.get("splits", [])))
    rows = {
        "model": result.get("model"), "recipe hash": result.get("hash"), "seed": result.get("seed"),
        "corpora": ", ".join(f"{name} ({print_})" for name, print_ in result.get("corpora", {}).items()),
        "splits": ", ".join(splits),
        "left out": ", ".join(f"{reason} ({count})" for reason, count in result.get("left_out", {}).items()),
        "versions": ", ".join(f"{name} {version}" for name, version in result.get("versions", {}).items()),
        "parameters": f"{result['num_parameters']:,}" if "num_parameters" in result else None,
        "networks start": ", ".join(dict.fromkeys(map(str, result.get("start", [])))),
        "processor time": f"{result['cpu_s'] / 60:.1f} minutes" if "cpu_s" in result else None,
    }  # fmt: skip
    table = [{"": name, " ": str(value)} for name, value in rows.items() if value not in (None, "")]
    return Section("Where it comes from", table=table, note="Corpora with their fingerprints.", level=3)


def _attributes(run: Run, about: Row, targets: list[Target]) -> Section:
    pairs, titles = {}, {}
    for target in targets:
        pairs[target.name] = pairs_of(run.test, target)[1]
        titles[target.name] = f"{target.name}: CCC {_interval(run.result['metrics'][target.name]['ccc'])}"
    rows = [{"target": name, **about["calibration"][name]} for name in pairs]
    names = {"pearson": "Pearson", "bias_correction": "C_b", "scale_shift": "scale", "location_shift": "location"}
    table = [{names.get(key, key): value for key, value in row.items()} for row in rows]
    note = (
        "The fitted line is truth = intercept + slope * prediction; slope 1 with intercept 0 is calibrated, a smaller "
        "slope means predictions spread too far. CCC = Pearson * C_b; scale is the ratio of the deviations of "
        "prediction and truth, location the difference of their means, in deviations."
    )
    lines = {name: about["calibration"][name] for name in pairs}
    return Section("True and predicted", "", table, pictures.plot_attributes(pairs, lines, titles), note)


def _classes(run: Run, about: Row) -> list[Section]:
    labels, counts = about["confusion"]["labels"], np.array(about["confusion"]["counts"])
    rows = [
        {"class": row["class"], "utterances": row["num_utterances"],
         **{_named(name): _cell(row[name]) for name in ("recall", "precision", "f1")}}
        for row in about["classes"]
    ]  # fmt: skip
    return [
        Section(
            "Confusion", figure=pictures.plot_confusion(labels, counts),
            note="Rows are the truth: per cent of the true class, and below it the utterances.",
        ),
        Section("Classes", table=rows, level=3),
    ]  # fmt: skip


def _groups(run: Run, about: Row, kind: str, title: str, targets: list[Target]) -> list[Section]:
    found = {target.name: about["groups"][target.name].get(kind, []) for target in targets}
    if max(map(len, found.values())) < 2:
        return []  # the overview says what all are of
    metrics = {target.name: next(iter(metrics_of(target))) for target in targets}
    rows = _group_rows(found, metrics, kind, targets)
    if kind == "speaker":
        genders = _genders(run)
        picture = pictures.plot_speakers(found, metrics, genders)
        note = "Sorted; dashed: mean over the speakers of a gender. One speaker has no interval."
        if len(rows) > MOST_ROWS:
            num_speakers, (target, metric) = len(rows), next(iter(metrics.items()))
            values = {row["group"]: row[metric].value for row in found[target] if math.isfinite(row[metric].value)}
            rows = sorted((row for row in rows if row["speaker"] in values), key=lambda row: values[row["speaker"]])
            note += f" Of {num_speakers} speakers the worst and best {MOST_ROWS // 2} by {target} are listed; "
            note += "the JSON has all."
            rows = rows[: MOST_ROWS // 2] + rows[-MOST_ROWS // 2 :]
        return [Section(title, table=rows, figure=picture, note=note, folds="All numbers")]
    alone = sum(row["num_speakers"] < 2 for row in next(iter(found.values())))
    note = f"{alone} of {len(rows)} groups have fewer than two known speakers: no interval." if alone else ""
    sections = [Section(title, table=rows, figure=pictures.plot_groups(found, metrics), note=note)]
    pairs = [
        {"target": target, "pair": row["pair"], "metric": _named(metrics[target]),
         "difference": _cell(row[metrics[target]]), "excludes 0": _excludes_zero(row[metrics[target]])}
        for target, differences in about["gender_differences"].items()
        for row in differences
    ]  # fmt: skip
    if kind == "gender" and pairs:
        sections.append(Section("Differences between genders", table=pairs, level=3, note=FAIRNESS))
    return sections


def _cell(value: Interval) -> str:
    """A metric with its interval, or without one where there is none; it stays on one line."""
    if math.isnan(value.value):
        return "–"
    return str(value).split(" [nan")[0].replace(" ", "\u00a0")


def _interval(values: Row) -> Interval:
    return Interval(*(values[end] for end in Interval._fields))


def _named(metric: str) -> str:
    return pictures.NAMES.get(metric, metric)


def _excludes_zero(value: Interval) -> str | None:
    """None where there is no interval."""
    if math.isnan(value.low):
        return None
    return "yes" if value.low > 0 or value.high < 0 else "no"


FAIRNESS = (
    "95% intervals over speakers, each gender's drawn again by themselves, not corrected for several targets. An "
    "interval with 0 in it is no proof that the genders are served alike, least of all with few speakers."
)


def _group_rows(found: dict[str, list[Row]], metrics: dict[str, str], kind: str, targets: list[Target]) -> list[Row]:
    """One row per group: the main metric of each target, or all of a single target; biases of attributes."""
    shown = {name: [metric] for name, metric in metrics.items()}
    if len(targets) == 1:
        shown = {targets[0].name: list(metrics_of(targets[0]))}
    by_name: dict[str, Row] = {}
    for name, groups in found.items():
        for row in groups:
            first = {kind: row["group"], "utterances": row["num_utterances"], "speakers": row["num_speakers"]}
            own = by_name.setdefault(row["group"], first)
            own |= {f"{name} {_named(metric)}": _cell(row[metric]) for metric in shown[name]}
    for name, groups in found.items():
        for row in groups:
            by_name[row["group"]] |= {f"{name} bias": row["bias"]} if "bias" in row else {}
    columns = max(by_name.values(), key=len)
    return [{column: row.get(column) for column in columns} for row in by_name.values()]


def _genders(run: Run) -> dict[str, str]:
    """The gender of each speaker, as far as it is known and one."""
    groups = groups_of(run.test)
    genders = groups.get("gender", np.full(len(run.test), UNKNOWN))
    table = pd.DataFrame({"speaker": groups["speaker"], "gender": genders}).drop_duplicates()
    several = table["speaker"].duplicated(keep=False)
    return dict(zip(table["speaker"], table["gender"].where(~several, UNKNOWN), strict=True))


def _reliability(about: Row) -> Section:
    stages = {"as predicted": about["before"], "after temperature": about["after"]}
    table = [
        {"": name, "ECE": stage["ece"], "log loss": stage["log_loss"], "Brier": stage["brier"]}
        for name, stage in stages.items()
        if stage
    ]
    values = [row["temperature"] for row in about["temperatures"]]
    text = ""
    if values:
        text = f"Temperature, fitted on each fold's validation part: {np.mean(values):.2f}"
        text += f" (mean; {min(values):.2f} to {max(values):.2f})." if len(values) > 1 else "."
    note = (
        f"ECE: {about['num_bins']} bins of equal width by the confidence in the predicted class (Guo et al., 2017). "
        "Brier: the sum over classes, from 0 to 2."
    )
    text = " ".join([text, *([about["note"][0].upper() + about["note"][1:] + "."] if about["note"] else [])]).strip()
    return Section("Calibration", text, table, pictures.plot_reliability(about), note)


def _robustness(about: Row) -> Section:
    text = (
        f"{about['num_utterances']} test utterances of {about['num_speakers']} speakers, the same at every point, "
        "degraded and scored anew. "
    ) + " ".join(f"{note[0].upper()}{note[1:]}." for note in about["notes"])
    return Section(
        "Robustness", text, degradation_rows(about), pictures.plot_targets(about), DEGRADED, folds="All numbers"
    )


def _missing(about: Row) -> Section:
    text = (
        f"{about['num_utterances']} test utterances of {about['num_speakers']} speakers, scored with less and less of "
        "what is known of them. "
    ) + " ".join(f"{note[0].upper()}{note[1:]}." for note in about["notes"])
    bursts = about["curves"].get("bursts")
    if bursts and bursts["num_utterances"] < about["num_utterances"]:
        text += f" Bursts are of {bursts['num_utterances']} of them, speakers in turn: their clean point is another."
    return Section(
        "Missing data", text, degradation_rows(about), pictures.plot_targets(about), MISSING, folds="All numbers"
    )


DEGRADED = (
    "Bars: 95% intervals over speakers; dotted: the audio as it is. Changes to it are paired on the same utterances. "
    "Not scored: too short for the feature."
)
MISSING = (
    "Bars: 95% intervals over speakers; dotted: nothing is missing. Changes to it are paired on the same utterances. "
    "Words that are deleted are no chunks of the audio either. Not scored: nothing is left that the system takes."
)


def degradation_rows(about: Row) -> list[Row]:
    """A row per point of each curve and target, with what it changes."""
    return [
        {"degradation": curve["title"], "severity": severity_text(point, curve["axis"]), "target": target,
         "metric": _named(name), "value": _cell(_interval(point["metrics"][target])),
         "change": "" if point["is_clean"] else _cell(_interval(point["metrics"][target]["change"])),
         "not scored": point["num_failed"]}
        for curve in about["curves"].values()
        for point in curve["points"]
        for target, name in about["metrics"].items()
        if point["metrics"][target]
    ]  # fmt: skip


def severity_text(point: Row, axis: str) -> str:
    """The severity of a point with what it is.

    >>> severity_text({"severity": 25.0}, "words deleted (%)")
    'words deleted (%): 25'
    """
    severity = point["severity"]
    return severity if isinstance(severity, str) else f"{axis}: {severity:g}"


def _text(recipe: Row) -> str:
    import yaml

    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
