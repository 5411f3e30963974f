"""Recipes of published systems have the published settings."""

from __future__ import annotations

import pytest

from emotone.base import plugins
from emotone.data.recipe_yaml import load_recipe, training_from_json


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
    assert training_from_json(seq2seq.ranker_training, "here") == training
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
    assert training_from_json(curved.system.settings["ranker_training"], "here") == ranked.training
    assert (ranked.split, ranked.where, ranked.targets) == (curved.split, curved.where, curved.targets)
