"""Recipes from YAML: found, merged with a base and overrides, every key checked, each mistake one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emotone.data.recipe import Choice, Recipe
from emotone.data.recipe_yaml import load_recipe, merge, parse_overrides, read_yaml
from emotone.errors import EmotoneError

SMALL = "corpora: [emodb]\ntargets: [emotion]\nfeature: mel\nsystem: {name: chunk-attention, aggregation: GatedVec}\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def load(path: Path, *overrides: str) -> Recipe:
    return load_recipe(str(path), overrides)


def test_overrides_reach_every_depth(small: Path) -> None:
    loaded = load(
        small,
        "seed=3",
        "training.learning_rate=1e-3",
        "feature.num_mels=40",
        "targets=[arousal, valence]",
        "split={name: leave-speakers-out, num_folds: 5}",
        "split.fold=2",
        "system.aggregation=NonAtten",
    )
    assert (loaded.seed, loaded.training.learning_rate, loaded.targets) == (3, 1e-3, ["arousal", "valence"])
    assert loaded.feature.settings == {"num_mels": 40} and loaded.system.settings == {"aggregation": "NonAtten"}
    assert (loaded.split.name, loaded.split.num_folds, loaded.split.fold) == ("leave-speakers-out", 5, 2)


def test_another_plugin_brings_its_own_settings(small: Path) -> None:
    assert load(small, "system.name=mel-convolution").system.settings == {}
    assert load(small, "system={name: chunk-attention, scale: 2}").system.settings == {
        "aggregation": "GatedVec",
        "scale": 2,
    }
    assert load(small, "system=mel-convolution").system == Choice("mel-convolution")


def test_text_that_looks_like_a_number_stays_text_in_quotes(small: Path) -> None:
    loaded = load(small, "training.learning_rate=1e-3", "split.folds=[['1e3', '02'], ['03'], ['04']]")
    assert loaded.training.learning_rate == 1e-3 and loaded.split.folds[0] == ["1e3", "02"]


def test_an_empty_mapping_replaces() -> None:
    assert load_recipe("emotale-rankers").where == {"language": ["da"]}
    assert load_recipe("emotale-rankers", ["where={}"]).where == {}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seeds=1", "unknown recipe key 'seeds'; did you mean 'seed'?"),
        ("training.batchsize=1", "training: unknown recipe key 'batchsize'; did you mean 'batch_size'?"),
        ("split.fodl=1", "split: unknown recipe key 'fodl'; did you mean 'fold'?"),
        ("training.batch_size=many", "batch_size must be a whole number, not 'many'"),
        ("training.batch_size=1.5", "batch_size must be a whole number, not 1.5"),
        ("training.batch_size=true", "batch_size must be a whole number, not True"),
        ("training.learning_rate=fast", "learning_rate must be a number, not 'fast'"),
        ("training.precision=8-bit", "precision must be one of '32-true', 'bf16-mixed', '16-mixed', not '8-bit'"),
        ("training=3", "training must be a mapping, not 3"),
        ("targets=arousal", "targets must be a list (text), not 'arousal'"),
        ("targets=[1]", "targets must be a list (text), not [1]"),
        ("split.fold=some", "fold must be a whole number or one of 'all', not 'some'"),
        ("augmentation.crop_s=[1.0]", "crop_s must be a list of 2 (a number), not [1.0]"),
        ("where={speaker: x}", "where must be a mapping to a list (text), not"),
        ("feature=mell", "unknown feature 'mell'; did you mean 'mel'?"),
        ("feature=[mel]", "feature must be a name, or a mapping with a name, not ['mel']"),
        ("feature.num_mell=3", "feature mel: unknown setting 'num_mell'; did you mean 'num_mels'?"),
        ("feature.num_mels=x", "feature mel: num_mels must be a whole number, not 'x'"),
        ("system.name=chunk-atention", "unknown system 'chunk-atention'; did you mean 'chunk-attention'?"),
        ("system.aggregation=Gated", "aggregation must be one of 'NonAtten', 'GatedVec'"),
        ("system.hidden=3", "unknown setting 'hidden'; did you mean 'hidden_size'?"),
    ],
)
def test_wrong_keys_and_types(small: Path, override: str, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        load(small, override)
    line = str(caught.value)
    assert words in line and "\n" not in line and (str(small) in line or "unknown " in line)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("text_feature=mel", "text_feature must be one of transcripts, which mel is not"),
        ("text_feature=whisper", "text_feature must be one of transcripts, which whisper is not"),
        ("text_feature=minlm", "unknown feature 'minlm'; did you mean 'minilm'?"),
        ("text_feature=3", "text_feature must be a name, or a mapping with a name, not 3"),
        ("text_feature={name: minilm, layers: 1}", "unknown setting 'layers'; did you mean 'layer'?"),
        ("alignment=textgrid", "alignment must be one of 'transcript', 'corpus', 'whisper', 'none', not 'textgrid'"),
        ("normalise.over=words", "over must be one of 'frames', 'utterance-means', 'segments', not 'words'"),
    ],
)
def test_text_that_is_none(small: Path, override: str, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        load(small, override)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "a recipe is a mapping of keys to values"),
        ("- a\n- b\n", "a recipe is a mapping"),
        ("a: [", "not readable as YAML"),
        ("\x00", "not readable as YAML"),
        ("!!python/object/apply:os.system ['touch it-ran']", "not readable as YAML"),
        (SMALL.replace("corpora: [emodb]\n", ""), "recipe key 'corpora' is missing"),
        (SMALL + "3: x\n", "unknown recipe key '3'"),
        (SMALL + "base: smal\n", "unknown recipe 'smal'"),
        (SMALL + "base: default-held-out\n", "its base has a base itself"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(content)
    with pytest.raises(EmotoneError) as caught:
        load_recipe("r.yaml")
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("it-ran").exists()


def test_binary_is_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EmotoneError, match="not readable as YAML"):
        load(tmp_path / "r.yaml")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("emodb-chunk-atention", "unknown recipe 'emodb-chunk-atention'; did you mean 'emodb-chunk-attention'?"),
        ("nowhere/r.yaml", "nowhere/r.yaml: no such recipe file"),
        ("", "unknown recipe ''"),
    ],
)
def test_recipes_that_are_not_there(name: str, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        load_recipe(name)
    assert words in str(caught.value)


def test_a_recipe_changes_only_what_it_says(small: Path, tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text(f"base: {small}\ntraining: {{iterations: 7}}\nsystem: {{hidden_size: 8}}\nseed: 5\n")
    loaded, base = load(child), load(small)
    assert loaded.name == "child" and loaded.seed == 5 and loaded.corpora == base.corpora
    assert loaded.training.iterations == 7 and loaded.training.batch_size == base.training.batch_size
    assert loaded.system.settings == {"aggregation": "GatedVec", "hidden_size": 8}
    assert load(child, "system.hidden_size=9").system.settings["hidden_size"] == 9


def test_a_recipe_that_starts_from_a_bundle_has_its_feature_and_system(tmp_path: Path) -> None:
    path = tmp_path / "tuned.yaml"
    path.write_text("corpora: [mine]\ntargets: [emotion]\ninit: default\nsystem: {refit: false}\n")
    loaded = load(path)
    assert loaded.feature.name == "whisper-light" and loaded.feature.settings["blocks"] == [2, 3]
    assert loaded.system.name == "light-heads" and loaded.system.settings["refit"] is False
    assert loaded.system.settings["expected"] == ["valence"]
    with pytest.raises(EmotoneError, match="unknown bundle 'defalt'; did you mean 'default'?"):
        load(path, "init=defalt")


# ---- as plain data ----------------------------------------------------------------------------------------------


def test_overrides_are_nested_and_the_last_one_counts() -> None:
    found = parse_overrides(["a.b.c=1", "a.b.d=x", "e=2", "e=3", "a.b.c=4"])
    assert found == {"a": {"b": {"c": 4, "d": "x"}}, "e": 3}
    assert parse_overrides([]) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("3", 3),
        ("true", True),
        ("null", None),
        ("", None),
        ("a=b", "a=b"),
        ("[1, x]", [1, "x"]),
        ("{a: 1e2}", {"a": 100.0}),
        ("'03'", "03"),
        ("eel", "eel"),
    ],
)
def test_values_are_read_as_yaml(text: str, value: object) -> None:
    assert parse_overrides([f"key={text}"]) == {"key": value}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed", "is not of the form key=value"),
        ("=3", "is not of the form key=value"),
        ("a..b=3", "is not of the form key=value"),
        ("key=[1", "is not a value YAML can read"),
        ("key={a: 1, a", "is not a value YAML can read"),
    ],
)
def test_overrides_that_are_none(override: str, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        parse_overrides([override])
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_part_of_a_whole_that_was_set() -> None:
    with pytest.raises(EmotoneError, match="sets a part of what another override set as a whole"):
        parse_overrides(["training=3", "training.seed=1"])


# ---- files ------------------------------------------------------------------------------------------------------


def test_a_mapping_is_read_with_short_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("rate: 1e-4\nname: 1e\nwords: {a: [1, 2]}\n")
    assert read_yaml(path) == {"rate": 1e-4, "name": "1e", "words": {"a": [1, 2]}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "a recipe is a mapping of keys to values"),
        (b"- a", "a recipe is a mapping"),
        (b"a: [", "not readable as YAML"),
        (b"\xff\xfe\x00", "not readable as YAML"),
        (b"a: !!python/name:os.system", "not readable as YAML"),
    ],
)
def test_files_that_hold_no_mapping(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(EmotoneError, match=words) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)


# ---- merging ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "change", "expected"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": {"x": 1}}, {"a": {}}, {"a": {}}),
        ({"a": {"x": 1}}, {"a": 3}, {"a": 3}),
        ({"f": "mel"}, {"f": {"scale": "log"}}, {"f": {"name": "mel", "scale": "log"}}),
        ({"f": {"name": "mel", "scale": "log"}}, {"f": {"name": "lld"}}, {"f": {"name": "lld"}}),
        (
            {"f": {"name": "mel", "scale": "log"}},
            {"f": {"name": "mel", "x": 1}},
            {"f": {"name": "mel", "scale": "log", "x": 1}},
        ),
        ({"f": {"name": "mel", "scale": "log"}}, {"f": "lld"}, {"f": "lld"}),
        ({"f": None}, {"f": {"name": "minilm"}}, {"f": {"name": "minilm"}}),
        ({"f": {"name": "minilm"}}, {"f": None}, {"f": None}),
    ],
)
def test_merging(base: dict[str, Any], change: dict[str, Any], expected: dict[str, Any]) -> None:
    before = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
    assert merge(base, change) == expected and base == before


def test_a_single_sign_is_itself_where_yaml_reads_nothing() -> None:
    assert parse_overrides(["decimal=,", "x=~", "y=-"]) == {"decimal": ",", "x": None, "y": [None]}
    with pytest.raises(EmotoneError, match="',,' is not a value YAML can read"):
        parse_overrides(["decimal=,,"])


@pytest.mark.parametrize("text", ["[" * 5_000, "2001-13-01", "9" * 5_000])
def test_what_yaml_stumbles_over_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"seed: {text}")
    with pytest.raises(EmotoneError, match=r"mine.yaml: not readable as YAML \("):
        read_yaml(tmp_path / "mine.yaml")
    with pytest.raises(EmotoneError, match="is nested too deeply|is not a value YAML can read"):
        parse_overrides([f"seed={text}"])
