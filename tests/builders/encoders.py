"""Encoders of random weights, as transformers saves them: small ones of each kind that features are made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tiny_wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav2vec 2.0 of random weights, built like the large one, as transformers saves it; not to be changed."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("encoders") / "tiny-wav2vec2"
    config = transformers.Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    torch.manual_seed(0)
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper of random weights with a window of one second, as transformers saves it; not to be changed."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("encoders") / "tiny-whisper"
    config = transformers.WhisperConfig(
        vocab_size=99,
        num_mel_bins=80,
        d_model=16,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        max_source_positions=50,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=3,
    )
    torch.manual_seed(0)
    transformers.WhisperModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RoBERTa of random weights for 30 tokens, with a tokenizer, as transformers saves it; not to be changed."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers.pre_tokenizers import ByteLevel

    folder = tmp_path_factory.mktemp("encoders") / "tiny-roberta"
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pairs = [("o", "o"), ("oo", "d"), ("\u0120", "g"), ("s", "e"), ("se", "e")]  # of bytes, as merged in turn
    tokens = [*special, *sorted(ByteLevel.alphabet()), *(first + second for first, second in pairs)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    transformers.RobertaTokenizer(vocab=vocabulary, merges=pairs, model_max_length=30).save_pretrained(folder)
    config = transformers.RobertaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    transformers.RobertaForMaskedLM(config).save_pretrained(folder)  # a checkpoint without pooler, as the real one
    return folder


def edited_copy(folder: Path, to: Path, **config: Any) -> Path:
    """A copy of an encoder with other values in its configuration."""
    shutil.copytree(folder, to)
    about = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(about | config))
    return to
