"""The report of an evaluation: everything measured as JSON, and the same as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emotone.base.page import render
from emotone.errors import EmotoneError
from emotone.evaluate.degraded.measured import MeasuredCurves
from emotone.evaluate.numbers.interval import to_json
from emotone.evaluate.report import (
    activation,
    attributes,
    calibration,
    classes,
    clusters,
    curves,
    deep_mi,
    degraded,
    folds,
    groups,
    order,
    overview,
    recipe,
    worst,
)
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.run_folder import Run

SECTIONS: tuple[Callable[[Evaluated], Part], ...] = (
    overview.section,
    folds.section,
    attributes.section,
    order.section,
    classes.section,
    groups.section,
    calibration.section,
    degraded.robustness,
    degraded.missing_data,
    worst.section,
    curves.section,
    activation.section,
    clusters.section,
    deep_mi.section,
    recipe.section,
)
"""All sections in the order of the page, which is that of the JSON but for `FIRST_KEYS`."""
FIRST_KEYS = ("name", "result", "warnings", "published_folds", "groups", "gender_differences")
"""The JSON has groups before classes, the page after them."""


def build_report(
    run: Run, robustness: MeasuredCurves | None = None, missing: MeasuredCurves | None = None
) -> tuple[dict[str, Any], str]:
    """What was measured of a finished run, or of a bundle on a corpus: (JSON object, HTML page).

    `robustness` is that of `emotone.evaluate.degraded.robustness`, `missing` of
    `emotone.evaluate.degraded.missing_data`. In the JSON, a number that is not defined is null. Raises EmotoneError for
    a run without any label, for tables that the metrics refuse, and for clusters or DeepMI that are damaged.
    """
    if not run.result.get("metrics"):
        raise EmotoneError(f"{run.name}: no target has a label in its test part, so there is nothing to report")
    evaluated = Evaluated(run, robustness, missing)
    parts = [section(evaluated) for section in SECTIONS]
    measured = {key: value for part in parts for key, value in part.json.items()}
    ordered = {key: measured[key] for key in dict.fromkeys((*FIRST_KEYS, *measured))}
    sections = [section for part in parts for section in part.sections]
    return to_json(ordered), render(f"{run.name}: test report", sections, run.warnings)
