"""Tests mirror the source: the tests of `emotone/ROOM/../MODULE.py` are `tests/ROOM/../test_MODULE.py`.

More tests of a module may lie in `test_MODULE_WORDS.py` beside them.
"""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import emotone

SOURCE = Path(emotone.__file__).parent
TESTS = Path(__file__).resolve().parents[1]
MODULES = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")} - {Path("__init__.py"), Path("errors.py")}
FILES = sorted(path.relative_to(TESTS) for room in SOURCE.iterdir() for path in (TESTS / room.name).rglob("test_*.py"))
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "training/difficulties/test_duration.py": ("training/difficulty.py",),  # an abstract base
}
"""Modules without tests of their own, by the tests that cover them. None may be added."""
NOT_OF_A_MODULE = {
    "bundle/bundles/test_default.py": "a bundle that comes with Emotone",
    "cli/test_kill.py": "every command, ended at any moment",
    "cli/test_transcript.py": "every command, word for word",
    "data/recipes/test_published_settings.py": "recipes that come with Emotone",
    "data/recipes/test_spectrogram_recipes.py": "recipes that come with Emotone",
    "serve/test_page_browser.py": "the page of the server, which is no Python",
}


def own_tests(module: Path) -> Path:
    return module.with_name(f"test_{module.name}")


def is_of_a_module(file: Path) -> bool:
    name = file.stem.removeprefix("test_")
    beside = [module.stem for module in MODULES if module.parent == file.parent]
    return any(name == module or name.startswith(f"{module}_") for module in beside)


def test_every_module_has_its_tests() -> None:
    excused = {Path(name) for names in ELSEWHERE.values() for name in names}
    untested = {module for module in MODULES if not (TESTS / own_tests(module)).is_file()}
    assert {f"{module} needs {own_tests(module)}" for module in untested - excused} == set()
    assert {f"{module} is excused no longer" for module in excused - untested} == set()
    assert len(excused) <= 1


def test_modules_are_tested_where_it_is_said() -> None:
    assert [file for file in ELSEWHERE if not (TESTS / file).is_file()] == []


def test_every_test_is_of_a_module() -> None:
    assert {str(file) for file in FILES if not is_of_a_module(file)} == set(NOT_OF_A_MODULE)


def test_what_tests_import_by_name_is_nobody_else_s() -> None:
    """Builders lie on the path, where a package of the same name would take their place; tests go by their paths."""
    builders = {path.stem for path in (TESTS / "builders").glob("*.py")}
    assert builders and not builders & (sys.stdlib_module_names | packages_distributions().keys())
