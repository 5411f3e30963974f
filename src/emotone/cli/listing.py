"""The verb `list`: bundles, recipes, corpora, features, systems, models and difficulties, with what each needs.

It imports none of what it lists, and works without the packages of the extras.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.cli.options import AddVerb, add_json
from emotone.errors import EmotoneError, unknown

if TYPE_CHECKING:
    import ast

KINDS = ("bundles", "recipes", "corpora", "features", "systems", "models", "difficulties")
PACKAGES = {"train": "torch", "opensmile": "opensmile", "av": "av", "ssl": "transformers", "text": "transformers"}
"""Extras, each with a package that is there only where the extra is installed."""
RECIPE_KEYS = ("base", "corpora", "teacher", "feature", "text_feature", "unlabelled")
RECIPES = Path(__file__).parents[1] / "data" / "recipes"


def add_list(add_verb: AddVerb) -> None:
    parser = add_verb("list", list_all, "Bundles, recipes, corpora, features and systems, with what each needs.")
    parser.add_argument("kind", nargs="?", choices=KINDS, metavar="KIND", help=f"only: {', '.join(KINDS)}")
    add_json(parser)


def list_all(options: Namespace) -> int:
    """All things of one kind, or of every kind."""
    print_listing([options.kind] if options.kind else list(KINDS), options.json)
    return 0


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


def collect(kind: str) -> list[dict[str, Any]]:
    """An entry for each thing of a kind: name, about, extras that it needs, those missing, how to get it.

    A recipe also has the corpora and the bundles that it takes.
    """
    if kind == "bundles":
        return _bundles()
    if kind == "recipes":
        return [_recipe(path) for path in sorted(RECIPES.glob("*.yaml"), key=lambda path: path.stem)]
    from emotone.base import plugins

    return [_plugin(kind, name) for name in plugins.names(kind)]


def _entry(name: str, about: str, needs: list[str], get: str = "") -> dict[str, Any]:
    missing = [extra for extra in needs if importlib.util.find_spec(PACKAGES[extra]) is None]
    return {"name": name, "about": about, "needs": needs, "missing": missing, "get": get}


def _bundles() -> list[dict[str, Any]]:
    """The bundles that are here, then those that can be pulled."""
    from emotone.bundle.folder import available
    from emotone.models.pull import published_systems

    here = available()
    found = [_bundle(name, folder) for name, folder in here.items()]
    return found + [
        _entry(
            name,
            published.about,
            list(published.needs),
            f"emotone pull {name}{' --from FOLDER' * bool(published.find)}",
        )
        for name, published in published_systems().items()
        if name not in here
    ]


def _bundle(name: str, folder: Path) -> dict[str, Any]:
    from emotone.bundle.folder import read_json

    try:
        about = read_json(folder)
        description = "".join(mark if mark.isprintable() else " " for mark in str(about["description"]))
        return _entry(name, description, _needs_of(about["feature"]))
    except (EmotoneError, KeyError, TypeError) as error:  # one damaged bundle must not hide the others
        return _entry(name, f"cannot be used: {error if isinstance(error, EmotoneError) else 'not complete'}", [])


def _needs_of(feature: dict[str, Any]) -> list[str]:
    """Extras of a bundle's feature; descriptors without an extractor are openSMILE's, as they all were."""
    needs = _plugin("features", str(feature["name"]))["needs"]
    is_opensmile = feature["name"] == "lld" and feature["settings"].get("extractor", "opensmile") == "opensmile"
    return sorted({*needs, *["opensmile"] * is_opensmile})


def _recipe(path: Path) -> dict[str, Any]:
    """A recipe's first line of comment, its corpora and bundles, and the extras of its features."""
    comments = [line[1:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    recipe = read_recipe(path)
    features = [recipe["feature"], *([recipe["text_feature"]] if "text_feature" in recipe else [])]
    names = [feature[key] for feature in features for key in ("name", "of") if key in feature]
    teachers = recipe.get("teacher", [])
    needs = {"train"}
    needs |= {need for name in names for need in _plugin("features", name)["needs"]}
    corpora = recipe["corpora"] + recipe.get("unlabelled", {}).get("corpora", [])
    return _entry(path.stem, comments[0] if comments else "", sorted(needs)) | {"corpora": corpora, "bundles": teachers}


def read_recipe(path: Path) -> dict[str, Any]:
    """The keys of a recipe that are listed, with those of its base; a feature is always {name, settings}.

    Read without YAML, a package of the train extra, which a listing must do without: these keys are one line each.
    """
    lines = re.findall(rf"^({'|'.join(RECIPE_KEYS)}): ([^#\n]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    recipe = {key: read_flow(value) for key, value in lines}
    for key in ("feature", "text_feature"):
        if isinstance(recipe.get(key), str):
            recipe[key] = {"name": recipe[key]}
    base = read_recipe(path.with_stem(recipe["base"])) if "base" in recipe else {}
    for key, old in base.items():
        new = recipe.setdefault(key, old)
        if isinstance(new, dict) and new.get("name", old.get("name")) == old.get("name"):
            recipe[key] = old | new
    return recipe


def read_flow(text: str) -> Any:
    """A value in YAML's flow style, of which every scalar is taken for text.

    >>> read_flow("{corpora: [librispeech, nemo], num: 1000}"), read_flow("minilm")
    ({'corpora': ['librispeech', 'nemo'], 'num': '1000'}, 'minilm')
    """
    return json.loads(re.sub(r"[^\s\[\]{},:]+", lambda scalar: json.dumps(scalar[0]), text))


def settings_of(kind: str, name: str) -> str:
    """What a plugin's docstring says of its settings, read from its source; empty where it has none.

    >>> settings_of("corpora", "ravdess")
    'channel: speech, song or both.'
    """
    import ast

    for node in _source(kind, name).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            names = [ast.unparse(item.target) for item in node.body if isinstance(item, ast.AnnAssign)]
            about = (ast.get_docstring(node) or "").partition("\n>>>")[0]
            first = re.search(rf"^({'|'.join(names)}): ", about, re.MULTILINE)
            if first:
                return about[first.start() :].strip()
    return ""


def _source(kind: str, name: str) -> ast.Module:
    """A plugin's source as a tree: listing torch models must not import torch."""
    import ast

    from emotone.base import plugins

    if name.replace("_", "-") not in plugins.names(kind):
        raise unknown(plugins.KINDS[kind].singular, name, plugins.names(kind))
    spec = importlib.util.find_spec(plugins.KINDS[kind].module_of(name))
    assert spec is not None and spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _plugin(kind: str, name: str) -> dict[str, Any]:
    """A plugin's docstring and needs, read from its source."""
    import ast

    tree = _source(kind, name)
    about = (ast.get_docstring(tree) or "").splitlines()
    needs: list[str] = [] if kind == "features" else ["train"]
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "requires" and node.value is not None:
            needs = [*needs, *ast.literal_eval(node.value)]
    return _entry(name, about[0] if about else "", sorted(set(needs)))
