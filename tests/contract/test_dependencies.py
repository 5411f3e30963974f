"""Dependencies point one way, and what predicts needs no heavy package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

import emotone

SOURCE = Path(emotone.__file__).parent
# The rooms from the bottom up, and the heavy packages that their modules may load when they are imported; whatever else
# is heavy is imported in a function. A room imports itself and those above it in this list, for type checking, too.
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "base": set(),
    "audio": set(),
    "bundle": set(),
    "features": set(),
    "predict": set(),
    "serve": set(),
    "archive": set(),
    "corpora": {"pandas"},
    "data": {"pandas", "yaml"},
    "models": {"torch"},
    "evaluate": {"pandas", "yaml", "scipy"},
    "training": {"pandas", "torch", "yaml"},
    "cli": set(),
    "sklearn": {"sklearn"},  # a front door, below all, so that no room names it
    "__main__": set(),
}
ROOT = "emotone"  # the front door: it names what lies in rooms, and no room names it
HEAVY = {
    "audformat",
    "audiomentations",
    "av",
    "ctranslate2",
    "faster_whisper",
    "jinja2",
    "librosa",
    "lightning_fabric",
    "matplotlib",
    "onnx",
    "openpyxl",
    "opensmile",
    "pandas",
    "pyarrow",
    "ray",
    "scipy",
    "sklearn",
    "tensorboard",
    "torch",
    "transformers",
    "yaml",
}
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__") or ROOT: path
    for path in sorted(SOURCE.rglob("*.py"))
}


def room_of(module: str) -> str:
    return module.split(".")[0]


def imports(path: Path) -> list[tuple[str, bool]]:
    """Modules that a file imports, those for type checking too, and whether that happens when it is imported itself."""
    found: list[tuple[str, bool]] = []

    def visit(node: ast.AST, at_once: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports are absolute"
            found.extend((f"{node.module}.{alias.name}", at_once) for alias in node.names)
        is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.iter_child_nodes(node):
            visit(child, at_once and not is_later and not is_for_types)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def own(name: str) -> str | None:
    """The module of this package that an import names, if it is one."""
    if name.split(".")[0] != ROOT:
        return None
    name = name.removeprefix(ROOT).lstrip(".")
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or ROOT


IMPORTED = {
    module: {imported for name, _ in imports(path) if (imported := own(name)) and imported != module}
    for module, path in MODULES.items()
}


def test_the_rooms_are_those_of_the_package() -> None:
    entries = {path.name for path in SOURCE.iterdir() if path.name != "__pycache__"}
    files = {"errors", "sklearn", "__main__"}
    assert entries == {"__init__.py", "py.typed", *(f"{name}.py" for name in files), *ROOMS} - files
    assert len(entries) <= 18


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {ROOT}))
def test_imports_point_down(module: str) -> None:
    rooms = list(ROOMS)
    below = rooms[: rooms.index(room_of(module)) + 1]
    upwards = {imported for imported in IMPORTED[module] if room_of(imported) not in below}
    assert not upwards, f"{module} must not import {', '.join(upwards)}"


def test_there_is_no_circle() -> None:
    """Among the modules of the whole package, imports within functions and for type checking counted."""
    finished: set[str] = set()

    def circles(module: str, trail: tuple[str, ...]) -> Iterator[str]:
        if module in trail:
            yield " -> ".join([*trail[trail.index(module) :], module])
            return
        if module not in finished:
            for imported in sorted(IMPORTED[module]):
                yield from circles(imported, (*trail, module))
            finished.add(module)

    assert [circle for module in MODULES for circle in circles(module, ())] == []


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_are_imported_where_they_are_needed(module: str) -> None:
    heavy = {name.split(".")[0] for name, at_once in imports(MODULES[module]) if at_once} & HEAVY
    assert heavy <= ROOMS.get(room_of(module), set()), f"{module} must import {heavy} in a function"


@pytest.mark.parametrize("folder", ["training.systems", "training.difficulties"])
def test_plugins_that_recipes_name_load_no_torch(folder: str) -> None:
    """A recipe is checked, and what there is is listed, without it."""
    for module, path in MODULES.items():
        if module.startswith(folder):
            assert "torch" not in {name.split(".")[0] for name, at_once in imports(path) if at_once}, module


def test_systems_read_no_files_and_networks_know_no_corpus() -> None:
    files = {"audio.read", "audio.folder", "base.files", "data.store", "corpora.corpus", "corpora.files"}
    for module, path in MODULES.items():
        if module.startswith("training.systems."):
            names = {name for name, at_once in imports(path) if at_once}
            assert not IMPORTED[module] & files and not names & {"soundfile", "pathlib.Path"}, module
        if module.startswith("models.networks."):
            assert all(name.startswith("models.") for name in IMPORTED[module]), module


def test_files_are_small_enough_to_read() -> None:
    for module, path in MODULES.items():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, module


def test_there_are_no_packages_with_logic() -> None:
    assert [path for path in SOURCE.rglob("__init__.py") if path != SOURCE / "__init__.py"] == []


# ---- the runtime tier -------------------------------------------------------------------------------------------

RUNTIME = {"numpy", "onnxruntime", "rich", "safetensors", "soundfile", "soxr", "emotone"}
# What those bring themselves.
BROUGHT = {
    "cffi",
    "coloredlogs",
    "flatbuffers",
    "google",
    "humanfriendly",
    "markdown_it",
    "mdurl",
    "mpmath",
    "packaging",
    "pycparser",
    "pygments",
    "sympy",
    "typing_extensions",
}


def test_prediction_loads_the_runtime_tier_only(tiny_bundle: Path, tmp_path: Path) -> None:
    import numpy as np

    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 300_000), 22_050)
    code = f"""
import sys
from emotone.cli.main import main
forms = [["--output", name] for name in ("x.eaf", "x.srt", "x.TextGrid")]
for arguments in (["--output", "x.csv"], ["--output", "x.json", "--window", "3"], ["--output", "x.xlsx"], *forms, []):
    assert main(["predict", "a.wav", "--model", {str(tiny_bundle)!r}, *arguments]) == 0
speechless = ["--attribute", "arousal", "--highest", "3", "--page", "x.html"]
assert main(["retrieve", "a.wav", "--model", {str(tiny_bundle)!r}, *speechless]) == 1
print("LOADED", *sorted(sys.modules))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    modules = set(printed.stdout.split("LOADED")[1].split())
    unused = {"emotone.audio.words.whisper", "emotone.audio.words.transcript_table"}
    assert not unused & modules  # no transcript was asked for
    loaded = {name.split(".")[0] for name in modules}
    assert {"numpy", "onnxruntime", "soxr"} <= loaded and not HEAVY & loaded
    extra = {name for name in loaded - RUNTIME - BROUGHT - set(sys.stdlib_module_names) if not name.startswith("_")}
    assert {name for name in extra if not re.match(r"distutils|setuptools|sitecustomize|site", name)} == set()


def test_the_package_and_its_errors_cost_nothing() -> None:
    code = "import sys; before = set(sys.modules); import emotone, emotone.errors; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    own = {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names}
    assert own == {"emotone", "emotone.errors"}
