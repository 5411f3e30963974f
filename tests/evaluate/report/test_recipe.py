"""The recipe in a report: as it can be read again."""

from __future__ import annotations

import yaml
from made_runs import make_run, predictions

from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.report.recipe import section


def test_a_run_shows_its_recipe_and_a_bundle_none() -> None:
    run = make_run(predictions())
    run.recipe["description"] = "Größe: ünïcode"
    part = section(Evaluated(run))
    (shown,) = part.sections
    assert part.json == {"recipe": run.recipe} and yaml.safe_load(shown.code) == run.recipe
    assert "Größe" in shown.code and shown.code.startswith("name: mine")
    run.recipe = {"name": "tiny"}
    assert section(Evaluated(run)).sections == [] and section(Evaluated(run)).json == {"recipe": {"name": "tiny"}}
