"""A comparison along degradation curves as one HTML page: a picture per target, and all tests behind a line."""

from __future__ import annotations

from typing import Any

from emotone.base.page import Section, render
from emotone.evaluate.compare.degraded import DegradationComparison
from emotone.evaluate.compare.degraded_text import curves_of, pair_rows, value_rows
from emotone.evaluate.compare.page import METHOD
from emotone.evaluate.compare.systems import letters_of
from emotone.evaluate.report.cells import metric_name, sentence
from emotone.evaluate.report.degraded_pictures import plot_degradation

TESTS = "Differences in what is lost, and in what is left"
DROPS = (
    "What is tested is the drop from clean, the first system's less the second's: below 0 the first loses less. "
    "Better there: the first system's metric in the condition less the second's, whatever both are clean; above 0 the "
    "first is better there. Holm's correction is for all pairs, conditions and targets: the {num} tests of drops on "
    "this page are one family, those of what is better there another; a condition that is part of two curves is one "
    "test. The null of a drop's p is that two systems may exchange all predictions for any speaker, clean and "
    "degraded together, so that they are alike in everything. It is not that equal shares are lost: a system that is "
    "better clean has more to lose, and a small p may say no more than that; read it with the second, of what is "
    "left. "
)


def degradation_page(found: DegradationComparison, heading: str, note: str) -> str:
    """The page, self-contained HTML, with a note below its pictures; pictures need matplotlib."""
    letters = letters_of(found.systems)
    rows = [
        {
            "": letters[system.label],
            "system": system.label,
            "seeds": ", ".join(map(str, system.seeds)),
            "runs": ", ".join(system.folders),
        }
        for system in found.systems
    ]
    text = f"{found.num_utterances} test utterances of {found.num_speakers} speakers, degraded alike for all systems."
    notes = " ".join(map(sentence, found.notes))
    sections = [Section("Systems", text, rows, note=notes)]
    for target, metric in found.metrics.items():
        title = f"{target}: {metric_name(metric)}"
        picture, values = plot_degradation(_panels(found, target)), value_rows(found, target)
        tests, method = pair_rows(found, target), DROPS.format(num=len(found.pairs)) + METHOD
        sections.append(Section(title, figure=picture, table=values, note=note, folds="All values"))
        sections.append(Section(TESTS, table=tests, note=method, level=3, folds="All tests"))
    return render(heading, sections, found.warnings)


def _panels(found: DegradationComparison, target: str) -> list[Any]:
    """Each curve with the values of every system that was measured along it."""
    letters = letters_of(found.systems)
    return [
        (
            curve,
            {
                f"{letter}  {label}": [point["metrics"][target] for point in found.curves[label][name]["points"]]
                for label, letter in letters.items()
                if name in found.curves[label]
            },
        )
        for name, curve in curves_of(found).items()
    ]
