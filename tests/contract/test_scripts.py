"""Benchmarks and the scripts of the results run seldom: they import what there is, and their pages are up to date."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import emotone

SOURCE = Path(emotone.__file__).parent
CHECKOUT = Path(__file__).parents[2]
RESULTS = CHECKOUT / "results"
SCRIPTS = [*sorted(CHECKOUT.glob("benchmarks/*.py")), *sorted(RESULTS.glob("*.py"))]


def names_in(path: Path) -> set[str]:
    """What a module defines or imports when it is imported."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def is_there(module: str, name: str) -> bool:
    """Whether `from module import name` finds something: a module of a folder, or a name of a module."""
    place = SOURCE.joinpath(*module.split(".")[1:])
    if place.is_dir():
        has_file = (place / f"{name}.py").is_file() or (place / name).is_dir()
        return has_file or (module == "emotone" and name in names_in(place / "__init__.py"))
    return place.with_suffix(".py").is_file() and name in names_in(place.with_suffix(".py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_scripts_import_what_there_is(script: Path) -> None:
    imported = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "emotone"
        for alias in node.names
    ]
    missing = [f"{module}.{name}" for module, name in imported if not is_there(module or "", name)]
    assert not missing, f"{script.name} imports what is not there: {', '.join(missing)}"


def test_a_script_that_lags_behind_is_noticed() -> None:
    assert (
        is_there("emotone", "load") and is_there("emotone.base", "files") and is_there("emotone.base.files", "LEDGER")
    )
    assert not is_there("emotone.audio", "inputs") and not is_there("emotone.audio.inputs", "find_inputs")
    assert not is_there("emotone.base.files", "read_wav") and not is_there("emotone", "audio_files")


# ---- pages made from committed numbers --------------------------------------------------------------------------


def load(name: str) -> ModuleType:
    """A script of the results as a module, which nothing else can import by its name."""
    spec = importlib.util.spec_from_file_location(f"results_{name}", RESULTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_committed_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collect = load("collect")
    pages = {path.relative_to(RESULTS): path.read_text() for path in [RESULTS / "README.md", *RESULTS.glob("*/*.md")]}
    shutil.copytree(RESULTS, tmp_path / "results", ignore=shutil.ignore_patterns("*.md"))
    monkeypatch.setattr(collect, "RESULTS", tmp_path / "results")
    collect.write_tables()
    made = {path: (tmp_path / "results" / path).read_text() for path in pages}
    assert len(pages) > 3 and made == pages


def test_the_page_of_retrieval_is_that_of_its_numbers() -> None:
    numbers = json.loads((RESULTS / "retrieval.json").read_text())["results"]
    assert load("retrieval").render(pd.DataFrame(numbers)) == (RESULTS / "retrieval.md").read_text()


def test_the_page_of_robustness_is_that_of_its_numbers() -> None:
    numbers = json.loads((RESULTS / "robustness.json").read_text())
    assert load("robustness").render(numbers) == (RESULTS / "robustness.md").read_text()


def test_the_cards_of_bundles_are_those_of_their_numbers() -> None:
    bundles = load("bundles")
    for name, folder in bundles.FOLDERS.items():
        about = bundles.read_about(folder)
        assert about.name == name and bundles.card(about) == (folder / "README.md").read_text(encoding="utf-8")


def test_experiments_are_recipes_with_settings_that_exist() -> None:
    from emotone.data.recipe_yaml import load_recipe

    experiments = load("experiments")
    assert set(experiments.GRID) == set(experiments.NUM_SEEDS) == set(experiments.FULL)
    for name, settings in experiments.GRID.items():
        for size in (experiments.FULL[name], experiments.SMALL.get(name, [])):
            hashes = [load_recipe(name, [*overrides, *size]).hash for overrides in settings]
            assert len(set(hashes)) == len(settings), f"{name}: two settings are the same run"
