"""The overview of a report: what was measured, by which metrics, and where it comes from."""

from __future__ import annotations

from dataclasses import replace

from emotone.base.page import Section
from emotone.evaluate.chance import CHANCE_NOTE, chance_level
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.numbers.speaker_intervals import few_speakers
from emotone.evaluate.report.cells import Row, interval_cell, metric_name, number_cell
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.report.subgroups import KINDS, groups_of
from emotone.evaluate.run_folder import Run
from emotone.evaluate.seeds import spread_over_repeats

TABLES = {"ccc": "Attributes", "spearman": "Relative scores", "uar": "Categories"}
"""Kinds of targets by their main metric."""
COUNTED = {
    "num_unknown_speaker": "utterances of unknown speakers count as speakers of their own",
    "num_left_out": "utterances of other classes are left out",
    "num_failed": "utterances could not be read",
}
INTERVALS = "Intervals: 95%, Student's t on the jackknife over speakers; with one speaker there is none."
OVER_UTTERANCES = "Intervals: 95%, over utterances, since the speakers are what is predicted."


def section(evaluated: Evaluated) -> Part:
    """A table of metrics for each kind of target, since each has its own, and the run's identity."""
    run = evaluated.run
    tables: dict[tuple[str, ...], list[Row]] = {}
    for target, scores in run.result["metrics"].items():
        cells = {metric_name(name): interval_cell(Interval.from_json(values)) for name, values in scores.items()}
        rows = tables.setdefault(tuple(scores), [])
        rows.append({"target": target, **cells})
        rows += [{"target": f"{target}, {what}", **_cells(values)} for what, values in _beside(run, target).items()]
    first, *others = tables.items()
    sections = [
        Section("Overview", _describe(run), first[1]),
        *(Section(TABLES[names[0]], table=rows, level=3) for names, rows in others),
    ]
    intervals = OVER_UTTERANCES if "true_speaker" in run.test else INTERVALS
    sections[-1] = replace(sections[-1], note=f"{intervals} {CHANCE_NOTE}")
    json = {"name": run.name, "result": run.result, "warnings": run.warnings}
    return Part(json, [*sections, _origin(run)])


def _beside(run: Run, name: str) -> dict[str, dict[str, float]]:
    """What stands below a target's metrics: chance, and where there are several repeats how far these lie apart."""
    target = next(one for one in run.targets if one.name == name)
    spread = spread_over_repeats(run.test, target)
    return {"chance": chance_level(run.test, target)} | ({"std over repeats": spread} if spread else {})


def _cells(values: dict[str, float]) -> Row:
    return {metric_name(name): number_cell(value) for name, value in values.items()}


def _describe(run: Run) -> str:
    """The protocol, how many utterances and speakers were tested, and what all of them share."""
    result, groups = run.result, groups_of(run.test)
    names = {kind: sorted(set(groups.get(kind, []))) for kind in KINDS}
    shared = [f"{kind} {found[0]}" for kind, found in names.items() if len(found) == 1]
    all_of = f", all of {', '.join(shared)}" if shared else ""
    counted = [line for key, text in COUNTED.items() for line in _counted(result.get(key), text)]
    tested = f"{result['num_utterances']} utterances of {result['num_speakers']} speakers{all_of}"
    few = few_speakers(result["num_speakers"] + result.get("num_unknown_speaker", 0))
    return " ".join(f"{part}." for part in [result["protocol"], tested, *few, *counted, *result.get("notes", [])])


def _counted(count: int | dict[str, int] | None, text: str) -> list[str]:
    """How many, in words; by target where several count."""
    each = {f" ({target})": num for target, num in count.items()} if isinstance(count, dict) else {"": count}
    return [f"{num} {text}{of}" for of, num in each.items() if num]


def _origin(run: Run) -> Section:
    """What the numbers are of: enough to tell whether two reports can be compared."""
    result = run.result
    rows = {
        "model": result.get("model"),
        "recipe hash": result.get("hash"),
        "seed": result.get("seed"),
        "corpora": ", ".join(f"{name} ({fingerprint})" for name, fingerprint in result.get("corpora", {}).items()),
        "splits": ", ".join(dict.fromkeys(result.get("splits", []))),
        "left out": ", ".join(f"{reason} ({count})" for reason, count in result.get("left_out", {}).items()),
        "versions": ", ".join(f"{name} {version}" for name, version in result.get("versions", {}).items()),
        "parameters": f"{result['num_parameters']:,}" if "num_parameters" in result else None,
        "networks start": ", ".join(dict.fromkeys(map(str, result.get("start", [])))),
        "processor time": f"{result['cpu_s'] / 60:.1f} minutes" if "cpu_s" in result else None,
    }
    table = [{"": name, " ": str(value)} for name, value in rows.items() if value not in (None, "")]
    return Section("Where it comes from", table=table, note="Corpora with their fingerprints.", level=3)
