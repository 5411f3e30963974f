"""Verbs that make bundles: pull; what `train` prints is tested where it is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


def test_a_misspelt_recipe_does_not_wait_for_torch() -> None:
    code = (
        "import sys; from emotone.cli.main import main; print(main(['train', 'emodb-chunk']), 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "2 False\n" and "did you mean 'emodb-chunk-attention'?" in ran.stderr


def test_a_run_without_a_test_part_is_not_sent_to_evaluate(
    run: Run, write_tones: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tones(tmp_path, num_tones=12)
    Path("mine.yaml").write_text(
        "corpora: [tones]\ntargets: [arousal]\nfeature: {name: moments, of: mel}\n"
        "system: {name: functionals-svm, c: 1.0}\n"
        "split: {name: leave-speakers-out, num_folds: 4, fold: 0}\n"
    )
    ran = run("train", "mine.yaml", "--to", "tested")
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[-1] == "run: tested; try: emotone evaluate tested --report report.html"
    assert ran.out == run("evaluate", "tested").out and "arousal    ccc " in ran.out
    ran = run("train", "mine.yaml", "--to", "whole", "split.name=everything", "split.num_folds=null")
    assert ran.code == 0 and ran.out == "", ran.err
    assert ran.err.splitlines()[-1] == "run: whole; try: emotone predict FILE --model whole"
    ran = run("evaluate", "whole")
    assert ran.line.endswith("a bundle of it is tested by: emotone evaluate whole --corpus CORPUS")
    ran = run("evaluate", "whole", "--corpus", "tones", "--quiet")
    assert ran.code == 0 and "nothing trained" not in ran.out + ran.err
