"""Verbs of corpora: what they print and write, and how they end."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emotone.corpora.corpus import Corpus, corpora_folder
from emotone.errors import EmotoneError

Run = Callable[..., Any]


@pytest.fixture
def tones(write_tones: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A prepared corpus of twelve tones of four speakers."""
    monkeypatch.chdir(tmp_path)
    return write_tones(tmp_path, num_tones=12)


def test_prepare_names_and_counts(run: Run, tones: Any) -> None:
    table = pd.DataFrame({"file": tones.utterances["file"], "speaker": tones.utterances["speaker"]})
    table.to_csv(tones.root / "table.csv", index=False)
    ran = run("prepare", "table", tones.root)
    assert ran.code == 0 and ran.err.splitlines()[-1].startswith("table: 12 utterances, 4 speakers: ")
    ran = run("prepare", "table", tones.root, "--name", "mine", "table=table.csv")
    assert ran.code == 0 and ran.err.splitlines()[-1].startswith("mine: 12 utterances, 4 speakers: ")
    assert run("prepare", "table", tones.root, "--quiet").err == ""


def test_prepare_names_all_bad_files_or_leaves_them_out(run: Run, tones: Any) -> None:
    tones.utterances[["file", "speaker", "emotion"]].to_csv(tones.root / "table.csv", index=False)
    (tones.root / "03.wav").write_bytes(b"")
    (tones.root / "07.wav").write_bytes(b"RIFF and no more")
    ran = run("prepare", "table", tones.root, "--name", "mine")
    assert ran.code == 2 and ran.line.startswith("emotone: corpus mine: 2 of 12 files cannot be used: ")
    assert "03.wav: is empty (0 bytes), " in ran.line and "07.wav: is not audio" in ran.line
    assert ran.line.endswith("; set bad_files=drop to leave them out")
    with pytest.raises(EmotoneError, match="not prepared"):
        Corpus.load("mine")
    ran = run("prepare", "table", tones.root, "bad_files=drop", "--name", "mine")
    assert ran.code == 0 and len(Corpus.load("mine")) == 10
    assert "note: left out 2 of 12 utterances: 2 of 12 files cannot be used: " in ran.err
    ran = run("prepare", "table", tones.root, "bad_files=dorp")
    assert ran.code == 2 and "unknown bad_files 'dorp'; did you mean 'drop'?" in ran.line


def test_prepare_replaces_no_corpus_of_another_folder(run: Run, tones: Any, tmp_path: Path) -> None:
    tones.utterances[["file", "speaker"]].to_csv(tones.root / "table.csv", index=False)
    other = shutil.copytree(tones.root, tmp_path / "other")
    assert run("prepare", "table", tones.root, "--name", "mine").code == 0
    assert run("prepare", "table", tones.root, "--name", "mine").code == 0  # its own
    ran = run("prepare", "table", other, "--name", "mine")
    assert ran.code == 2 and f"corpus mine is prepared from {tones.root}, not from {other}; choose another" in ran.line
    assert Corpus.load("mine").root == tones.root
    assert run("prepare", "table", other, "--name", "mine", "--overwrite").code == 0
    assert Corpus.load("mine").root == other
    (corpora_folder() / "mine" / "corpus.json").write_text("junk")  # which preparing it again mends
    assert run("prepare", "table", tones.root, "--name", "mine").code == 0


def test_check_names_all_that_cannot_be_read(run: Run, tones: Any) -> None:
    for name in ("03", "07"):
        (tones.root / f"{name}.wav").write_bytes(b"")
    ran = run("check", "tones", "--quiet")
    assert ran.code == 1 and "PROBLEM: 2 of 12 utterances cannot be read: " in ran.out
    assert "03.wav: is empty (0 bytes), " in ran.out and "07.wav: is empty (0 bytes)" in ran.out


def test_info_in_words_in_json_and_as_a_picture(run: Run, tones: Any, tmp_path: Path) -> None:
    ran = run("info", "tones", "--quiet")
    assert ran.code == 0 and ran.err == "" and "12" in ran.out
    ran = run("info", "tones", "--json", "--picture", tmp_path / "tones.svg")
    assert json.loads(ran.out) and ran.line == f"picture: {tmp_path / 'tones.svg'}"
    assert "<svg" in (tmp_path / "tones.svg").read_text()
    ran = run("info", "tones", "--picture", "tones.png")
    assert ran.code == 2 and ran.line == "emotone: tones.png: the picture is SVG; name it .svg"


def test_check_takes_a_corpus_or_a_recipe(run: Run, tones: Any) -> None:
    ran = run("check", "tones", "--json", "--quiet")
    assert ran.code == 0 and json.loads(ran.out)["problems"] == []
    recipe = "corpora: [tones]\ntargets: [arousal]\nfeature: mel\nsystem: {name: functionals-svm}\n"
    Path("mine.yaml").write_text(recipe + "split: {name: leave-speakers-out, num_folds: 4}\n")
    assert run("check", "mine.yaml", "--quiet").code == 0
    (tones.root / tones.utterances["file"][0]).write_bytes(b"")
    assert run("check", "tones", "--quiet").code == 1
    ran = run("check", "tons")
    assert ran.code == 2 and "unknown recipe or prepared corpus 'tons'; did you mean 'tones'?" in ran.line
    ran = run("check", "tones", "split.name=official")
    assert (
        ran.code == 2 and ran.line == "emotone: tones is a corpus; split.name=official would be a setting of a recipe"
    )


def test_check_finds_what_train_refuses(run: Run, tones: Any, tmp_path: Path) -> None:
    ids = list(tones.utterances["id"])
    (tmp_path / "parts.json").write_text(json.dumps({"train": ids[:6], "test": ids[6:]}))
    Path("mine.yaml").write_text(
        "corpora: [tones]\ntargets: [arousal]\nfeature: mel\nsystem: {name: chunk-attention}\n"
        "split: {name: given, file: parts.json}\nallow_leakage: true\n"
    )
    ran = run("check", "mine.yaml", "--quiet")
    advice = "set split.validate=false where nothing is chosen by it"
    empty = f"recipe mine: the validation part of split given is empty; {advice}"
    assert ran.code == 1 and f"PROBLEM: {empty}" in ran.out.splitlines()
    assert "no problem found" not in ran.out
    refused = run("train", "mine.yaml", "--quiet")
    assert refused.code == 2 and refused.line == f"emotone: {empty}"


def test_export_says_where(run: Run, tones: Any) -> None:
    pytest.importorskip("audformat")
    where, note = run("export", "tones", "exported").err.splitlines()
    assert where == "tones: exported" and Path("exported/db.yaml").is_file()
    assert note.startswith(f"note: the audio is not copied, and stays in {tones.root}; read both by: emotone prepare ")
    ran = run(*shlex.split(note.partition("read both by: emotone ")[2]), "--name", "again")
    assert ran.code == 0 and Corpus.load("again").utterances["file"].tolist() == tones.utterances["file"].tolist()
    assert run("export", "tones", tones.root).line == f"tones: {tones.root}"
    assert run("prepare", "audformat", tones.root, "--name", "beside").code == 0


def test_extract_counts_what_failed(run: Run, tones: Any) -> None:
    ran = run("extract", "mel", "tones", "num_mels=8")
    assert ran.code == 0 and ran.line.startswith("12 utterances, 0 failed: ")
    (tones.root / tones.utterances["file"][3]).write_bytes(b"")
    ran = run("extract", "mel", "tones", "num_mels=9")
    first, last = ran.err.splitlines()
    assert ran.code == 1 and first.startswith("emotone: 03: ") and "is empty (0 bytes)" in first
    assert last.startswith("11 utterances, 1 failed: ")
