"""The folder of a bundle: found by name, whole or not there, refused with one line when a file is damaged."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from bundle_edits import Edit, change

from emotone.base.files import sha256_of
from emotone.bundle.bundle import Bundle
from emotone.bundle.folder import (
    BUNDLED,
    FILES,
    available,
    bundles_folder,
    locate,
    read_about,
    read_json,
    write,
    write_about,
)
from emotone.errors import EmotoneError


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle of one's own to damage."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def refused(folder: Path, words: str) -> None:
    """Reading the description and checking all files fails with one line that names the bundle."""
    with pytest.raises(EmotoneError) as caught:
        read_about(folder, FILES)
    line = str(caught.value)
    assert "\n" not in line and str(folder) in line and words in line, line


# ---- names ------------------------------------------------------------------------------------------------------

# ---- names ------------------------------------------------------------------------------------------------------


def test_bundles_are_found_by_name_folder_and_run(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_bundle, bundles_folder() / "mine")
    shutil.copytree(tiny_bundle, tmp_path / "run" / "bundle")
    assert available()["mine"] == bundles_folder() / "mine"
    assert Bundle.load("mine").folder == bundles_folder() / "mine"
    assert Bundle.load("run").folder == Path("run/bundle")
    for place in ("folds/fold-0", "folds/fold-1", "repeats/repeat-1/fold-0"):
        shutil.copytree(tiny_bundle, tmp_path / place / "bundle")
    assert Bundle.load("folds/fold-1").folder == Path("folds/fold-1/bundle")
    for run, line in (
        (
            "folds",
            "folds: a run of 2 folds, each with a bundle of its own; name one, e.g. folds/fold-0, or train one on all",
        ),
        ("repeats", "repeats: a run of 1 folds, each with a bundle of its own; name one, e.g. repeats/repeat-1/fold-0"),
    ):
        with pytest.raises(EmotoneError) as caught:
            locate(run)
        assert str(caught.value).startswith(line)
    (tmp_path / "mine").mkdir()  # a folder of that name without a bundle is not meant
    assert Bundle.load("mine").folder == bundles_folder() / "mine"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("defualt", "unknown bundle 'defualt'; did you mean"),
        ("chunk-attention-self", "get it with: emotone pull chunk-attention-self"),
        ("chunk-attention-sef", "did you mean 'chunk-attention-self'?"),
        ("empty", "empty: no bundle in this folder (bundle.json is missing)"),
        ("../..", "no bundle in this folder"),
        ("runs/mine", "runs/mine: does not exist (a bundle's folder, or a run's)"),
        ("", "no bundle in this folder"),
    ],
)
def test_unknown_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    if name == "defualt":
        monkeypatch.setattr("emotone.bundle.folder.available", lambda: {"default": tmp_path})
    with pytest.raises(EmotoneError) as caught:
        Bundle.load(name)
    assert words in str(caught.value)


def test_what_comes_along_is_here() -> None:
    assert available()["default"] == BUNDLED / "default" == locate("default")


# ---- writing ----------------------------------------------------------------------------------------------------


def test_a_bundle_is_not_there_until_it_is_whole(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("emotone.bundle.folder.sha256_of", disk_full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "b", read_about(tiny_bundle), b"", {}, {}, "")
    with pytest.raises(EmotoneError, match="no bundle in this folder"):
        locate(str(tmp_path / "b"))


def test_a_written_folder_has_every_file_and_its_hash(tiny_bundle: Path, tmp_path: Path) -> None:
    about = dataclasses.replace(read_about(tiny_bundle), sha256={})
    folder = write(tmp_path / "some" / "b", about, b"net", {}, {}, "# card\n")
    assert folder == tmp_path / "some" / "b" and (folder / "README.md").read_text() == "# card\n"
    assert read_about(folder, FILES).sha256 == {name: sha256_of(folder / name) for name in FILES}
    assert (folder / "model.onnx").read_bytes() == b"net"


def test_a_description_is_written_whole_or_not_at_all(copy: Path) -> None:
    before = (copy / "bundle.json").read_text()
    about = read_about(copy)
    with pytest.raises(TypeError):
        write_about(copy, dataclasses.replace(about, results=[{"ccc": object()}]))
    assert (copy / "bundle.json").read_text() == before
    write_about(copy, dataclasses.replace(about, results=[{"note": "på dansk"}]))
    assert "på dansk" in (copy / "bundle.json").read_text(encoding="utf-8")
    assert read_about(copy, FILES).results == [{"note": "på dansk"}]


# ---- damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "empty"])
def test_damaged_files(copy: Path, name: str, damage: str) -> None:
    content = (copy / name).read_bytes()
    if damage == "missing":
        (copy / name).unlink()
        refused(copy, f"{name}: missing from the bundle")
        return
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 0x80]) + content[middle + 1 :]
    (copy / name).write_bytes({"cut": content[:-9], "flipped": flipped, "empty": b""}[damage])
    refused(copy, f"{name}: damaged (its SHA-256 is not the one in bundle.json)")


def test_files_that_are_not_read_may_be_missing(copy: Path) -> None:
    (copy / "weights.safetensors").unlink()
    assert read_about(copy, ("model.onnx", "arrays.safetensors")).name == read_about(copy).name == "tiny"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda about: about.pop("sha256"), "damaged"),
        (lambda about: about.update(sha256={}), "damaged"),
        (lambda about: about.update(sha256=[]), "not a complete bundle description (sha256 is no mapping)"),
    ],
)
def test_descriptions_without_hashes(copy: Path, edit: Edit, words: str) -> None:
    change(copy, edit)
    refused(copy, words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[]", "no 'format'"),
        (b"3", "no 'format'"),
        (b'{"name": "x"}', "no 'format'"),
        (b'{"format": "1"}', "no 'format'"),
        (b'{"format": 2}', "bundle format 2 is newer than this Emotone reads (1); update Emotone"),
        (b'{"format": 1}', "damaged"),
        (b"\xff\xfe", "not a readable bundle description"),
        (b" " * 4_000_001, "larger than"),
        (b"[" * 200_000, "not a readable bundle description"),
    ],
)
def test_descriptions_that_are_none(copy: Path, content: bytes, words: str) -> None:
    (copy / "bundle.json").write_bytes(content)
    refused(copy, words)


def test_plain_data_may_be_incomplete(copy: Path) -> None:
    (copy / "bundle.json").write_text(json.dumps({"format": 1, "energy_wh": 3}))
    assert read_json(copy) == {"format": 1, "energy_wh": 3}
    with pytest.raises(EmotoneError, match=r"not a complete bundle description \(KeyError\('feature'\)\)"):
        read_about(copy)


def test_file_names_in_the_description_lead_nowhere(copy: Path) -> None:
    """Files have fixed names; a description cannot make Emotone read another place."""
    change(
        copy,
        lambda about: about["sha256"].update({"../../etc/passwd": "0", "model.onnx": about["sha256"]["model.onnx"]}),
    )
    assert read_about(copy, FILES).name == "tiny"
