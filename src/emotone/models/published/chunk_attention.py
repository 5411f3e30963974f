"""Chunk-level attention as published (PyTorch, MSP-Podcast 1.6): SelfAttenVec and RnnAttenVec, three attributes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.bundle.about import BundleAbout
from emotone.bundle.card import published_card
from emotone.bundle.view.view import Chunks
from emotone.models.published_weights import (
    ATTRIBUTES,
    CORPUS,
    DESCRIPTORS,
    Published,
    attribute_targets,
    published_result,
    read_normalisers,
    with_weights,
)
from emotone.models.torch_file import read_weights

if TYPE_CHECKING:
    from emotone.models.networks.chunk_attention import ChunkAttention

REPOSITORY = "Chunk-Level-Attention-SER-PyTorch"
COMMIT = "4c04dc2"
CITATION = (
    "W.-C. Lin and C. Busso, Chunk-Level Speech Emotion Recognition: A General Framework of Sequence-to-One Dynamic "
    "Temporal Modeling, IEEE Transactions on Affective Computing 14(2), 2023"
)
NORM_FILES = {
    "NormTerm/act_norm_means.mat": "ffe2e592d10b80dbc4b2b1a9cf6caafe73798f771c8c63f6dea049be2e8cffe3",
    "NormTerm/act_norm_stds.mat": "7c35869625c4e2d4672640e454e21a5c0670e835689c1a5952027dd997dd7efd",
    "NormTerm/dom_norm_means.mat": "f3a07ca429d5ff9f1898e058e5e0a3965b1f1a09834ed8463706dd618b2a8fdc",
    "NormTerm/dom_norm_stds.mat": "96ef79ae2fbcb2623f3b3022c8d502bebbedc72d5e251d3b2ca3b942ddb83e64",
    "NormTerm/feat_norm_means.mat": "5acc523ce94a90ebcb7998144aa6284da645d4a78d9fdee665126daa35ce751d",
    "NormTerm/feat_norm_stds.mat": "b2e6f1ff5436f09e786339376e3c4d83abef84879dc0c6cd50854e3bf1f93135",
    "NormTerm/val_norm_means.mat": "1af561af01ced332580457ce1ffa2a0585bbad79d7d00d49ccae7db7d8cd058c",
    "NormTerm/val_norm_stds.mat": "b8c6b4d91a3ba1684d52561a1d408b24d3a176823c8dbb9a4470b57bdcb9a5fd",
}
WEIGHT_HASHES = {
    "RnnAttenVec": {
        "arousal": "6e70fb520c3713e71ef175b748344bf23bd068b54cedf347b02c488c6b1c1bfd",
        "dominance": "be83e29fb0b666465a0bdb960bfb1f616ebe39c96babc5afabbedb5463d5a080",
        "valence": "edaa96198b3f0cc4258913c3004f5d2b70ab37fb3ae7e2665131de8db205edc4",
    },
    "SelfAttenVec": {
        "arousal": "cd11a158249c6b23aaa6f39c7b827758712dec4c722b645e7c8802e92cd9d6e1",
        "dominance": "77336988532d9898380668f2209fb2eac56f8a02570180ae73ba27bae1301d9c",
        "valence": "755dd2841d5acbdcb27247adfae679f8fac9c75ed12f8d8763e353cf76ed3611",
    },
}
PUBLISHED_CCC = {
    "RnnAttenVec": {"arousal": 0.6906, "dominance": 0.6132, "valence": 0.2747},
    "SelfAttenVec": {"arousal": 0.7099, "dominance": 0.6299, "valence": 0.3206},
}
PARAMETER_NAMES = {
    "bn.": "norm.",
    "fc1.": "hidden.",
    "fc2.": "output.",
    "attn.attn_rnn.": "aggregation.rnn.",
    "attn.attn_dnn_score.": "aggregation.score.",
    "attn.attn_dnn_out.": "aggregation.output.",
    "attn.self_attn.in_proj_": "aggregation.query_key_value.",
    "attn.self_attn.out_proj.": "aggregation.output.",
    "attn.linear1.": "aggregation.widen.",
    "attn.linear2.": "aggregation.narrow.",
    "attn.norm1.": "aggregation.norm_1.",
    "attn.norm2.": "aggregation.norm_2.",
}
"""How parameters are called there and here."""


def weight_path(aggregation: str, attribute: str) -> str:
    """Where the weights of one network lie in the repository."""
    return f"trained_model_v1.6/LSTM_iter5000_batch128_ChunkSeq2One_{aggregation}_{ATTRIBUTES[attribute]}.pth.tar"


def load_network(path: Path, attribute: str, aggregation: Any) -> ChunkAttention:
    """One published network with its weights, in evaluation mode; raises EmotoneError for other weights."""
    from emotone.models.networks.chunk_attention import ChunkAttention

    network = ChunkAttention(130, {attribute: 1}, aggregation, across_chunks=False)
    return with_weights(network, read_weights(path), PARAMETER_NAMES, path, "chunk-attention")


def build(aggregation: str, name: str, files: dict[str, Path], to: Path) -> Path:
    """The bundle of one aggregation: three networks side by side."""
    from emotone.models.export import write_bundle
    from emotone.models.side_by_side import SeparateNetworks

    networks = SeparateNetworks(
        {
            attribute: load_network(files[weight_path(aggregation, attribute)], attribute, aggregation)
            for attribute in ATTRIBUTES
        }
    )
    system = {"name": "chunk-attention", "aggregation": aggregation, "across_chunks": False}
    about = BundleAbout(
        name=name,
        description=f"Published chunk-level attention networks ({aggregation}), {CORPUS}, one per attribute",
        max_utterance_s=11.0,
        feature=DESCRIPTORS,
        view=Chunks(62, 11),
        targets=attribute_targets(files),
        training=SYSTEMS[name].provenance(system),
        results=[published_result(PUBLISHED_CCC[aggregation])],
        licence="MIT",
        citation=CITATION,
    )
    return write_bundle(to, networks.eval(), about, read_normalisers(files), published_card(about))


def _published(aggregation: str, name: str) -> Published:
    weights = {weight_path(aggregation, attribute): sha for attribute, sha in WEIGHT_HASHES[aggregation].items()}
    about = f"chunk-level attention, {aggregation}, arousal, dominance and valence ({CORPUS})"
    make = functools.partial(build, aggregation, name)
    return Published(REPOSITORY, COMMIT, about, NORM_FILES | weights, make, needs=("train",))


SYSTEMS = {
    name: _published(aggregation, name)
    for name, aggregation in {"chunk-attention-self": "SelfAttenVec", "chunk-attention-rnn": "RnnAttenVec"}.items()
}
