"""Verbs of corpora: prepare, info, check, export, extract."""

from __future__ import annotations

import importlib.util
import json
import sys
from argparse import Namespace
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, get_args

from emotone.cli.options import (
    TABLES,
    AddVerb,
    add_engine,
    add_jobs,
    add_json,
    add_overwrite,
    add_quiet,
    add_settings,
    as_typed,
    engine,
    need,
    say,
    write_text,
)
from emotone.errors import EmotoneError, unknown

if TYPE_CHECKING:
    from emotone.data.recipe import Recipe


def add_prepare(add_verb: AddVerb) -> None:
    parser = add_verb("prepare", prepare, "Read a corpus from its owner's folder layout, or any by the reader table.")
    parser.late_epilog = _reader_settings  # type: ignore[attr-defined]
    parser.add_argument("corpus", metavar="CORPUS", help="a reader's name (emotone list corpora)")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the corpus lies")
    text = "settings of the reader, see below, e.g. incomplete=true; bad_files=drop leaves out what cannot be read"
    add_settings(parser, text)
    parser.add_argument("--name", help="name to prepare it under (default: the reader's)")
    add_overwrite(parser)
    add_quiet(parser)


def _reader_settings() -> str:
    """What each reader says of its settings; those of the general readers first."""
    from emotone.base import plugins
    from emotone.cli.listing import settings_of

    names = sorted(plugins.names("corpora"), key=lambda name: (name not in ("table", "audformat"), name))
    about = {name: settings_of("corpora", name) for name in names}
    return "\n\n".join(f"{name}:\n{indent(text, '  ')}" for name, text in about.items() if text)


def prepare(options: Namespace) -> int:
    """An owner's folder as a prepared corpus."""
    need(*TABLES)
    from emotone.base import plugins
    from emotone.corpora.corpus import check_name, check_place
    from emotone.corpora.opened import BadFiles, without_bad_files
    from emotone.data.recipe_yaml import parse_overrides

    settings = parse_overrides(options.settings)
    bad_files = settings.pop("bad_files", "refuse")
    if bad_files not in get_args(BadFiles):
        raise unknown("bad_files", str(bad_files), get_args(BadFiles))
    reader = plugins.create("corpora", options.corpus, settings)
    name = check_name(options.name or options.corpus)
    if not options.folder.is_dir():
        raise EmotoneError(f"{options.folder}: not a folder")
    corpus = reader.read(options.folder)
    corpus.name = name
    if not options.overwrite:
        check_place(corpus)
    corpus = without_bad_files(corpus, bad_files, options.quiet)
    folder = corpus.save()
    for note in corpus.meta.get("notes", []):
        say(options, f"note: {note}")
    speakers = corpus.utterances["speaker"].nunique()
    say(options, f"{corpus.name}: {len(corpus)} utterances, {speakers} speakers: {folder}")
    return 0


def add_info(add_verb: AddVerb) -> None:
    parser = add_verb("info", info, "What a prepared corpus holds: counts, hours, labels, agreement of its raters.")
    parser.add_argument("corpus", metavar="CORPUS", help="a prepared corpus")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write the label distributions as .svg")
    add_json(parser)
    add_jobs(parser)
    add_quiet(parser)


def info(options: Namespace) -> int:
    """Counts, hours and labels of a corpus as text or JSON, and as a picture."""
    need(*TABLES, *(["matplotlib"] if options.picture else []))
    from emotone.corpora.corpus import Corpus
    from emotone.corpora.info import corpus_info, print_info
    from emotone.corpora.picture import picture
    from emotone.corpora.scan import scan

    corpus = Corpus.load(options.corpus)
    scanned = scan(corpus, options.jobs, options.quiet)
    if options.picture:
        if options.picture.suffix != ".svg":
            raise EmotoneError(f"{options.picture}: the picture is SVG; name it .svg")
        write_text(options.picture, picture(corpus, scanned))
        say(options, f"picture: {options.picture}")
    about = corpus_info(corpus, scanned)
    if options.json:
        print(json.dumps(about, indent=1))
    else:
        print_info(about)
    return 0


def add_check(add_verb: AddVerb) -> None:
    parser = add_verb("check", check, "What crosses the borders of a recipe's split, or is wrong with a corpus.")
    text = "a recipe's name or YAML file, or the name of a prepared corpus"
    parser.add_argument("what", metavar="RECIPE|CORPUS", help=text)
    add_settings(parser, "of the recipe, e.g. split.name=official")
    add_json(parser)
    add_jobs(parser)
    add_quiet(parser)


def check(options: Namespace) -> int:
    """Problems of a corpus, or of the splits of a recipe; exit code 1 where there are any."""
    need(*TABLES)
    from emotone.corpora.corpus import prepared
    from emotone.data import recipe_yaml as recipes
    from emotone.data.check import check_prepared, check_recipe, print_check

    is_corpus = options.what in prepared() or (Path(options.what) / "corpus.json").is_file()
    is_recipe = options.what in recipes.available() or options.what.endswith((".yaml", ".yml"))
    if is_corpus and not (is_recipe and options.settings):
        if options.settings:
            raise EmotoneError(f"{options.what} is a corpus; {options.settings[0]} would be a setting of a recipe")
        found = check_prepared(options.what, options.jobs, options.quiet)
    elif is_recipe:
        recipe = recipes.load_recipe(options.what, options.settings)
        found = check_recipe(recipe, options.jobs, options.quiet)
        found = _add_refusals(found, recipe, options)
    else:
        raise unknown("recipe or prepared corpus", options.what, [*recipes.available(), *prepared()])
    print_check(found, options.json)
    return 1 if found["problems"] else 0


def _add_refusals(found: dict[str, Any], recipe: Recipe, options: Namespace) -> dict[str, Any]:
    """What was found, and what else `emotone train` would refuse; where it cannot run, a note says so."""
    if importlib.util.find_spec("torch") is None:
        note = {"line": "settings of the system and `init` are not checked: torch is not installed"}
        return found | {"notes": [*found["notes"], note]}
    from emotone.training.preflight import refusals

    return found | {"problems": [*found["problems"], *({"line": line} for line in refusals(recipe, options.jobs))]}


def add_export(add_verb: AddVerb) -> None:
    parser = add_verb("export", export, "Write a prepared corpus as an audformat database.")
    parser.add_argument("corpus", metavar="CORPUS", help="a prepared corpus")
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="for header and tables: a new one, or that of the audio"
    )
    add_quiet(parser)


def export(options: Namespace) -> int:
    """A prepared corpus in the field's exchange format."""
    need(*TABLES, "audformat")
    from emotone.corpora.audformat_export import write_audformat
    from emotone.corpora.corpus import Corpus

    corpus = Corpus.load(options.corpus)
    write_audformat(corpus, options.folder)
    say(options, f"{options.corpus}: {options.folder}")
    if corpus.root.resolve() != options.folder.resolve():
        audio = f"the audio is not copied, and stays in {corpus.root}"
        back = as_typed(["emotone", "prepare", "audformat", str(options.folder), f"audio={corpus.root}"])
        say(options, f"note: {audio}; read both by: {back}")
    return 0


def add_extract(add_verb: AddVerb) -> None:
    parser = add_verb("extract", extract, "Extract a feature for every utterance of a prepared corpus; resumes.")
    parser.add_argument("feature", metavar="FEATURE", help="see: emotone list features")
    parser.add_argument("corpus", metavar="CORPUS", help="a prepared corpus")
    add_settings(parser, "settings of the feature")
    add_engine(parser)
    add_jobs(parser)
    add_quiet(parser)


def extract(options: Namespace) -> int:
    """A feature of every utterance of a corpus."""
    need(*TABLES)
    from emotone.base import plugins
    from emotone.corpora.corpus import Corpus
    from emotone.data import store
    from emotone.data.recipe_yaml import parse_overrides

    feature = plugins.create("features", options.feature, parse_overrides(options.settings))
    corpus = Corpus.load(options.corpus)
    with engine(options):
        done = store.extract(corpus, options.feature, feature, options.jobs, quiet=options.quiet)
    for utterance, error in sorted(done.failed.items()):
        print(f"emotone: {utterance}: {error}", file=sys.stderr)
    for note, count in done.notes.items():
        say(options, f"{count} of {len(done)} utterances are {note}")
    say(options, f"{len(done)} utterances, {len(done.failed)} failed: {done.folder}")
    return 1 if done.failed else 0
