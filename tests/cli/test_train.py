"""Verbs that make bundles: pull; what `train` prints is tested where it is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_pull_from_a_folder(run: Run, tmp_path: Path, shared: Path) -> None:
    ran = run("pull", "chunk-attention-rnn", "--from", shared / "published", "--to", tmp_path / "rnn")
    assert ran.code == 0 and ran.line.endswith(f"try: emotone predict FILE --model {tmp_path / 'rnn'}")
    assert run("pull", "chunk-attention-rnn", "--from", shared / "published", "--quiet").err == ""
    entries = json.loads(run("list", "bundles", "--json").out)["bundles"]
    assert {entry["name"]: entry["get"] for entry in entries}["chunk-attention-rnn"] == ""


def test_a_folder_that_cannot_be_written_is_one_line(run: Run, tmp_path: Path, shared: Path) -> None:
    (tmp_path / "file").touch()
    ran = run("pull", "chunk-attention-rnn", "--from", shared / "published", "--to", tmp_path / "file" / "bundle")
    assert ran.code == 2 and ran.line == f"emotone: {tmp_path / 'file' / 'bundle'}: Not a directory"
