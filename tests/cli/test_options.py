"""What verbs share: types of numbers, packages that are missing, messages, files."""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

import pytest

from emotone.cli import options
from emotone.errors import EmotoneError


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (options.number, "0.5", 0.5),
        (options.number, "1e-3", 0.001),
        (options.positive, "12", 12),
        (options.count, "3", 3),
        (options.count, "0", os.cpu_count() or 1),
    ],
)
def test_numbers(read: Any, text: str, value: float) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (options.number, "wide", "must be a number of seconds, not 'wide'"),
        (options.positive, "0", "must be a whole number from 1, not '0'"),
        (options.positive, "-1", "must be a whole number from 1"),
        (options.positive, "1.0", "must be a whole number from 1"),
        (options.count, "-1", "must be a whole number from 0, not '-1'"),
        (options.count, "", "must be a whole number from 0"),
        (options.count, "²", "must be a whole number from 0, not '²'"),
    ],
)
def test_what_is_no_number(read: Any, text: str, words: str) -> None:
    with pytest.raises(ArgumentTypeError, match=words):
        read(text)


def test_defaults_of_shared_options() -> None:
    parser = ArgumentParser()
    for add in (options.add_model, options.add_jobs, options.add_device, options.add_quiet, options.add_json):
        add(parser)
    options.add_settings(parser, "of anything")
    found = parser.parse_args([])
    assert vars(found) == {
        "model": "default",
        "jobs": 1,
        "device": "cpu",
        "quiet": False,
        "json": False,
        "settings": [],
    }
    assert parser.parse_args(["a=1", "b=2"]).settings == ["a=1", "b=2"]


def test_missing_packages_are_named() -> None:
    options.need("numpy", "argparse")
    with pytest.raises(EmotoneError, match=r'this verb needs the package no_such: pip install "emotone\[train\]"'):
        options.need("numpy", "no_such")


def test_messages_go_to_stderr_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    options.say(Namespace(quiet=False), "3 files")
    options.say(Namespace(quiet=True), "4 files")
    assert capsys.readouterr() == ("", "3 files\n")


def test_files_are_whole(tmp_path: Path) -> None:
    options.write_text(tmp_path / "x.html", "Žluťoučký")
    assert (tmp_path / "x.html").read_bytes() == "Žluťoučký".encode()
    with pytest.raises(UnicodeEncodeError):
        options.write_text(tmp_path / "x.html", "\udcff")
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"] and (tmp_path / "x.html").read_text()


def test_words_as_they_are_typed() -> None:
    assert options.as_typed(["emotone", "my calls", "C:\\calls"]) == r"emotone 'my calls' 'C:\calls'"


def test_words_as_they_are_typed_on_windows(windows: None) -> None:
    assert options.as_typed(["emotone", "my calls", "C:\\calls"]) == r'emotone "my calls" C:\calls'
