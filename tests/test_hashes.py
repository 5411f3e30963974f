"""The hashes that name runs: those of the recipes that come with Emotone, and those of the results beside it.

A hash that changes orphans every run made before. A recipe that is changed or added on purpose is written down by

    EMOTONE_WRITE_HASHES=1 python -m pytest tests/test_hashes.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from emotone.data.recipe_yaml import available, from_json, load_recipe

HASHES = Path(__file__).with_name("hashes.json")
RESULTS = Path(__file__).resolve().parents[1] / "results"
SETTINGS = (
    "feature",
    "text_feature",
    "alignment",
    "normalise",
    "split",
    "unlabelled",
    "curriculum",
    "system",
    "training",
    "seed",
)
"""What a result says of its recipe; what it does not say is as in the recipe that comes with Emotone."""
FILES = sorted(path for path in RESULTS.glob("*/*.json") if "hash" in json.loads(path.read_text(encoding="utf-8")))


def test_recipes_keep_their_hashes() -> None:
    found = {name: load_recipe(name).hash for name in available()}
    if os.environ.get("EMOTONE_WRITE_HASHES"):
        HASHES.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(HASHES.read_text())


def test_there_are_results() -> None:
    assert len(FILES) >= 50


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
def test_results_have_the_hash_of_their_settings(path: Path) -> None:
    result = json.loads(path.read_text(encoding="utf-8"))
    settings = {key: result[key] for key in SETTINGS if key in result}
    recipe = from_json(load_recipe(result["recipe"]).to_json() | settings, where=str(path))
    assert recipe.hash == result["hash"] == path.stem
