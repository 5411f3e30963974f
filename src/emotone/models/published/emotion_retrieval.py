"""Emotion retrieval as published (MSP-Podcast 1.6): chunk-level rankers and Seq2Seq networks, one per attribute.

The Seq2Seq bundle scores on 1..7. The rankers know no scale: their bundle's scores are margins, and only which of two
is higher says something. Both give a curve, the score of each of an utterance's 22 chunks, in the same pass.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.bundle.about import BundleAbout
from emotone.bundle.card import DESCRIPTORS_NOTE, RELATIVE, USE, published_card
from emotone.bundle.target import UNBOUNDED, Target
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
    from emotone.models.networks.emotion_ranker import EmotionRanker
    from emotone.models.networks.emotion_seq2seq import EmotionSeq2Seq

RANKER, SEQ2SEQ = "emotion-ranker", "emotion-seq2seq"
REPOSITORY = "Chunk-Level-Emotion-Retrieval"
COMMIT = "137cedd"
CITATION = (
    "W.-C. Lin and C. Busso, Sequential Modeling by Leveraging Non-Uniform Distribution of Speech Emotion, "
    "IEEE/ACM Transactions on Audio, Speech, and Language Processing 31, 2023"
)
PUBLISHED_CCC = {"arousal": 0.7103, "dominance": 0.6302, "valence": 0.3222}
FEATURE_NORMS = {
    "NormTerm/feat_norm_means.mat": "e1ea09f0142bc39142fb47b2b97b2aca5191d20408b4fde15f9b0e18cf3e26b2",
    "NormTerm/feat_norm_stds.mat": "13f48fc1346a0c6d5462b5557102ba7a4fec433a8f36d26a8903bc4b81e82dbe",
}
LABEL_NORMS = {
    "NormTerm/act_norm_means.mat": "893c8117cc029a6e0f7b9de16eff489835b84d8ed33cba5a787ebf5056306cb4",
    "NormTerm/act_norm_stds.mat": "84efb053aae7db831793b4ff22582470c77c621c663a891c1983b39962723c8a",
    "NormTerm/dom_norm_means.mat": "559053d604149fd48da93b6ebe536946d8bf3727cd149bcc284d8e6b627bcba5",
    "NormTerm/dom_norm_stds.mat": "7b42e988626866bc5e4db68f42b55c5023c08aa833b4abad9549bb4ca95b3717",
    "NormTerm/val_norm_means.mat": "a8ebb05c9fdf5cc6f2abcb66c6f24de7ae2f006a96b244c23131f5caa6133c0a",
    "NormTerm/val_norm_stds.mat": "a273acfb06a0c6c780ec6586c8dfae989621315fc58b8b6541ed7f8a9677b27c",
}
WEIGHT_PATHS = {
    RANKER: "chunk_emotion_rankers/trained_ranker_model_v1.6/LSTM_epoch20_batch128_{}_ranker.pth.tar",
    SEQ2SEQ: "trained_seq2seq_model_v1.6/LSTM_epoch30_batch128_EmoRankerSeq_{}.pth.tar",
}
WEIGHT_HASHES = {
    RANKER: {
        "arousal": "c370f8edca518848e0ca8270cb0371f52c84048ba9af4b0ed21b274e1780344e",
        "dominance": "a0574dd64b7a3f6c0ffdf670df06a5b9cec05a68be9d78184ffcdad3155e22ab",
        "valence": "3b03f363506a6e03a07e131e62c6736aa529aa0b3a693ed6cfa8d1221dad141c",
    },
    SEQ2SEQ: {
        "arousal": "adc3da6f5de6cc24da1a82ba1105bf3fb55a76db2a7ca1622ad9a03c264e7322",
        "dominance": "bd5a5bf0e632ceb03ff3e53f9fe358fbddb4a4bd7ccf653b2f3b5a358b44c13e",
        "valence": "b8d78e3119dbb92bbe99241130b340faa11a641aba0f90f2e794e479646fda7b",
    },
}
PARAMETER_NAMES = {"fc1.": "hidden.", "fc2.": "output."}
"""How parameters are called there and here; those of the LSTM are the same."""


def weight_path(name: str, attribute: str) -> str:
    """Where the weights of one network of a system lie in the repository."""
    return WEIGHT_PATHS[name].format(ATTRIBUTES[attribute])


def load_network(path: Path, name: str, attribute: str) -> EmotionRanker | EmotionSeq2Seq:
    """One published network with its weights, in evaluation mode; raises EmotoneError for other weights."""
    from emotone.models.networks.emotion_ranker import EmotionRanker
    from emotone.models.networks.emotion_seq2seq import EmotionSeq2Seq

    network = (EmotionRanker if name == RANKER else EmotionSeq2Seq)(130, {attribute: 1})
    return with_weights(network, read_weights(path), PARAMETER_NAMES, path, name)


def build(name: str, files: dict[str, Path], to: Path) -> Path:
    """The bundle of one system: three networks side by side."""
    from emotone.models.export import write_bundle
    from emotone.models.side_by_side import SeparateNetworks

    networks = SeparateNetworks(
        {attribute: load_network(files[weight_path(name, attribute)], name, attribute) for attribute in ATTRIBUTES}
    )
    if name == RANKER:
        description = f"Published chunk-level emotion rankers, {CORPUS}, one per attribute. {RELATIVE}"
        targets, results = [Target(attribute, "attribute", UNBOUNDED) for attribute in ATTRIBUTES], []
    else:
        description = f"Published Seq2Seq networks with emotion curves, {CORPUS}, one per attribute"
        targets, results = attribute_targets(files), [published_result(PUBLISHED_CCC)]
    about = BundleAbout(
        name=name,
        description=description,
        max_utterance_s=11.0,
        feature=DESCRIPTORS,
        view=Chunks(62, 22),
        targets=targets,
        curves=True,
        training=SYSTEMS[name].provenance({"name": name, "networks": "separate"}),
        results=results,
        licence="MIT",
        citation=CITATION,
    )
    card = _ranker_card(about) if name == RANKER else published_card(about)
    return write_bundle(to, networks.eval(), about, read_normalisers(files), card)


def _ranker_card(about: BundleAbout) -> str:
    training = about.training
    return (
        f"# {about.name}\n\n{about.description}\n\n"
        "- A chunk's score is the ranker's margin, an utterance's the mean over its chunks.\n"
        f"- Weights: {training.repository} at {training.commit}, checked by SHA-256, converted by Emotone.\n"
        f"{DESCRIPTORS_NOTE}- Licence: {about.licence}.\n- Cite: {about.citation}.\n\n{USE}"
    )


def _published(name: str, about: str, norms: dict[str, str]) -> Published:
    weights = {weight_path(name, attribute): sha for attribute, sha in WEIGHT_HASHES[name].items()}
    make = functools.partial(build, name)
    return Published(REPOSITORY, COMMIT, about, norms | weights, make, needs=("train",))


SYSTEMS = {
    RANKER: _published(RANKER, "chunk-level emotion rankers, relative scores with curves", FEATURE_NORMS),
    SEQ2SEQ: _published(
        SEQ2SEQ,
        f"Seq2Seq of emotion retrieval, arousal, dominance and valence with curves ({CORPUS})",
        FEATURE_NORMS | LABEL_NORMS,
    ),
}
