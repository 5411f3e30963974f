"""Dependencies point one way, and what predicts needs no heavy package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

import emotone

SOURCE = Path(emotone.__file__).parent
# From the bottom up. A module imports from its own layer and from those below it.
LAYERS: list[set[str]] = [
    {"emotone", "errors"},
    {"feature", "files", "progress", "plugins", "audio_length", "output"},
    {
        "audio",
        "audio_files",
        "label_files",
        "label_rows",
        "word_alignment",
        "corpus",
        "audformat_database",
        "plain_recipe",
        "recipe",
        "opensmile",
        "encoder_weights",
        "ctranslate2_file",
        "distribute",
        "voice_activity",
        "spectrogram",
    },
    {
        "data.*",
        "losses",
        "clustering",
        "cluster_branch",
        "audio_scan",
        "audio_copies",
        "noisy_copies",
        "evaluate.metrics",
    },
    {
        "encoder",
        "features.*",
        "corpora.*",
        "audformat_export",
        "store",
        "rows",
        "transcribe",
        "utterances",
        "dataset",
        "unlabelled",
        "examples",
        "votes",
    },
    {"models.*", "card"},
    {
        "onnx_network",
        "bundle",
        "export",
        "system",
        "chunk_system",
        "learner",
        "cluster_learner",
        "pair_learner",
        "segment_learner",
        "systems.*",
        "published.*",
        "pull",
        "image_weights",
    },
    {
        "curve",
        "transcripts",
        "prediction",
        "predict",
        "evaluate.*",
        "ledger",
        "train",
        "difficulty",
        "difficulties.*",
    },
    {"preflight", "fold", "run"},
    {"batch", "inputs", "retrieve", "retrieve_output", "retrieve_page", "listing", "verbs", "cli"},
]
# What looks up within a function, and why that is right.
ALLOWED_UPWARDS = {
    ("emotone", "predict"): "emotone.load is the front door",
    ("emotone", "errors"): "and so is its exception",
    ("features.scores", "bundle"): "a teacher's scores are a feature",
    ("dataset", "bundle"): "targets are those of bundles",
    ("recipe", "bundle"): "a recipe that starts from a bundle has its feature and system",
    ("dataset", "features.scores"): "a recipe's teacher",
}
HEAVY = {"torch", "pandas", "scipy", "pyarrow", "opensmile", "lightning_fabric", "transformers", "librosa", "sklearn",
         "audiomentations", "onnx", "tensorboard", "yaml", "av", "matplotlib", "jinja2", "audformat",
         "faster_whisper", "ctranslate2"}  # fmt: skip
WHERE_HEAVY_MAY_BE: dict[str, set[str]] = {
    "pandas": {
        "corpus",
        "label_files",
        "label_rows",
        "audio_scan",
        "audio_copies",
        "audformat_database",
        "audformat_export",
        "store",
        "rows",
        "utterances",
        "dataset",
        "unlabelled",
        "fold",
        "run",
        "ledger",
        "evaluate.*",
        "corpora.*",
    },
    "torch": {
        "models.*",
        "losses",
        "clustering",
        "cluster_branch",
        "train",
        "fold",
        "run",
        "export",
        "examples",
        "learner",
        "cluster_learner",
        "pair_learner",
        "segment_learner",
    },
    "yaml": {"plain_recipe", "run", "evaluate.run_folder"},
    "scipy": {"data.augment", "evaluate.statistics", "evaluate.metrics"},
}
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__") or "emotone": path
    for path in sorted(SOURCE.rglob("*.py"))
}


def is_in(module: str, names: set[str]) -> bool:
    return module in names or f"{module.rsplit('.', 1)[0]}.*" in names


def layer_of(module: str) -> int:
    named = [number for number, layer in enumerate(LAYERS) if module in layer]  # by name rather than with its folder
    found = named or [number for number, layer in enumerate(LAYERS) if is_in(module, layer)]
    assert len(found) == 1, f"{module} must stand in one layer of this test, not in {found}"
    return found[0]


def imports(path: Path) -> list[tuple[str, bool]]:
    """Modules that a file imports, and whether they are imported when it is; those for type checking left out."""
    found: list[tuple[str, bool]] = []

    def visit(node: ast.AST, at_once: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module
            found.extend((f"{node.module}.{alias.name}", at_once) for alias in node.names)
        inner = at_once and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def own(name: str) -> str | None:
    """The module of this package that an import names, if it is one."""
    if name.split(".")[0] != "emotone":
        return None
    name = name.removeprefix("emotone").lstrip(".")
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or "emotone"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    layer = layer_of(module)
    for name, _ in imports(MODULES[module]):
        imported = own(name)
        if imported is None or imported == module or (module, imported) in ALLOWED_UPWARDS:
            continue
        if imported == "emotone":
            continue
        assert layer_of(imported) <= layer, f"{module} must not import {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_are_imported_where_they_are_needed(module: str) -> None:
    for name, at_once in imports(MODULES[module]):
        package = name.split(".")[0]
        if at_once and package in HEAVY:
            assert is_in(module, WHERE_HEAVY_MAY_BE.get(package, set())), (
                f"{module} must import {package} in a function"
            )


def test_systems_read_no_files_and_models_know_no_corpus() -> None:
    for module, path in MODULES.items():
        names = {own(name) or name for name, _ in imports(path)}
        if module.startswith("systems."):
            assert not names & {"audio", "audio_files", "files", "store", "corpus", "soundfile", "pathlib.Path"}, module
        if module.startswith("models."):
            own_names = [imported for name, _ in imports(path) if (imported := own(name))]
            assert all(name.startswith("models.") for name in own_names), module
        if module.startswith("data."):
            assert not names & {"store", "corpus"}, module


def test_nothing_imports_the_command_line() -> None:
    for module, path in MODULES.items():
        assert module == "cli" or "cli" not in {own(name) for name, _ in imports(path)}


def test_files_are_small_enough_to_read() -> None:
    for module, path in MODULES.items():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, module


def test_there_are_no_packages_with_logic() -> None:
    assert [path for path in SOURCE.rglob("__init__.py") if path != SOURCE / "__init__.py"] == []


# ---- the runtime tier -------------------------------------------------------------------------------------------

RUNTIME = {"numpy", "onnxruntime", "rich", "safetensors", "soundfile", "soxr", "emotone"}
# What those bring themselves.
BROUGHT = {"cffi", "coloredlogs", "flatbuffers", "google", "humanfriendly", "markdown_it", "mdurl", "mpmath",
           "packaging", "pycparser", "pygments", "sympy", "typing_extensions"}  # fmt: skip


def test_prediction_loads_the_runtime_tier_only(tiny_bundle: Path, tmp_path: Path) -> None:
    import numpy as np

    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 300_000), 22_050)
    code = f"""
import sys
from emotone.cli.main import main
for arguments in (["--output", "x.csv"], ["--output", "x.json", "--window", "3"], []):
    assert main(["predict", "a.wav", "--model", {str(tiny_bundle)!r}, *arguments]) == 0
speechless = ["--attribute", "arousal", "--highest", "3", "--page", "x.html"]
assert main(["retrieve", "a.wav", "--model", {str(tiny_bundle)!r}, *speechless]) == 1
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    loaded = set(printed.stdout.split("LOADED")[1].split())
    assert {"numpy", "onnxruntime", "soxr"} <= loaded and not HEAVY & loaded
    extra = {name for name in loaded - RUNTIME - BROUGHT - set(sys.stdlib_module_names) if not name.startswith("_")}
    assert {name for name in extra if not re.match(r"distutils|setuptools|sitecustomize|site", name)} == set()


def test_the_package_and_its_errors_cost_nothing() -> None:
    code = "import sys; before = set(sys.modules); import emotone, emotone.errors; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {"emotone"}
