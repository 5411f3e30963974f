"""The recipe in the report of a run."""

from __future__ import annotations

import yaml

from emotone.base.page import Section
from emotone.evaluate.report.part import Evaluated, Part


def section(evaluated: Evaluated) -> Part:
    """The recipe as YAML; a bundle on a corpus has only its name, which is no recipe to show."""
    recipe = evaluated.run.recipe
    if "corpora" not in recipe:
        return Part({"recipe": recipe})
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
    return Part({"recipe": recipe}, [Section("Recipe", code=text)])
