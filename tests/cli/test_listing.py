"""What `emotone list` says, complete and without importing what it lists."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotone.base import plugins
from emotone.bundle.folder import bundles_folder
from emotone.cli import listing
from emotone.cli.main import main
from emotone.data import recipe_yaml
from emotone.models.pull import published_systems


def test_every_plugin_and_recipe_is_listed_with_a_line() -> None:
    for kind in plugins.KINDS:
        entries = listing.collect(kind)
        assert [entry["name"] for entry in entries] == plugins.names(kind)
        assert all(entry["about"] and set(entry["needs"]) <= set(listing.PACKAGES) for entry in entries)
    recipes = listing.collect("recipes")
    assert [entry["name"] for entry in recipes] == recipe_yaml.available()
    assert all(entry["about"].endswith(".") for entry in recipes)  # not the beginning of a sentence


def test_needs_are_those_of_the_plugins_themselves() -> None:
    """The listing reads sources; the classes must say the same."""
    needs = {entry["name"]: entry["needs"] for entry in listing.collect("features")}
    for name in plugins.names("features"):
        assert needs[name] == sorted(plugins.find("features", name).requires)
    assert needs["mel"] == [] and needs["lld"] == []
    for entry in listing.collect("systems"):
        assert entry["needs"] == ["train"]


def test_recipes_are_listed_with_what_the_loaded_recipe_needs() -> None:
    for entry in listing.collect("recipes"):
        loaded = recipe_yaml.load_recipe(entry["name"])
        corpora = [*loaded.corpora, *loaded.unlabelled.corpora]
        assert (entry["corpora"], entry["bundles"]) == (corpora, loaded.teacher)
        choices = [
            loaded.feature.name,
            loaded.feature.settings.get("of"),
            loaded.text_feature and loaded.text_feature.name,
        ]
        needs = {need for name in choices if name for need in plugins.find("features", name).requires}
        assert entry["needs"] == sorted({"train", *needs})


def test_bundles_here_and_bundles_to_get(tiny_bundle: Path) -> None:
    before = {entry["name"]: entry for entry in listing.collect("bundles")}
    for name in published_systems():
        from_folder = " --from FOLDER" if name in ("deep-mi", "spectrogram-iemocap") else ""
        assert before[name]["get"] == f"emotone pull {name}{from_folder}"
    shutil.copytree(tiny_bundle, bundles_folder() / "chunk-attention-rnn")
    after = {entry["name"]: entry for entry in listing.collect("bundles")}
    assert set(after) == set(before)
    about = {"about": "A bundle for tests", "needs": [], "missing": [], "get": ""}
    assert after["chunk-attention-rnn"] == {"name": "chunk-attention-rnn", **about}


@pytest.mark.parametrize(
    ("settings", "needs"),
    [({}, ["opensmile"]), ({"extractor": "opensmile"}, ["opensmile"]), ({"extractor": "own"}, [])],
)
def test_bundles_of_descriptors_need_openSMILE_where_it_made_them(  # noqa: N802
    settings: dict[str, str], needs: list[str]
) -> None:
    folder = bundles_folder() / "some"
    folder.mkdir(parents=True)
    about = {"format": 1, "description": "", "feature": {"name": "lld", "settings": settings}}
    (folder / "bundle.json").write_text(json.dumps(about))
    [entry] = [entry for entry in listing.collect("bundles") if entry["name"] == "some"]
    assert entry["needs"] == needs


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"format": 99}', "format 99 is newer"),
        ("{", "not a readable bundle description"),
        ('{"format": 1}', "cannot be used: not complete"),
        ('{"format": 1, "description": "", "feature": {"name": "mell"}}', "unknown feature 'mell'"),
    ],
)
def test_a_damaged_bundle_does_not_hide_the_others(content: str, words: str) -> None:
    folder = bundles_folder() / "broken"
    folder.mkdir(parents=True)
    (folder / "bundle.json").write_text(content)
    entries = {entry["name"]: entry["about"] for entry in listing.collect("bundles")}
    assert words in entries["broken"] and "chunk-attention-self" in entries


def test_missing_extras_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(listing.PACKAGES, "opensmile", "no_such_package")
    listing.print_listing(["features"], as_json=False)
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["features:"] and "opensmile (not installed)" in lines["functionals"] and "needs" not in lines["mel"]


def test_both_forms_hold_the_same_names(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ["bundles", "recipes", "corpora", "features", "systems", "models"]
    listing.print_listing(kinds, as_json=True)
    tables = json.loads(capsys.readouterr().out)
    listing.print_listing(kinds, as_json=False)
    printed = capsys.readouterr().out.splitlines()
    expected = [name for kind in kinds for name in (f"{kind}:", *(entry["name"] for entry in tables[kind]))]
    assert [line.split()[0] for line in printed] == expected


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from emotone.cli.listing import collect\n"
        "for kind in ('bundles', 'recipes', 'corpora', 'features', 'systems', 'models'): collect(kind)\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "opensmile", "onnxruntime", "yaml", "scipy", "soundfile"} & set(loaded)


@pytest.mark.parametrize("name", recipe_yaml.available())
def test_recipes_are_read_as_yaml_is(name: str) -> None:
    path = recipe_yaml.locate(name)
    about = recipe_yaml.read_yaml(path)
    if "base" in about:
        about = recipe_yaml.merge(recipe_yaml.read_yaml(recipe_yaml.locate(about["base"])), about)
    found = listing.read_recipe(path)
    assert found.keys() == about.keys() & set(listing.RECIPE_KEYS)
    for key, value in found.items():
        expected = {"name": about[key]} if "feature" in key and isinstance(about[key], str) else about[key]
        if isinstance(value, dict):  # numbers are text there
            assert value.keys() == expected.keys()
            value, expected = ({k: one.get(k) for k in ("name", "of", "corpora")} for one in (value, expected))
        assert value == expected


def test_a_recipe_on_top_of_another(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "corpora: [a]\nfeature: {name: moments, of: mel}\nunlabelled: {corpora: [b, c], num: 5}  # as published\n"
        "system:\n  name: none\n  corpora: [d]\n"
    )
    (tmp_path / "plain.yaml").write_text("base: base\ncorpora: [e]\nunlabelled: {num: 6}\n")
    (tmp_path / "other.yaml").write_text("base: base\nfeature: lld\ntext_feature: minilm\n")
    assert listing.read_recipe(tmp_path / "plain.yaml") == {
        "base": "base",
        "corpora": ["e"],
        "feature": {"name": "moments", "of": "mel"},
        "unlabelled": {"corpora": ["b", "c"], "num": "6"},
    }
    other = listing.read_recipe(tmp_path / "other.yaml")
    assert (other["feature"], other["text_feature"]) == ({"name": "lld"}, {"name": "minilm"})


def test_the_verb_lists_all_kinds_or_one(run: Callable[..., Any]) -> None:
    kinds = ["bundles", "recipes", "corpora", "features", "systems", "models", "difficulties"]
    ran = run("list", "--json")
    assert list(json.loads(ran.out)) == kinds
    assert ran.code == 0 and ran.err == ""
    assert list(json.loads(run("list", "features", "--json").out)) == ["features"]


def test_settings_are_those_of_the_plugins_themselves() -> None:
    """The help reads sources; every setting of a reader must stand in it, and nothing else."""
    for name in plugins.names("corpora"):
        lines = [line for line in listing.settings_of("corpora", name).splitlines() if not line.startswith(" ")]
        fields = [field.name for field in dataclasses.fields(plugins.find("corpora", name))]
        assert [line.partition(":")[0] for line in lines] == fields, name


def test_help_of_prepare_says_the_settings_of_every_reader(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["prepare", "--help"])
    text = capsys.readouterr().out
    assert (
        "\ntable:\n  audio: folder with the audio" in text and "\nravdess:\n  channel: speech, song or both.\n" in text
    )
