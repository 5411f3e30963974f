"""What verbs of the command line share: options, the types of their numbers, messages and written files."""

from __future__ import annotations

import importlib.util
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError, missing_extra

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

Run = Callable[[Namespace], int]
"""What a verb does with its options; returns the exit code."""
AddVerb = Callable[[str, Run, str], ArgumentParser]
"""Adds a verb by its name, what it runs and a line of help; returns the parser that its options are added to."""
TABLES = ("pandas", "pyarrow", "yaml")
"""Packages of the [train] extra that every verb for researchers needs."""


def add_inputs(parser: ArgumentParser) -> None:
    text = "recordings, folders of them, patterns such as 'calls/**/*.mp3'"
    parser.add_argument("inputs", nargs="+", metavar="FILE|FOLDER|GLOB", help=text)


def add_model(parser: ArgumentParser) -> None:
    text = "a bundle's name or folder, or a run (default: the bundle default)"
    parser.add_argument("--model", default="default", metavar="NAME|BUNDLE", help=text)


def add_settings(parser: ArgumentParser, text: str) -> None:
    """Settings, which may also stand behind options (`emotone.cli.verbs`)."""
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help=text)


def add_jobs(parser: ArgumentParser) -> None:
    parser.add_argument("--jobs", type=count, default=1, metavar="N", help="processes (default 1; 0: one per core)")


def add_engine(parser: ArgumentParser) -> None:
    add = parser.add_argument
    text = "who does the work: processes here (default), or a Ray cluster, --jobs tasks at once"
    add("--engine", default="processes", choices=("processes", "ray"), metavar="processes|ray", help=text)
    add_address(parser)


def add_address(parser: ArgumentParser) -> None:
    text = "of a Ray cluster (default: one of this machine)"
    parser.add_argument("--address", metavar="HOST:PORT|auto", help=text)


def engine(options: Namespace) -> AbstractContextManager[None]:
    """What `--engine` asks for, for as long as the block lasts."""
    import contextlib

    if options.engine == "processes":
        if options.address:
            raise EmotoneError("--address is that of a Ray cluster; give --engine ray, too")
        return contextlib.nullcontext()
    if getattr(options, "device", "cpu") != "cpu":
        raise EmotoneError("--engine ray computes on cpu here, not on cuda")
    from emotone.base.ray_session import over_ray

    return over_ray(options.jobs, options.address)


def add_device(parser: ArgumentParser) -> None:
    text = "where the network runs (default cpu)"
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), metavar="cpu|cuda", help=text)


def add_lld(parser: ArgumentParser) -> None:
    text = "what computes low-level descriptors (default: what the bundle was made with)"
    parser.add_argument("--lld", choices=("own", "opensmile"), metavar="own|opensmile", help=text)


def add_rows(parser: ArgumentParser) -> None:
    """What has a row, and what it holds; `row_settings` reads them."""
    add = parser.add_argument
    add("--curve", action="store_true", help="the attributes over time, from a bundle with curves")
    add("--window", type=number, metavar="S", help="one row per window of S seconds; with --curve they make its points")
    text = "from one window's start to the next (default: half a window, at most 4)"
    add("--hop", type=number, metavar="S", help=text)
    add("--utterances", action="store_true", help="one row per utterance: speech between pauses")
    add_utterance_rules(parser)
    text = "channels heard together (mix, the default), or each as a speaker, or some of them"
    add("--channels", default="mix", metavar="mix|each|1,2", help=text)
    text = "columns for shares of speech by category, and the spread of attributes, of each recording"
    add("--summary", action="store_true", help=text)


def add_utterance_rules(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--pause", type=number, metavar="S", help="least pause between two utterances (default 0.4)")
    add("--longest", type=number, metavar="S", help="longer utterances are cut (default 12)")


def row_settings(options: Namespace) -> dict[str, Any]:
    """What a verb with a model, `add_rows` and a transcript has of `PredictSettings`."""
    from emotone.predict.settings import channels_of, utterance_rules

    return {
        "model": options.model,
        "lld": options.lld,
        "window_s": options.window,
        "hop_s": options.hop,
        "curve": options.curve,
        "utterances": utterance_rules(options.utterances, options.pause, options.longest),
        "channels": channels_of(options.channels),
        "summary": options.summary,
        "transcript": options.transcript,
        "language": options.language,
    }


def add_overwrite(parser: ArgumentParser) -> None:
    text = "replace what is there already, though this command did not make it"
    parser.add_argument("--overwrite", action="store_true", help=text)


def add_quiet(parser: ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress and no messages")


def add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def number(text: str) -> float:
    """A number of seconds."""
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"must be a number of seconds, not {text!r}") from None


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def count(text: str) -> int:
    """A number of processes, where 0 is one per core."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"must be a whole number from 0, not {text!r}")
    return int(text) or os.cpu_count() or 1


def need(*packages: str) -> None:
    """Raise EmotoneError where a package of the [train] extra is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, "train", "this verb")


def say(options: Namespace, message: str) -> None:
    """A message for people, on stderr."""
    if not options.quiet:
        print(message, file=sys.stderr)


def as_typed(words: Sequence[str]) -> str:
    """Words as they are typed in this system's shell."""
    if sys.platform == "win32":
        from subprocess import list2cmdline

        return list2cmdline(words)
    from shlex import join

    return join(words)


def write_text(path: Path, text: str) -> None:
    """A text file, by atomic rename."""
    from emotone.base.files import replace_file

    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
