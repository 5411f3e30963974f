"""The reference pages of the documentation, made of the code: verbs, plugins, recipes, formats and file layouts.

`PAGES` makes the Markdown of each address; `tools/documentation.py` hands it to mkdocs. What a page says stands
in the code (docstrings, annotations, help texts, recipes), so that it is true of the version that it was built from.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import inspect
import json
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import pandas

from api_reference import api_page
from emotone.archive import folder as archive_folder
from emotone.base import plugins
from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.folder import BUNDLED, read_about
from emotone.bundle.target import Target
from emotone.bundle.view import view
from emotone.cli import listing
from emotone.cli.verbs import VERBS
from emotone.corpora import corpus
from emotone.data import recipe, shards, store
from emotone.data.recipe_yaml import load_recipe
from emotone.data.split import SPLITS
from emotone.evaluate import ledger, prediction_table, run_folder, scores
from emotone.models.pull import published_systems
from emotone.predict.formats.output import SUFFIXES
from emotone.predict.table import Table
from emotone.training import run
from site_text import escape, fence, join, prose, table

MADE = "*Made from the code of this version.*"
EXIT_CODES = (
    "Exit codes: 0 all is well, 1 some inputs failed (their rows say why), 2 an error of usage, 130 interrupted. "
    "Tables go to stdout, progress and messages to stderr."
)
RECIPE = (
    "One YAML file; `base: NAME` takes another recipe's keys first. What is not named has its default; an unknown key "
    "or a wrong type is an error that names the nearest match."
)
RECIPE_PARTS = {
    "Top level": recipe.Recipe,
    "split": recipe.SplitSettings,
    "normalise": recipe.Normalise,
    "training": recipe.Training,
    "augmentation": recipe.Augmentation,
    "unlabelled": recipe.Unlabelled,
    "curriculum": recipe.CurriculumSettings,
}
SPLIT = (
    "`split: {name: NAME, ..}` of a recipe. A split in which a speaker, a recording or the same audio lies on both "
    "sides of the border of the test is refused unless the recipe says `allow_leakage`."
)
METRICS: dict[str, dict[str, Any]] = {
    "Attributes": scores.ATTRIBUTE_METRICS,
    "Relative attributes": scores.RELATIVE_METRICS,
    "Categories": scores.CATEGORY_METRICS,
}
TITLES = {
    "corpora": ("Corpora", "What `emotone prepare NAME FOLDER KEY=VALUE ..` reads."),
    "features": ("Features", "What `feature:` of a recipe names, and `emotone extract`."),
    "models": ("Networks", "What a system is built of: `system.network` or `system.model`, where it has a choice."),
    "systems": ("Systems", "How a network learns: `system:` of a recipe."),
    "difficulties": ("Difficulties", "By what a curriculum orders utterances: `curriculum.score` of a recipe."),
}


# ---- the command line ------------------------------------------------------------------------------------------


def verb_parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of every verb, in the order of the help."""
    found: dict[str, argparse.ArgumentParser] = {}

    def add_verb(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        found[name] = argparse.ArgumentParser(prog=f"emotone {name}", description=text)
        return found[name]

    for add in VERBS:
        add(add_verb)
    return found


def verbs_page() -> str:
    """Every verb with its arguments and options."""
    parts = ["# Command line", MADE, EXIT_CODES]
    for name, parser in verb_parsers().items():
        usage = re.sub(r"\s+", " ", parser.format_usage().removeprefix("usage: ")).strip()
        rows = [_option(action) for action in parser._actions if action.dest != "help"]
        parts += [f"## {name}", prose(parser.description or ""), fence("text", textwrap.fill(usage, 96))]
        parts.append(table(("option", "what it does"), rows))
        if epilog := getattr(parser, "late_epilog", None):
            parts.append("Settings of each reader: [corpora](corpora.md)." if name == "prepare" else prose(epilog()))
    return join(parts)


def _option(action: argparse.Action) -> tuple[str, str]:
    given = () if action.nargs == 0 else action.metavar or ()
    words = given if isinstance(given, str) else " ".join(given)
    named = [f"`{option}{' ' + words if words else ''}`" for option in action.option_strings]
    about = escape((action.help or "").replace("%%", "%"))
    if action.choices and isinstance(action.choices, tuple | list) and not words:
        about += f" ({', '.join(map(str, action.choices))})"
    return ", ".join(named) or f"`{words or action.dest}`", about


# ---- plugins ---------------------------------------------------------------------------------------------------


def plugin_page(kind: str) -> str:
    """All plugins of a kind, with what their docstrings say and every setting."""
    title, about = TITLES[kind]
    parts = [f"# {title}", MADE, about]
    for entry in listing.collect(kind):
        plugin = plugins.find(kind, entry["name"])
        needs = f"Needs the extra {', '.join(f'`{need}`' for need in entry['needs'])}." if entry["needs"] else ""
        said = {key: getattr(plugin, key) for key in ("citation", "licence") if kind == "corpora"}
        parts += [f"## {entry['name']}", prose(inspect.getdoc(plugin) or entry["about"]), needs]
        parts += [f"**{key.capitalize()}:** {escape(value)}" for key, value in said.items() if value]
        parts.append(settings_table(plugin))
    return join(parts)


def settings_table(plugin: Callable[..., Any]) -> str:
    """The settings of a plugin, of annotated parameters: name, type, default, what the docstring says."""
    maker = plugin.__init__ if inspect.isclass(plugin) else plugin
    hints = typing.get_type_hints(maker, localns={"pd": pandas})  # a name that is there for type checking only
    given = {name: one for name, one in inspect.signature(plugin).parameters.items() if name != "utterances"}
    said: dict[str, str] = {}
    for one in inspect.getmro(plugin) if inspect.isclass(plugin) else (plugin,):
        said = said_of(list(given), inspect.cleandoc(one.__doc__ or "")) | said
    rows = [
        (f"`{name}`", f"`{type_text(hints.get(name, Any))}`", _default(one.default), escape(said.get(name, "")))
        for name, one in given.items()
    ]
    return table(("setting", "type", "default", "what it is"), rows) if rows else ""


def said_of(names: list[str], about: str) -> dict[str, str]:
    """What a docstring says of its settings: "name: sentence", each beginning a line or a sentence.

    >>> said_of(["hop", "size"], "A frame.\\n\\nhop: samples. size: of a\\nframe. Raises nothing.")
    {'hop': 'samples.', 'size': 'of a frame.'}
    """
    if not names:
        return {}
    heads = rf"(?:^|(?<=[.;)]\s))((?:{'|'.join(names)})(?:, (?:{'|'.join(names)}))*): "
    said: dict[str, str] = {}
    for paragraph in re.split(r"\n\s*\n", about):
        pieces = re.split(heads, re.sub(r"\s*\n\s*", " ", paragraph))
        for key, text in zip(pieces[1::2], pieces[2::2], strict=True):
            text = re.split(r"\s(?:Calling it raises|Raises|What it raises|The other settings)\b", text)[0].strip()
            said |= {name: text for name in key.split(", ") if name not in said}
    return said


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "must be given"
    if isinstance(value, plugins.Choice):
        return f"`{value.name}`"
    if dataclasses.is_dataclass(value):
        return "see below"
    if type(value).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":
        return "empty"
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value, default=str)}`"


def type_text(hint: Any) -> str:
    """An annotation as users read it.

    >>> type_text(typing.Literal["a", "b"] | None), type_text(dict[str, float])
    ('a, b or null', '{str: float}')
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is type(None):
        return "null"
    if origin is typing.Literal:
        return ", ".join(map(str, parts))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_text(part) for part in parts)
    if origin in (dict, Mapping):
        return "{" + f"{type_text(parts[0])}: {type_text(parts[1])}" + "}"
    if origin in (list, tuple, set, frozenset) or (origin is not None and parts):
        return "[" + ", ".join("..." if part is ... else type_text(part) for part in parts) + "]"
    return getattr(hint, "__name__", str(hint))


# ---- recipes ---------------------------------------------------------------------------------------------------


def recipes_page() -> str:
    """Every recipe that comes along, as its file says it."""
    about = "`emotone train NAME` runs one; `KEY=VALUE` behind it changes [a key](recipe.md)."
    parts = ["# Recipes", MADE, about]
    for entry in listing.collect("recipes"):
        name, needs = entry["name"], ", ".join(f"`{need}`" for need in entry["needs"])
        text = (listing.RECIPES / f"{name}.yaml").read_text(encoding="utf-8")
        said = f"{escape(entry['about'])} Hash `{load_recipe(name).hash}`; needs the extras {needs}."
        parts += [f"## {name}", said, fence("yaml", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))]
    return join(parts)


def recipe_page() -> str:
    """The keys of a recipe."""
    parts = ["# Keys of a recipe", MADE, RECIPE]
    for title, group in RECIPE_PARTS.items():
        parts += [f"## {title}", prose(inspect.getdoc(group) or ""), settings_table(group)]
    return join(parts)


def splits_page() -> str:
    """Every split."""
    parts = ["# Splits", MADE, SPLIT]
    for name, function in SPLITS.items():
        parts += [f"## {name}", prose(inspect.getdoc(function) or ""), settings_table(function)]
    return join(parts)


# ---- bundles, formats, files -----------------------------------------------------------------------------------


def bundles_page() -> str:
    """The bundles by name: those that come along, then those that are pulled."""
    about = "`--model NAME`. Those that come along need no extra; `emotone pull` makes the others."
    here = sorted(path.parent for path in BUNDLED.glob("*/bundle.json"))
    rows = [(f"[`{path.name}`](../cards/{path.name}.md)", escape(read_about(path).description)) for path in here]
    for name, published in published_systems().items():
        needs = ", ".join(f"`{need}`" for need in published.needs) or "nothing more"
        rows.append((f"`emotone pull {name}`", f"{escape(published.about)} Needs {needs}."))
    return join(["# Bundles", MADE, about, table(("bundle", "what it is"), rows)])


def formats_page() -> str:
    """The formats of predictions, the columns of tables, and the metrics."""
    about = "Formats of `emotone predict --output`; what is in them says [the guide](../formats.md)."
    rows = [(f"`{name}`", f"`{suffix}`") for name, suffix in SUFFIXES.items()]
    columns = Table("recording", ["arousal", "dominance", "valence"], has_inputs=False).columns
    parts = ["# Formats, columns, metrics", MADE, about, table(("name (`--as`)", "suffix"), rows)]
    parts += ["## Columns of predictions", prose(inspect.getdoc(Table) or "", examples=False)]
    parts += [f"Of a bundle without categories: {_names(columns)}."]
    parts += ["## A run's predictions", prose(prediction_table.__doc__ or ""), "## Metrics"]
    for title, metrics in METRICS.items():
        rows = [(f"`{name}`", prose((inspect.getdoc(one) or "").split("\n\n")[0])) for name, one in metrics.items()]
        parts += [f"### {title}", table(("metric", "what it is"), rows)]
    return join(parts)


def files_page() -> str:
    """Layouts of files: bundle.json, runs, ledger, stores, corpora, archives."""
    parts = ["# Files and folders", MADE, "## bundle.json", prose(inspect.getdoc(BundleAbout) or "", examples=False)]
    parts.append(fields_table(BundleAbout))
    for title, group in (("targets", Target), ("training", Provenance)):
        parts += [f"### {title}", prose(inspect.getdoc(group) or "", examples=False), fields_table(group)]
    parts.append("### view")
    for one in (view.Whole, view.Chunks, view.Segments, view.Crop, view.WordChunks):
        parts.append(f"**{one.__name__}.** {prose(inspect.getdoc(one) or '', examples=False)}")
    parts += ["## A run", _layout(run), "### test.json", "Every run with a test part has at least:"]
    parts.append(table(("key", "type"), [(f"`{key}`", f"`{one.__name__}`") for key, one in run_folder.RESULT.items()]))
    parts += ["## The ledger", prose(ledger.__doc__ or "")]
    parts.append(table(("column", "type"), [(f"`{name}`", f"`{kind}`") for name, kind in ledger.TYPES.items()]))
    parts += ["`settings`, `corpora`, `versions` and `warnings` are JSON.", "## A prepared corpus"]
    parts.append(prose(inspect.getdoc(corpus.Reader) or ""))
    tables = {"utterances": corpus.UTTERANCE_COLUMNS, "raters": corpus.RATER_COLUMNS}
    parts.append(table(("table", "columns"), [(name, _names(columns)) for name, columns in tables.items()]))
    parts += ["## The feature store", _layout(store), _layout(shards)]
    parts += ["## An archive", prose(archive_folder.__doc__ or "")]
    return join(parts)


def fields_table(group: type[Any]) -> str:
    """The fields of a dataclass: name, type, default."""
    hints = typing.get_type_hints(group)
    rows = []
    for item in dataclasses.fields(group):
        value = inspect.Parameter.empty if item.default is dataclasses.MISSING else item.default
        default = "empty" if item.default_factory is not dataclasses.MISSING else _default(value)
        rows.append((f"`{item.name}`", f"`{type_text(hints[item.name])}`", default))
    return table(("key", "type", "default"), rows)


def _layout(module: ModuleType) -> str:
    return fence("text", inspect.cleandoc(module.__doc__ or ""))


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


PAGES: dict[str, Callable[[], str]] = {
    "reference/api.md": api_page,
    "reference/verbs.md": verbs_page,
    "reference/bundles.md": bundles_page,
    "reference/recipes.md": recipes_page,
    "reference/recipe.md": recipe_page,
    "reference/splits.md": splits_page,
    "reference/formats.md": formats_page,
    "reference/files.md": files_page,
    **{f"reference/{kind}.md": functools.partial(plugin_page, kind) for kind in plugins.KINDS},
}
"""All reference pages, each by its address in the site."""
