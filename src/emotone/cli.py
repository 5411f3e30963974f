"""The command line: verbs only. Every verb imports what it needs when it runs, so that `predict` starts at once.

Exit codes: 0 all well, 1 some inputs failed (their rows say why), 2 the user's error, 130 interrupted. Tables go to
stdout, progress and messages to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from emotone import __version__
from emotone.errors import EmotoneError, missing_extra, unknown

Run = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """argparse with one-line errors that name the nearest match."""

    def error(self, message: str) -> NoReturn:
        raise EmotoneError(f"{message} (see: {self.prog} --help)")

    def _check_value(self, action: argparse.Action, value: str) -> None:
        if action.choices is not None and value not in action.choices:
            raise unknown(action.dest, value, [str(choice) for choice in action.choices])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # any file name can be shown
    try:
        options = _parser().parse_args(arguments)
        return options.run(options)
    except EmotoneError as error:
        print(f"emotone: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("emotone: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; so do we, quietly
        return 0
    except OSError as error:  # a full disk, a folder that may not be written
        print(
            f"emotone: {EmotoneError(f'{error.filename}: {error.strerror}' if error.filename else error)}",
            file=sys.stderr,
        )
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="emotone", description="Speech emotion recognition, from audio to report.")
    parser.add_argument("--version", action="version", version=f"emotone {__version__}")
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True, parser_class=_Parser)

    def verb(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    predict = verb("predict", _predict, "Emotion in files, folders or globs: one row per file, or per window.")
    predict.add_argument("inputs", nargs="+", metavar="FILE|FOLDER|GLOB")
    predict.add_argument(
        "--model", default="default", metavar="NAME|BUNDLE", help="a bundle's name or folder, or a run"
    )
    predict.add_argument("--output", type=Path, metavar="FILE", help="write .csv, .json or .parquet instead of a table")
    predict.add_argument("--window", type=_number, metavar="S", help="one row per window of S seconds")
    predict.add_argument("--hop", type=_number, metavar="S", help="from one window's start to the next (default: half)")
    _add_machine_options(predict)
    _add_quiet(predict)
    predict.add_argument("--json", action="store_true", help="JSON lines on stdout instead of a table")

    pull = verb("pull", _pull, "Published weights as a bundle: downloaded, or from a folder, and checked.")
    pull.add_argument("name", metavar="NAME", help="see: emotone list systems")
    pull.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="folder with the repositories' files")
    pull.add_argument("--to", type=Path, metavar="FOLDER", help="where to write the bundle (default: the cache)")
    _add_quiet(pull)

    listing = verb("list", _list, "Bundles, recipes, corpora, features and systems, with what each needs.")
    listing.add_argument("kind", nargs="?", choices=LISTED, metavar="KIND", help=f"only: {', '.join(LISTED)}")
    listing.add_argument("--json", action="store_true", help="as JSON")

    prepare = verb("prepare", _prepare, "Read a corpus from its owner's folder layout.")
    prepare.add_argument("corpus", metavar="CORPUS", help="a reader's name (emotone list corpora)")
    prepare.add_argument("folder", type=Path, metavar="FOLDER", help="where the corpus lies")
    prepare.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings of the reader")
    prepare.add_argument("--name", help="name to prepare it under (default: the reader's)")
    _add_quiet(prepare)

    extract = verb("extract", _extract, "Extract a feature for every utterance of a prepared corpus; resumes.")
    extract.add_argument("feature", metavar="FEATURE", help="see: emotone list features")
    extract.add_argument("corpus", metavar="CORPUS", help="a prepared corpus")
    extract.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings of the feature")
    _add_jobs(extract)
    _add_quiet(extract)

    train = verb("train", _train, "Train a recipe: a run folder with bundle and test result; resumes.")
    train.add_argument("recipe", metavar="RECIPE", help="a recipe's name or YAML file")
    train.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="e.g. seed=1 training.learning_rate=1e-3")
    train.add_argument("--to", type=Path, metavar="FOLDER", help="run folder (default: runs/RECIPE/HASH)")
    _add_machine_options(train)
    _add_quiet(train)

    evaluate = verb("evaluate", _evaluate, "Test a run or a bundle: metrics with intervals over speakers.")
    evaluate.add_argument("model", metavar="RUN|BUNDLE")
    evaluate.add_argument("--corpus", help="a prepared corpus (default: the test split of the run)")
    evaluate.add_argument("--classes", metavar="A,B,...", help="only utterances of these categories")
    evaluate.add_argument("--json", action="store_true", help="as JSON")
    _add_machine_options(evaluate)
    _add_quiet(evaluate)
    return parser


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=_count, default=1, metavar="N", help="processes (default 1; 0: one per core)")


def _add_machine_options(parser: argparse.ArgumentParser) -> None:
    _add_jobs(parser)
    parser.add_argument(
        "--device",
        default="cpu",
        choices=("cpu", "cuda"),
        metavar="cpu|cuda",
        help="where the network runs (default cpu)",
    )


def _add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress and no messages")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, not {text!r}") from None


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, not {text!r}")
    return int(text) or os.cpu_count() or 1


def _say(options: argparse.Namespace, message: str) -> None:
    if not getattr(options, "quiet", False):
        print(message, file=sys.stderr)


def _predict(options: argparse.Namespace) -> int:
    from emotone.batch import predict_to_file, predict_to_stdout
    from emotone.inputs import find_inputs

    files = find_inputs(options.inputs)
    if options.output is None:
        failed = predict_to_stdout(files, options)
    else:
        failed = predict_to_file(files, options)
        _say(options, f"{len(files)} files, {failed} failed: {options.output}")
    return 1 if failed else 0


def _pull(options: argparse.Namespace) -> int:
    _need("torch", "onnx", "scipy")
    from emotone.pull import pull

    folder = pull(options.name, options.source, options.to)
    _say(options, f"{options.name}: {folder}; try: emotone predict FILE --model {options.to or options.name}")
    return 0


LISTED = ("bundles", "recipes", "corpora", "features", "systems", "models")


def _list(options: argparse.Namespace) -> int:
    from emotone.listing import print_listing

    print_listing([options.kind] if options.kind else list(LISTED), options.json)
    return 0


def _prepare(options: argparse.Namespace) -> int:
    _need("pandas", "pyarrow", "yaml")
    from emotone import plugins
    from emotone.corpus import check_name
    from emotone.recipe import parse_overrides

    reader = plugins.create("corpora", options.corpus, parse_overrides(options.settings))
    name = check_name(options.name or options.corpus)
    if not options.folder.is_dir():
        raise EmotoneError(f"{options.folder}: not a folder")
    corpus = reader.read(options.folder)
    corpus.name = name
    folder = corpus.save()
    speakers = corpus.utterances["speaker"].nunique()
    _say(options, f"{corpus.name}: {len(corpus)} utterances, {speakers} speakers: {folder}")
    return 0


def _extract(options: argparse.Namespace) -> int:
    _need("pandas", "pyarrow", "yaml")
    from emotone import plugins
    from emotone.corpus import Corpus
    from emotone.recipe import parse_overrides
    from emotone.store import extract

    feature = plugins.create("features", options.feature, parse_overrides(options.settings))
    store = extract(Corpus.load(options.corpus), options.feature, feature, options.jobs, quiet=options.quiet)
    for utterance, error in sorted(store.failed.items()):
        print(f"emotone: {utterance}: {error}", file=sys.stderr)
    _say(options, f"{len(store)} utterances, {len(store.failed)} failed: {store.folder}")
    return 1 if store.failed else 0


def _train(options: argparse.Namespace) -> int:
    _need("pandas", "pyarrow", "yaml", "torch", "lightning_fabric", "onnx", "tensorboard")
    from emotone.recipe import load_recipe
    from emotone.run import train_recipe

    recipe = load_recipe(options.recipe, options.overrides)
    folder = train_recipe(recipe, options.to, device=options.device, jobs=options.jobs, quiet=options.quiet)
    _say(options, f"run: {folder}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    _need("pandas", "pyarrow", "yaml")
    from emotone.evaluate.protocol import evaluate_model, print_result

    result = evaluate_model(options.model, options.corpus, options.device, options.jobs, options.quiet, options.classes)
    print_result(result, as_json=options.json)
    return 0


def _need(*packages: str) -> None:
    """The verbs for researchers need the [train] extra; one line says so where a package of it is missing."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, "train", "this verb")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
