"""The command line: verbs only. Every verb imports what it needs when it runs, so that `predict` starts at once.

Exit codes: 0 all well, 1 some inputs failed (their rows say why), 2 the user's error, 130 interrupted. Tables go to
stdout, progress and messages to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from emotone.base.files import LEDGER, RUNS
from emotone.base.version import __version__
from emotone.cli import verbs
from emotone.errors import EmotoneError, unknown

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
        options = _parse(arguments)
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


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line; settings may stand after options too, which argparse does not expect."""
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    key = next((name for name in ("settings", "overrides") if hasattr(options, name)), None)
    strange = [word for word in others if key is None or word.startswith("-") or "=" not in word]
    if strange:
        parser.error(f"unrecognized arguments: {' '.join(strange)}")
    if key is not None:
        setattr(options, key, [*getattr(options, key), *others])
    return options


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="emotone", description="Speech emotion recognition, from audio to report.")
    parser.add_argument("--version", action="version", version=f"emotone {__version__}")
    added_verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True, parser_class=_Parser)

    def verb(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        added = added_verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    predict = verb(
        "predict", verbs.predict, "Emotion in files, folders or globs: one row per file, per window, or over time."
    )
    predict.add_argument("inputs", nargs="+", metavar="FILE|FOLDER|GLOB")
    predict.add_argument(
        "--model", default="default", metavar="NAME|BUNDLE", help="a bundle's name or folder, or a run"
    )
    predict.add_argument("--output", type=Path, metavar="FILE", help="write .csv, .json or .parquet instead of a table")
    predict.add_argument("--curve", action="store_true", help="the attributes over time, from a bundle with curves")
    predict.add_argument(
        "--window", type=_number, metavar="S", help="one row per window of S seconds; with --curve they make its points"
    )
    predict.add_argument("--hop", type=_number, metavar="S", help="from one window's start to the next (default: half)")
    predict.add_argument(
        "--transcript", metavar="auto|FILE|none",
        help="what is said, for bundles that take text: heard by Whisper, or a table (file, text) or .txt",
    )  # fmt: skip
    predict.add_argument("--language", metavar="CODE", help="that Whisper hears, e.g. da (default: what it finds)")
    _add_machine_options(predict)
    _add_quiet(predict)
    predict.add_argument("--json", action="store_true", help="JSON lines on stdout instead of a table")

    retrieve = verb(
        "retrieve", verbs.retrieve, "The most or least aroused, dominant or pleasant moments of recordings."
    )
    retrieve.add_argument("inputs", nargs="+", metavar="FILE|FOLDER|GLOB")
    retrieve.add_argument("--attribute", required=True, metavar="NAME", help="arousal, dominance or valence")
    ends = retrieve.add_mutually_exclusive_group(required=True)
    ends.add_argument("--highest", type=_positive, metavar="N", help="the N moments that score highest")
    ends.add_argument("--lowest", type=_positive, metavar="N", help="the N moments that score lowest")
    for option, name, text in (
        ("--length", "length_s", "seconds of a moment (default 3)"),
        ("--hop", "hop_s", "from one window's start to the next (default: a third of the length)"),
        ("--min-gap", "min_gap_s", "least time between moments of one recording (default 0)"),
    ):
        retrieve.add_argument(option, dest=name, type=_number, metavar="S", help=text)
    retrieve.add_argument(
        "--speech", dest="min_speech", type=float, metavar="SHARE", help="least share of speech, 0..1 (default 0.4)"
    )
    retrieve.add_argument(
        "--model", default="default", metavar="NAME|BUNDLE", help="a bundle's name or folder, or a run"
    )
    retrieve.add_argument(
        "--output", default="table", metavar="table|clips|textgrid|audacity|json", help="what to write (default table)"
    )
    retrieve.add_argument("--to", type=Path, metavar="FILE|FOLDER", help="where (default: stdout for table and json)")
    retrieve.add_argument("--page", type=Path, metavar="FILE", help="write .html with players and curves, too")
    _add_machine_options(retrieve)
    _add_quiet(retrieve)

    transcribe = verb("transcribe", verbs.transcribe, "What is said in files, folders or globs, with words and times.")
    transcribe.add_argument("inputs", nargs="+", metavar="FILE|FOLDER|GLOB")
    transcribe.add_argument(
        "--model", default="openai/whisper-base", metavar="NAME|FOLDER", help="a Whisper in CTranslate2's format"
    )
    transcribe.add_argument("--language", metavar="CODE", help="e.g. da (default: what Whisper hears)")
    transcribe.add_argument("--words", action="store_true", help="one row per word, with its times")
    transcribe.add_argument("--output", type=Path, metavar="FILE", help="write .csv, .json or .parquet")
    transcribe.add_argument("--json", action="store_true", help="JSON lines on stdout")
    _add_device(transcribe)
    _add_quiet(transcribe)

    pull = verb("pull", verbs.pull, "Published weights as a bundle: downloaded, or from a folder, and checked.")
    pull.add_argument("name", metavar="NAME", help="see: emotone list bundles")
    pull.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="folder with the repositories' files")
    pull.add_argument("--to", type=Path, metavar="FOLDER", help="where to write the bundle (default: the cache)")
    _add_quiet(pull)

    listing = verb("list", verbs.list_all, "Bundles, recipes, corpora, features and systems, with what each needs.")
    listing.add_argument(
        "kind", nargs="?", choices=verbs.LISTED, metavar="KIND", help=f"only: {', '.join(verbs.LISTED)}"
    )
    listing.add_argument("--json", action="store_true", help="as JSON")

    prepare = verb("prepare", verbs.prepare, "Read a corpus from its owner's folder layout.")
    prepare.add_argument("corpus", metavar="CORPUS", help="a reader's name (emotone list corpora)")
    prepare.add_argument("folder", type=Path, metavar="FOLDER", help="where the corpus lies")
    prepare.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings of the reader")
    prepare.add_argument("--name", help="name to prepare it under (default: the reader's)")
    _add_quiet(prepare)

    info = verb("info", verbs.info, "What a prepared corpus holds: counts, hours, labels, agreement of its raters.")
    info.add_argument("corpus", metavar="CORPUS", help="a prepared corpus")
    info.add_argument("--picture", type=Path, metavar="FILE", help="write the label distributions as .svg")
    info.add_argument("--json", action="store_true", help="as JSON")
    _add_jobs(info)
    _add_quiet(info)

    check = verb("check", verbs.check, "What crosses the borders of a recipe's split, or is wrong with a corpus.")
    check.add_argument("what", metavar="RECIPE|CORPUS")
    check.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the recipe, e.g. split.name=official")
    check.add_argument("--json", action="store_true", help="as JSON")
    _add_jobs(check)
    _add_quiet(check)

    export = verb("export", verbs.export, "Write a prepared corpus as an audformat database.")
    export.add_argument("corpus", metavar="CORPUS", help="a prepared corpus")
    export.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder for header and tables")
    _add_quiet(export)

    extract = verb("extract", verbs.extract, "Extract a feature for every utterance of a prepared corpus; resumes.")
    extract.add_argument("feature", metavar="FEATURE", help="see: emotone list features")
    extract.add_argument("corpus", metavar="CORPUS", help="a prepared corpus")
    extract.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings of the feature")
    _add_jobs(extract)
    _add_quiet(extract)

    train = verb("train", verbs.train, "Train a recipe: a run folder with bundle and test result; resumes.")
    train.add_argument("recipe", metavar="RECIPE", help="a recipe's name or YAML file")
    train.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="e.g. seed=1 training.learning_rate=1e-3")
    train.add_argument("--to", type=Path, metavar="FOLDER", help="run folder (default: runs/RECIPE/HASH)")
    _add_machine_options(train)
    _add_quiet(train)

    evaluate = verb("evaluate", verbs.evaluate, "Test a run or a bundle: metrics with intervals over speakers.")
    evaluate.add_argument("model", metavar="RUN|BUNDLE")
    evaluate.add_argument("--corpus", help="a prepared corpus (default: the test split of the run)")
    evaluate.add_argument("--classes", metavar="A,B,...", help="only utterances of these categories")
    evaluate.add_argument("--json", action="store_true", help="as JSON")
    evaluate.add_argument("--report", type=Path, metavar="FILE", help="write .html with pictures, or the same as .json")
    evaluate.add_argument("--robustness", action="store_true", help="score degraded copies of the test utterances too")
    evaluate.add_argument("--missing", action="store_true", help="score them with words or audio missing, too")
    _add_curve_options(evaluate)
    _add_machine_options(evaluate)
    _add_quiet(evaluate)

    compare = verb("compare", verbs.compare, "Runs on the same utterances: paired tests over speakers; or all runs.")
    compare.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN", help="run folders; seeds of one recipe are averaged"
    )
    compare.add_argument(
        "--ledger", nargs="?", type=Path, const=RUNS / LEDGER, metavar="FILE", help="table of all runs"
    )
    compare.add_argument("--metric", help="e.g. ccc, uar, spearman (default: the main one of each target)")
    compare.add_argument("--report", type=Path, metavar="FILE", help="write .html with pictures, or the same as .json")
    compare.add_argument("--robustness", action="store_true", help="what each loses as audio gets worse")
    compare.add_argument("--missing", action="store_true", help="what each loses as words or audio go missing")
    _add_curve_options(compare)
    compare.add_argument("--json", action="store_true", help="as JSON")
    _add_jobs(compare)
    _add_quiet(compare)
    return parser


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=_count, default=1, metavar="N", help="processes (default 1; 0: one per core)")


def _add_curve_options(parser: argparse.ArgumentParser) -> None:
    """Of --robustness and --missing."""
    parser.add_argument("--curves", metavar="A,B,...", help="only these curves, e.g. noise,babble (default: all)")
    parser.add_argument("--noise", type=Path, metavar="FOLDER", help="recordings of noise for --robustness")
    text = "utterances whose audio is changed at most (default: 200 by --robustness, 100 by --missing)"
    parser.add_argument("--num", type=_positive, metavar="N", help=text)


def _add_machine_options(parser: argparse.ArgumentParser) -> None:
    _add_jobs(parser)
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
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


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, not {text!r}")
    return int(text) or os.cpu_count() or 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
