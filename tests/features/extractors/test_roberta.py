"""Text encoders of transformers: states are those of its own tokenizer and model, single or in batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.errors import EmotoneError
from emotone.features.extractors.roberta import Roberta

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = ["so good to see you", "good", "Ærø, æbler og øl", "see you soon", "こんにちは", "so good to see yo"]


def oracle(folder: Path, text: str, layer: int | None = None) -> NDArray[np.float32]:
    """What transformers' own classes give."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        output = network(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
    return (output.last_hidden_state if layer is None else output.hidden_states[layer])[0].numpy()


@pytest.mark.parametrize("layer", [None, 0, 2])
def test_states_are_those_of_transformers(tiny_roberta: Path, layer: int | None) -> None:
    states = Roberta(str(tiny_roberta), layer).encode(TEXTS)
    for text, found in zip(TEXTS, states, strict=True):
        np.testing.assert_allclose(found, oracle(tiny_roberta, text, layer), atol=1e-5)


def test_the_special_tokens_are_among_them(tiny_roberta: Path) -> None:
    feature = Roberta(str(tiny_roberta))
    assert feature._prepare("good") == [0, *feature._prepare("good")[1:-1], 2]
    assert len(feature("good")) == 2 + len("go") and feature("good").shape[1] == len(feature.names) == 32  # g, ood


def test_long_text_is_cut_and_noted(tiny_roberta: Path) -> None:
    feature = Roberta(str(tiny_roberta))
    assert feature.max_tokens == 30
    assert feature.check("x" * 28) == "" and feature("x" * 28).shape == (30, 32)
    note = feature.check("x" * 29)
    assert note == f"longer than 30 tokens, which is all that {tiny_roberta} takes, and cut"
    assert feature("x" * 500).shape == (30, 32) and feature._prepare("x" * 500)[-1] == 2
    np.testing.assert_allclose(feature("x" * 29), feature("x" * 28), atol=1e-6)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_no_text_is_refused(tiny_roberta: Path, text: str) -> None:
    with pytest.raises(EmotoneError, match="the transcript is empty"):
        Roberta(str(tiny_roberta))(text)


def test_a_speech_encoder_is_refused(tiny_wav2vec2: Path) -> None:
    with pytest.raises(EmotoneError, match=r"takes text encoders .* \(wav2vec2\)"):
        Roberta(str(tiny_wav2vec2))
