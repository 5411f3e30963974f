"""A comparison under missing data as one HTML page: a picture per target, and all tests behind a line."""

from __future__ import annotations

from typing import Any

from emotone.evaluate.comparison_page import METHOD
from emotone.evaluate.missing_comparison import MissingComparison, pair_rows, value_rows
from emotone.evaluate.page import Section, render
from emotone.evaluate.report import MISSING
from emotone.evaluate.report_pictures import NAMES, plot_degradation
from emotone.evaluate.scored_systems import letters_of

DROPS = (
    "What is tested is the drop from clean, the first system's less the second's: below 0 the first loses less. p "
    "(Holm) is corrected for all pairs, conditions and targets; all words deleted is a missing transcript, one test. "
)


def missing_page(found: MissingComparison) -> str:
    """The page, self-contained HTML; pictures need matplotlib."""
    letters = letters_of(found.systems)
    rows = [
        {
            "": letters[system.label], "system": system.label, "seeds": ", ".join(map(str, system.seeds)),
            "runs": ", ".join(system.folders),
        }
        for system in found.systems
    ]  # fmt: skip
    text = f"{found.num_utterances} test utterances of {found.num_speakers} speakers, of which the same goes missing."
    notes = " ".join(f"{note[0].upper()}{note[1:]}." for note in found.notes)
    sections = [Section("Systems", text, rows, note=notes)]
    for target, metric in found.metrics.items():
        title = f"{target}: {NAMES.get(metric, metric)}"
        picture = plot_degradation(_panels(found, target))
        sections.append(
            Section(title, figure=picture, table=value_rows(found, target), note=MISSING, folds="All values")
        )
        tests = pair_rows(found, target)
        note = DROPS + METHOD
        sections.append(Section("Differences in what is lost", table=tests, note=note, level=3, folds="All tests"))
    return render("Comparison under missing data", sections, found.warnings)


def _panels(found: MissingComparison, target: str) -> list[Any]:
    """The curves that any system has, each with a line for every system that has it."""
    names = dict.fromkeys(name for curves in found.curves.values() for name in curves)
    return [
        (
            next(curves[name] for curves in found.curves.values() if name in curves),
            {
                f"{letter}  {label}": [point["metrics"][target] for point in found.curves[label][name]["points"]]
                for label, letter in letters_of(found.systems).items()
                if name in found.curves[label]
            },
        )
        for name in names
    ]
