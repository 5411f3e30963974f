"""Plugins by file name: found in either spelling, refused in one line, created with their settings."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import pytest

from emotone.base import plugins
from emotone.errors import EmotoneError


def test_names_are_those_of_the_files() -> None:
    assert {"functionals", "lld", "mel"} <= set(plugins.names("features"))
    assert {"chunk-attention", "mel-convolution"} <= set(plugins.names("systems"))
    assert not any("_" in name for kind in plugins.KINDS for name in plugins.names(kind))


@pytest.mark.parametrize("name", ["chunk-attention", "chunk_attention"])
def test_both_spellings_are_found(name: str) -> None:
    assert plugins.find("systems", name).__module__ == "emotone.training.systems.chunk_attention"


@pytest.mark.parametrize("name", ["chunk-atention", "../mel", "", "mel.py", "emotone.features.extractors.mel"])
def test_unknown_plugins_are_one_line(name: str) -> None:
    with pytest.raises(EmotoneError, match=r"unknown system '.*known: attentive-heads, .*mel-convolution") as caught:
        plugins.find("systems", name)
    assert ("did you mean 'chunk-attention'" in str(caught.value)) == (name == "chunk-atention")


def test_a_module_has_one_public_class() -> None:
    module = types.ModuleType("two")
    for name in ("A", "B"):
        setattr(module, name, type(name, (), {"__module__": "two"}))
    with pytest.raises(TypeError, match="exactly one public class, not 2"):
        plugins.public_class(module)


def test_unknown_settings_name_the_nearest() -> None:
    with pytest.raises(EmotoneError, match="feature mel: unknown setting 'num_mell'; did you mean 'num_mels'"):
        plugins.create("features", "mel", {"num_mell": 3})


def test_settings_are_plain_data() -> None:
    feature = plugins.create("features", "mel", {"num_mels": 64})
    assert json.loads(json.dumps(plugins.settings_of(feature))) == plugins.settings_of(feature)
    assert plugins.create("features", "mel", plugins.settings_of(feature)) == feature


def test_finding_names_imports_nothing_heavy() -> None:
    code = "import sys; from emotone.base.plugins import KINDS, names; [*map(names, KINDS)]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "opensmile", "numpy"} & set(loaded)


def test_settings_written_before_are_what_they_were() -> None:
    before = {"frame_size_ms": 32.0, "frame_step_ms": 16.0}
    then = {"extractor": "opensmile", "variant": "published"}
    assert plugins.as_written("features", "lld", before) == before | then
    assert plugins.as_written("features", "lld", {"extractor": "own"}) == then | {"extractor": "own"}
    nested = plugins.as_written("features", "moments", {"of": "lld", "settings": before})
    assert nested == {"of": "lld", "settings": before | then}
    assert plugins.as_written("features", "mel", {"num_mels": 8}) == {"num_mels": 8}


def test_what_was_made_before_keeps_its_identity() -> None:
    written = {"feature_set": "IS13_ComParE", "frame_size_ms": 32.0, "frame_step_ms": 16.0}
    theirs = plugins.create("features", "lld", {"extractor": "opensmile"})
    assert plugins.identity_of(theirs) == written
    assert plugins.identity_of(plugins.create("features", "lld")) == written | {"extractor": "own"}
    nested = plugins.create("features", "moments", {"of": "lld", "settings": {"extractor": "opensmile"}})
    assert plugins.identity_of(nested) == {"of": "lld", "settings": written}
    assert plugins.identity_of(plugins.create("features", "mel")) == plugins.settings_of(
        plugins.create("features", "mel")
    )
