"""Recipes: typed, checked before any work, merged, hashed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from emotone.base import plugins
from emotone.data import recipe
from emotone.data.recipe import Recipe, from_json, load_recipe, pin_encoders
from emotone.errors import EmotoneError

RESULTS = Path(__file__).parents[2] / "results"
SMALL = "corpora: [emodb]\ntargets: [emotion]\nfeature: mel\nsystem: {name: chunk-attention, aggregation: GatedVec}\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def load(path: Path, *overrides: str) -> Recipe:
    return load_recipe(str(path), overrides)


@pytest.mark.parametrize("name", recipe.available())
def test_recipes_that_come_with_emotone(name: str) -> None:
    loaded = load_recipe(name)
    assert loaded.name == name and loaded.description
    assert yaml.safe_load(yaml.safe_dump(loaded.to_json())) == loaded.to_json()
    again = from_json(loaded.to_json(), "here")
    assert again == loaded and again.hash == loaded.hash


def test_published_setting_of_chunk_level_attention() -> None:
    loaded = load_recipe("msp-podcast-1.6-chunk-attention")
    assert loaded.system.settings["max_utterance_s"] == 11.0 and loaded.system.settings["chunk_s"] == 1.0
    assert loaded.feature.settings == {"frame_size_ms": 32.0, "frame_step_ms": 16.0}
    training = loaded.training
    assert (training.batch_size, training.iterations, training.validate_every) == (128, 5000, 50)
    assert training.learning_rate == 1e-4 and loaded.split.name == "official"


def test_published_settings_of_rankers_and_seq2seq() -> None:
    ranked, curved = load_recipe("msp-podcast-1.6-rankers"), load_recipe("msp-podcast-1.6-seq2seq")
    assert ranked.feature == curved.feature == load_recipe("msp-podcast-1.6-chunk-attention").feature
    ranker, seq2seq = (plugins.create("systems", one.system.name, one.system.settings) for one in (ranked, curved))
    for one in (ranker, seq2seq):
        assert (one.chunk_s, one.max_utterance_s, one.scale, one.hidden_size, one.dropout) == (1.0, 11.0, 2, 130, 0.5)
        assert one.networks == "separate"
    assert (ranker.preferences, ranker.threshold, ranker.pairing, ranker.num_pairs) == ("votes", 0.6, "drawn", 100_000)
    training = ranked.training
    assert (training.batch_size, training.epochs, training.learning_rate, training.best) == (128, 20, 1e-4, "metric")
    assert seq2seq.curve_weight == 0.5 and seq2seq.ranker == {"partners": ranker.partners}
    assert recipe.check_training(seq2seq.ranker_training, "here") == training
    assert (curved.training.batch_size, curved.training.epochs, curved.training.learning_rate) == (128, 30, 1e-3)


def test_published_setting_of_multi_scale_chunks() -> None:
    loaded = load_recipe("msp-podcast-1.10-audio-text")
    assert (loaded.feature.name, loaded.text_feature and loaded.text_feature.name) == ("wav2vec2", "roberta")
    assert (loaded.alignment, loaded.split.name, loaded.normalise.over) == ("corpus", "official", "utterance-means")
    assert loaded.targets == ["arousal", "dominance", "valence"]
    system = plugins.create("systems", loaded.system.name, loaded.system.settings)
    assert (system.strategy, system.streams, system.chunk_s, system.max_steps) == ("multi-scale", "both", 1.0, 127)
    assert (system.hidden_size, system.num_heads, system.num_self_layers, system.num_co_layers) == (256, 4, 3, 2)
    assert (system.dropout, system.modality_dropout) == (0.3, 0.0)
    training = loaded.training
    assert (training.batch_size, training.iterations, training.validate_every) == (128, 5000, 100)
    assert (training.learning_rate, training.best) == (1e-4, "metric")


@pytest.mark.parametrize("name", ["msp-podcast-1.6", "emotale"])
def test_seq2seq_is_taught_by_the_rankers_of_their_own_recipe(name: str) -> None:
    ranked, curved = load_recipe(f"{name}-rankers"), load_recipe(f"{name}-seq2seq")
    own = {key: value for key, value in ranked.system.settings.items() if key != "max_utterance_s"}
    assert curved.system.settings["ranker"] == own
    assert recipe.check_training(curved.system.settings["ranker_training"], "here") == ranked.training
    assert (ranked.split, ranked.where, ranked.targets) == (curved.split, curved.where, curved.targets)


def test_defaults_are_filled_in(small: Path) -> None:
    loaded = load(small)
    assert loaded.name == "small" and loaded.training == recipe.Training() and loaded.feature.settings == {}
    about = loaded.to_json()
    assert about["feature"] == {"name": "mel"} and about["training"]["precision"] == "32-true"


# ---- overrides --------------------------------------------------------------------------------------------------


def test_overrides_reach_every_depth(small: Path) -> None:
    loaded = load(
        small, "seed=3", "training.learning_rate=1e-3", "feature.num_mels=40", "targets=[arousal, valence]",
        "split={name: leave-speakers-out, num_folds: 5}", "split.fold=2", "system.aggregation=NonAtten",
    )  # fmt: skip
    assert (loaded.seed, loaded.training.learning_rate, loaded.targets) == (3, 1e-3, ["arousal", "valence"])
    assert loaded.feature.settings == {"num_mels": 40} and loaded.system.settings == {"aggregation": "NonAtten"}
    assert (loaded.split.name, loaded.split.num_folds, loaded.split.fold) == ("leave-speakers-out", 5, 2)


def test_another_plugin_brings_its_own_settings(small: Path) -> None:
    assert load(small, "system.name=mel-convolution").system.settings == {}
    assert load(small, "system={name: chunk-attention, scale: 2}").system.settings == {
        "aggregation": "GatedVec", "scale": 2,
    }  # fmt: skip
    assert load(small, "system=mel-convolution").system == recipe.Choice("mel-convolution")


# ---- what is wrong is one line ----------------------------------------------------------------------------------


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
        ("where={speaker: x}", "where must be a mapping, not"),
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


# ---- inheritance ------------------------------------------------------------------------------------------------


def test_a_recipe_changes_only_what_it_says(small: Path, tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text(f"base: {small}\ntraining: {{iterations: 7}}\nsystem: {{hidden_size: 8}}\nseed: 5\n")
    loaded, base = load(child), load(small)
    assert loaded.name == "child" and loaded.seed == 5 and loaded.corpora == base.corpora
    assert loaded.training.iterations == 7 and loaded.training.batch_size == base.training.batch_size
    assert loaded.system.settings == {"aggregation": "GatedVec", "hidden_size": 8}
    assert load(child, "system.hidden_size=9").system.settings["hidden_size"] == 9


# ---- identity ---------------------------------------------------------------------------------------------------


def test_the_hash_is_of_what_decides_the_outcome(small: Path, tmp_path: Path) -> None:
    base = load(small)
    assert load(small, "name=other", "description=words", "cpu_hours=3").hash == base.hash
    assert load(small, "training.batch_size=128", "training.learning_rate=1e-4").hash == base.hash  # the defaults
    other = tmp_path / "reordered.yaml"
    other.write_text("\n".join(reversed(SMALL.splitlines())))
    assert load(other).hash == base.hash
    changed = {load(small, override).hash for override in ("seed=1", "feature.num_mels=3", "training.iterations=9")}
    assert len(changed | {base.hash}) == 4


def test_the_hash_is_short_and_stable(small: Path) -> None:
    assert len(load(small).hash) == 12 and int(load(small).hash, 16)
    assert load(small).hash == load(small).hash


# ---- keys that came later ---------------------------------------------------------------------------------------


def test_later_keys_change_the_hash_only_where_they_are_set(small: Path) -> None:
    plain = load(small)
    for same in ("normalise.clip=3.0", "split.repeats=1", "init=''", "label_map={}", "normalise={by: training}"):
        assert load(small, same).hash == plain.hash, same
    for other in ("normalise.clip=null", "split.repeats=2", "label_map={emodb: {anger: fear}}", "split.seed=1"):
        assert load(small, other).hash != plain.hash, other


@pytest.mark.parametrize(
    ("name", "hash_"),
    [
        ("default", "e50eacd9a16e"),
        ("emodb-chunk-attention", "f94ebd36a0e4"),
        ("emodb-functionals-svm", "4355844d1172"),
        ("emotale-chunk-attention", "6bf0cb469efc"),
        ("ravdess-functionals-svm", "7ba2e10945e9"),
        ("cross-corpus-functionals-svm", "cdeaff82c2c4"),
    ],
)
def test_hashes_of_published_results_stay(name: str, hash_: str) -> None:
    assert load_recipe(name).hash == hash_
    assert (RESULTS / name / f"{hash_}.json").is_file()


# ---- encoders and text ------------------------------------------------------------------------------------------


def test_keys_of_text_change_the_hash_only_where_they_are_set(small: Path) -> None:
    plain = load(small)
    for same in ("text_feature=null", "alignment=transcript", "normalise.over=frames"):
        assert load(small, same).hash == plain.hash, same
    for other in ("text_feature=minilm", "alignment=none", "normalise.over=utterance-means"):
        assert load(small, other).hash != plain.hash, other


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("text_feature=mel", "text_feature must be one of transcripts, which mel is not"),
        ("text_feature=whisper", "text_feature must be one of transcripts, which whisper is not"),
        ("text_feature=minlm", "unknown feature 'minlm'; did you mean 'minilm'?"),
        ("text_feature=3", "text_feature must be a name, or a mapping with a name, not 3"),
        ("text_feature={name: minilm, layers: 1}", "unknown setting 'layers'; did you mean 'layer'?"),
        ("alignment=textgrid", "alignment must be one of 'transcript', 'corpus', 'whisper', 'none', not 'textgrid'"),
        ("normalise.over=words", "over must be one of 'frames', 'utterance-means', not 'words'"),
    ],
)
def test_text_that_is_none(small: Path, override: str, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        load(small, override)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_weights_of_encoders_enter_the_hash(small: Path, tiny_wav2vec2: Path, tiny_roberta: Path) -> None:
    asked = load(small, f"feature={{name: wav2vec2, weights: {tiny_wav2vec2}}}",
                 f"text_feature={{name: roberta, weights: {tiny_roberta}}}")  # fmt: skip
    pinned = pin_encoders(asked)
    assert pinned.text_feature is not None and pinned.hash != asked.hash
    found = (pinned.feature.settings["sha256"], pinned.text_feature.settings["sha256"])
    assert [len(sha256) for sha256 in found] == [64, 64] and found[0] != found[1]
    assert pin_encoders(pinned) == pinned  # a run that goes on finds its folder
    wrong = load(small, f"feature={{name: wav2vec2, weights: {tiny_wav2vec2}, sha256: '{'0' * 64}'}}")
    with pytest.raises(EmotoneError, match="SHA-256"):
        pin_encoders(wrong)


def test_other_features_are_not_pinned(small: Path) -> None:
    assert pin_encoders(load(small)) == load(small)


def test_text_that_looks_like_a_number_stays_text_in_quotes(small: Path) -> None:
    loaded = load(small, "training.learning_rate=1e-3", "split.folds=[['1e3', '02'], ['03'], ['04']]")
    assert loaded.training.learning_rate == 1e-3 and loaded.split.folds[0] == ["1e3", "02"]


def test_a_recipe_that_starts_from_a_bundle_has_its_feature_and_system(tmp_path: Path) -> None:
    path = tmp_path / "tuned.yaml"
    path.write_text("corpora: [mine]\ntargets: [emotion]\ninit: default\nsystem: {mixup: 0.1}\n")
    loaded = load(path)
    assert loaded.feature.name == "mel" and loaded.feature.settings["scale"] == "log"
    assert loaded.system.name == "mel-convolution" and loaded.system.settings["mixup"] == 0.1
    assert loaded.system.settings["crop_frames"] == [96, 224]
    with pytest.raises(EmotoneError, match="unknown bundle 'defalt'; did you mean 'default'?"):
        load(path, "init=defalt")


@pytest.mark.parametrize(
    "override", ["learning_rate=-1", "learning_rate=.nan", "clip_norm=-1", "average=1", "epochs=0"]
)
def test_training_that_cannot_be(override: str) -> None:
    name = override.split("=")[0]
    with pytest.raises(EmotoneError, match=f"training.{name} must be"):
        load_recipe("emodb-chunk-attention", [f"training.{override}"])


def test_an_empty_mapping_replaces() -> None:
    assert load_recipe("emotale-rankers").where == {"language": ["da"]}
    assert load_recipe("emotale-rankers", ["where={}"]).where == {}
