"""What there is: bundles, recipes, corpora, features, systems and models, with what each needs."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

from emotone.base import plugins
from emotone.bundle.folder import available, read_about
from emotone.errors import EmotoneError, unknown
from emotone.models.pull import published_systems

PACKAGES = {"train": "torch", "opensmile": "opensmile", "av": "av", "ssl": "transformers", "text": "transformers"}
"""The package whose presence tells that an extra is installed."""


def collect(kind: str) -> list[dict[str, Any]]:
    """One dict per thing of a kind: name, about, extras it needs, those missing, how to get it; corpora, bundles."""
    if kind == "bundles":
        return _bundles()
    if kind == "recipes":
        return _recipes()
    return [_plugin(kind, name) for name in plugins.names(kind)]


def _bundles() -> list[dict[str, Any]]:
    found = [_bundle(name, folder) for name, folder in available().items()]
    here = {entry["name"] for entry in found}
    for name, published in published_systems().items():
        if name not in here:
            found.append(_entry(name, published.about, list(published.needs), f"emotone pull {name}"))
    return found


def _bundle(name: str, folder: Path) -> dict[str, Any]:
    try:
        about = read_about(folder)
        return _entry(name, str(about["description"]), _plugin("features", str(about["feature"]["name"]))["needs"])
    except (EmotoneError, KeyError, TypeError) as error:  # one damaged bundle must not hide the others
        return _entry(name, f"cannot be used: {error if isinstance(error, EmotoneError) else 'not complete'}", [])


def _recipes() -> list[dict[str, Any]]:
    folder = Path(__file__).parents[1] / "data" / "recipes"
    return [
        _recipe(path, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem)
    ]


def _recipe(path: Path, text: str) -> dict[str, Any]:
    """A recipe's first comment, and its corpora and feature, without the YAML package, which is of the train extra."""
    about = next((line[1:].strip() for line in text.splitlines() if line.startswith("#")), "")
    if base := re.search(r"^base: (\S+)$", text, re.MULTILINE):
        text += (path.parent / f"{base[1]}.yaml").read_text(encoding="utf-8")
    lists = {key: names.split(", ") for key, names in re.findall(r"^(corpora|teacher): \[(.*)\]$", text, re.MULTILINE)}
    speech = re.search(r"^unlabelled: \{corpora: \[([^]]*)\]", text, re.MULTILINE)
    corpora = lists["corpora"] + (speech[1].split(", ") if speech else [])
    features = re.findall(r"^(?:text_)?feature: (?:\{name: )?([\w-]+)", text, re.MULTILINE)
    features += re.findall(r"^feature: \{name: [\w-]+, of: ([\w-]+)", text, re.MULTILINE)
    assert features, f"{path} names no feature"
    needs = {"train", *(need for feature in features for need in _plugin("features", feature)["needs"])}
    if "teacher" in lists:  # all there are so far are published systems
        needs |= {"opensmile"}
    return _entry(path.stem, about, sorted(needs)) | {"corpora": corpora, "bundles": lists.get("teacher", [])}


def _plugin(kind: str, name: str) -> dict[str, Any]:
    """A plugin's docstring and needs, read from its source: listing torch models must not import torch."""
    if name.replace("_", "-") not in plugins.names(kind):
        raise unknown(plugins.KINDS[kind].singular, name, plugins.names(kind))
    spec = importlib.util.find_spec(plugins.KINDS[kind].module_of(name))
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    about = (ast.get_docstring(tree) or "").splitlines()
    needs: list[str] = [] if kind == "features" else ["train"]
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "requires" and node.value is not None:
            needs = [*needs, *ast.literal_eval(node.value)]
    return _entry(name, about[0] if about else "", sorted(set(needs)))


def _entry(name: str, about: str, needs: list[str], get: str = "") -> dict[str, Any]:
    missing = [extra for extra in needs if importlib.util.find_spec(PACKAGES[extra]) is None]
    return {"name": name, "about": about, "needs": needs, "missing": missing, "get": get}


def print_listing(kinds: list[str], as_json: bool) -> None:
    """Print the kinds' tables to stdout."""
    tables = {kind: collect(kind) for kind in kinds}
    if as_json:
        print(json.dumps(tables, indent=1))
        return
    for kind, entries in tables.items():
        print(f"{kind}:")
        width = max((len(entry["name"]) for entry in entries), default=0)
        for entry in entries:
            extras = [f"{extra}{' (not installed)' if extra in entry['missing'] else ''}" for extra in entry["needs"]]
            notes = [f"needs {', '.join(extras)}"] if extras else []
            notes += [f"{key} {', '.join(entry[key])}" for key in ("corpora", "bundles") if entry.get(key)]
            notes += [f"get it: {entry['get']}"] if entry["get"] else []
            print(f"  {entry['name']:<{width}}  {entry['about']}{' [' + '; '.join(notes) + ']' if notes else ''}")
    sys.stdout.flush()
