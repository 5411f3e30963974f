"""DeepEmoClusters as published (MSP-Podcast 1.6): three networks, one per attribute, each with its own clusters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout
from emotone.bundle.card import published_card
from emotone.bundle.view.view import Chunks
from emotone.models.published_weights import (
    ATTRIBUTES,
    CORPUS,
    Published,
    attribute_targets,
    published_result,
    read_normalisers,
    with_weights,
)
from emotone.models.torch_file import read_checkpoint

if TYPE_CHECKING:
    from emotone.models.cluster_branch import Clustered

NAME = "deep-emo-clusters"
REPOSITORY = "DeepEmoClusters"
COMMIT = "f5d19c5"
CITATION = (
    "W.-C. Lin, K. Sridhar and C. Busso, DeepEmoCluster: A Semi-Supervised Framework for Latent Cluster "
    "Representation of Speech Emotions, ICASSP 2021"
)
NUM_CLUSTERS = {"arousal": 10, "dominance": 30, "valence": 30}
PUBLISHED_CCC = {"arousal": 0.6732, "dominance": 0.5547, "valence": 0.1902}
NORM_FILES = {
    "NormTerm/act_norm_means.mat": "b6bee98dc0bc21342b3d672b4f257ebd19b2371a7330d64ff662e315b691a7c8",
    "NormTerm/act_norm_stds.mat": "c4e80b7e175704cfe482d28f24c305ae164fcbe79f732f250d17aba652d57445",
    "NormTerm/dom_norm_means.mat": "17bb6883a7e238bd5133ba7b7b11d917f1f5cd9b1f717c418796a5e0898b394e",
    "NormTerm/dom_norm_stds.mat": "3e3ece13d4835e47dd9fe4574185666da26905efa64afe209c19d531d369136c",
    "NormTerm/feat_norm_means.mat": "0230942b53efcbb1e40a9b24a5703b7203b6377b5d1a177d22a4b051a1369f6d",
    "NormTerm/feat_norm_stds.mat": "7b6a76bf451ae015a049cc732d32b0f9e0b39b726768459c10ae901c142cad8a",
    "NormTerm/val_norm_means.mat": "7fa86b0ddf90d6679d382bf2925dfa9f392e7ad357051372280827290b8d42b4",
    "NormTerm/val_norm_stds.mat": "81cfc9468f0e20e07fffdce28169a8ad9cf95648a2ee98993758a97d7e0c370b",
}
WEIGHT_HASHES = {
    "arousal": "e620c612f32640040224162efb4802abaf8c39b10b14585145090c5a5dee48fe",
    "dominance": "c54f3800c7b695e719f2c3c7cbae159c2b3dd3aeab00d3f66574cd86543977a2",
    "valence": "72910bbe3dc1370e666a9bbeebfe63f8662da1b160426f31cb9d92845690f584",
}


def weight_path(attribute: str) -> str:
    """Where the weights of one network lie in the repository."""
    stem = f"Vgg16DeepEmoCluster_epoch50_batch64_{NUM_CLUSTERS[attribute]}clusters_{ATTRIBUTES[attribute]}"
    return f"trained_models/{stem}.pth.tar"


WEIGHT_FILES = {weight_path(attribute): sha for attribute, sha in WEIGHT_HASHES.items()}


def parameter_names(attribute: str) -> dict[str, str]:
    """How the layers are called there and here."""
    convolutions = {  # there in one sequence with their batch norms and ReLUs
        f"cnn_features.module.{3 * place + part}.": f"network.convolutions.{place}.{part}."
        for place in range(7)
        for part in (0, 1)
    }
    return convolutions | {
        "cnn_out.module.0.": "network.embedding.0.",
        "emo_regressor.0.": f"network.heads.{attribute}.0.",
        "top_layer_attri.": f"network.heads.{attribute}.2.",
        "classifier.0.": "branch.hidden.",
        "top_layer_class.": "branch.top.",
    }


def load_network(path: Path, attribute: str) -> Clustered:
    """One published network with its weights, in evaluation mode; raises EmotoneError for other weights."""
    from emotone.models.cluster_branch import Clustered
    from emotone.models.networks.deep_emo_clusters import DeepEmoClusters

    network = Clustered(DeepEmoClusters(128, {attribute: 1}), NUM_CLUSTERS[attribute])
    return with_weights(network, read_checkpoint(path), parameter_names(attribute), path, "DeepEmoClusters")


def build(files: dict[str, Path], to: Path) -> Path:
    """The bundle: three networks side by side."""
    from emotone.models.export import write_bundle
    from emotone.models.side_by_side import SeparateNetworks

    networks = SeparateNetworks(
        {attribute: load_network(files[weight_path(attribute)], attribute) for attribute in ATTRIBUTES}
    )
    system = {"name": NAME, "networks": "separate", "num_clusters": NUM_CLUSTERS, "heads": "frozen"}
    about = BundleAbout(
        name=NAME,
        description=f"Published DeepEmoClusters networks, {CORPUS}, one per attribute",
        max_utterance_s=11.0,
        feature=Choice("mel", {"num_fft": 512, "hop_samples": 256, "num_mels": 128, "scale": "power"}),
        view=Chunks(62, 11),
        targets=attribute_targets(files),
        training=SYSTEMS[NAME].provenance(system),
        results=[published_result(PUBLISHED_CCC)],
        licence="MIT",
        citation=CITATION,
    )
    return write_bundle(to, networks.eval(), about, read_normalisers(files), published_card(about))


SYSTEMS = {
    NAME: Published(
        REPOSITORY,
        COMMIT,
        f"DeepEmoClusters, arousal, dominance and valence ({CORPUS})",
        NORM_FILES | WEIGHT_FILES,
        build,
    )
}
