"""The command line: its verbs, its errors, its exit codes.

A verb is two functions, one beside the other in the file of its group: `add_VERB` adds its options, VERB runs them and
imports what it needs, so that `predict` starts at once. A new verb is listed in `VERBS`.

Exit codes: 0 all well, 1 some inputs failed (their rows say why), 2 the user's error, 130 interrupted. Tables go to
stdout, progress and messages to stderr.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from emotone.base.version import __version__
from emotone.cli import archive, corpora, evaluate, listing, predict, rank, serve, train
from emotone.cli.options import Run
from emotone.errors import EmotoneError, nearest, unknown

VERBS = (
    predict.add_predict,
    predict.add_listen,
    predict.add_retrieve,
    predict.add_transcribe,
    serve.add_serve,
    archive.add_archive,
    train.add_pull,
    listing.add_list,
    corpora.add_prepare,
    corpora.add_info,
    corpora.add_check,
    corpora.add_export,
    corpora.add_extract,
    train.add_train,
    evaluate.add_evaluate,
    evaluate.add_compare,
    rank.add_rank,
    train.add_export_bundle,
    train.add_norms,
)
"""In the order of the help."""


def run(arguments: Sequence[str] | None = None) -> int:
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
    except RecursionError:
        print("emotone: something that was given is nested too deeply to be read", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("emotone: interrupted", file=sys.stderr)
        return 130
    except OSError as error:  # a full disk, a folder that may not be written
        if _is_of_a_closed_pipe(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; so do we, quietly
            return 0
        reason = EmotoneError(f"{error.filename}: {error.strerror}" if error.filename else error)
        print(f"emotone: {reason}", file=sys.stderr)
        return 2


def _is_of_a_closed_pipe(error: OSError) -> bool:
    """Whether nobody reads any more what is written, which Windows calls an invalid argument."""
    is_nameless = error.errno == errno.EINVAL and error.filename is None
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and is_nameless)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line; settings (KEY=VALUE) may stand after options, which argparse does not expect."""
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    takes_settings = hasattr(options, "settings")
    strange = [word for word in others if not takes_settings or word.startswith("-") or "=" not in word]
    if strange:
        options.parser.refuse(strange, takes_settings)
    if takes_settings:
        options.settings = [*options.settings, *others]
    return options


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="emotone", description="Speech emotion recognition, from audio to report.")
    parser.add_argument("--version", action="version", version=f"emotone {__version__}")
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True, parser_class=_Parser)

    def add_verb(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run, parser=added)
        return added

    for add in VERBS:
        add(add_verb)
    return parser


class _Parser(argparse.ArgumentParser):
    """argparse with one-line errors that name the nearest match, and help that may end with what is read only then."""

    late_epilog: Callable[[], str] | None = None

    def format_help(self) -> str:
        return super().format_help() + (f"\n{self.late_epilog()}\n" if self.late_epilog else "")

    def refuse(self, words: Sequence[str], takes_settings: bool) -> NoReturn:
        """The error for words that no option takes."""
        option = words[0].split("=")[0]
        match = nearest(option, self._option_string_actions) if option.startswith("-") else None
        hint = f"; did you mean {match}?" if match else "; settings are KEY=VALUE, without --" if takes_settings else ""
        self.error(f"unrecognized arguments: {' '.join(words)}{hint}")

    def error(self, message: str) -> NoReturn:
        raise EmotoneError(f"{message} (see: {self.prog} --help)")

    def _check_value(self, action: argparse.Action, value: str) -> None:
        if action.choices is not None and value not in action.choices:
            raise unknown(action.dest, value, [str(choice) for choice in action.choices])
