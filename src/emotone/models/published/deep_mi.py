"""The networks of DeepMI's first step as published (MSP-Podcast 1.8): clusters of functionals, one per attribute.

The weights lie in the authors' repository (`trained_SSLmodels_v1.8`), but no list of their hashes: they are known by
their names and shapes, and taken from a folder. The normalisation terms are checked. The published programs leave the
blocks' dropout active in evaluation, so that their clusters are random; here they are those of the network without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emotone.base.download import check_hash
from emotone.base.files import sha256_of
from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.card import USE
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, Whole
from emotone.data.norm_terms import SMALLEST_STD
from emotone.errors import EmotoneError
from emotone.models.published_weights import (
    ATTRIBUTES,
    OWNER,
    PARTS,
    Published,
    attribute_targets,
    read_normalisers,
    with_weights,
)
from emotone.models.torch_file import read_checkpoint

if TYPE_CHECKING:
    from emotone.models.cluster_branch import Clustered

NAME = "deep-mi"
REPOSITORY = "DeepMI-Curriculum-Metric"
COMMIT = "0f5294e"
CORPUS = "MSP-Podcast 1.8"
NUM_FEATURES, NUM_CLUSTERS = 6373, 50
CITATION = (
    "W.-C. Lin, K. Sridhar and C. Busso, An Interpretable Deep Mutual Information Curriculum Metric for a Robust and "
    "Generalized Speech Emotion Recognition System, IEEE/ACM Transactions on Audio, Speech, and Language Processing, "
    "2024"
)
NORM_FILES = {
    "NormTerm/act_norm_means.mat": "75787a021567e9644534afc096890b5a1a7d7aed275904310e22e7cfec7d37e0",
    "NormTerm/act_norm_stds.mat": "ec3155ea103293bd888afb1274ec47e5003181534faf6e68118ca5c9b6706ab0",
    "NormTerm/dom_norm_means.mat": "424803eb7c00b23447c6357f6a6058d72438029077e6484eeb3b6daae7c71a03",
    "NormTerm/dom_norm_stds.mat": "cc5638a0778a56ec141ba6b21e29b5d5bc48eeb5553a025872f1eb44e0604d9d",
    "NormTerm/feat_norm_means.mat": "03a50359b5838e5b7788018a5a5f98e710f9ec8d7078f9520a8d1137652bdc84",
    "NormTerm/feat_norm_stds.mat": "8dd263dcf0200cd69c82dbe60f3c88e45f467f971cefffd0f3069be944c39db7",
    "NormTerm/val_norm_means.mat": "35a9c8743e01fb4282f198dc33934061359d7a4dabce7029cca897eeeabea84e",
    "NormTerm/val_norm_stds.mat": "2cdc71b7bc051908689a8e1f437a3d50b0b8ea795cf4f2db13fb2858efbdaefd",
}


def weight_path(attribute: str) -> str:
    """Where the weights of one network lie in the repository."""
    stem = f"ResNetDeepEmoCluster_epoch200_batch512_{NUM_CLUSTERS}clusters_{ATTRIBUTES[attribute]}"
    return f"trained_SSLmodels_v1.8/{stem}.pth.tar"


def find(source: Path) -> dict[str, Path]:
    """{path in the repository: file} of a copy of it, or of a folder that holds it; raises EmotoneError for what lacks.

    The normalisation terms must be the published ones.
    """
    root = source / REPOSITORY if (source / REPOSITORY).is_dir() else source
    files = {path: root / path for path in (*NORM_FILES, *map(weight_path, ATTRIBUTES))}
    lost = [path for path, local in files.items() if not local.is_file()]
    if lost:
        raise EmotoneError(
            f"{root}: {len(lost)} of {len(files)} files are missing, e.g. {lost[0]}; take them from "
            f"github.com/{OWNER}/{REPOSITORY}"
        )
    for path, expected in NORM_FILES.items():
        check_hash(files[path], expected, shown=str(files[path]))
    return files


def parameter_names(attribute: str) -> dict[str, str]:
    """How the layers are called there and here."""
    layers = {"dense1.": "first.", "dense2.": "second."}
    stages = {
        f"dnn_features.{place}.{there}": f"network.stages.{place}.{here}"
        for place in range(12)
        for there, here in {**layers, "": ""}.items()
    }
    return stages | {
        "emo_regressor.": f"network.heads.{attribute}.",
        "top_layer_class.": "branch.top.",
        "classifier.0.": "branch.hidden.",
    }


def load_network(path: Path, attribute: str) -> Clustered:
    """One published network with its weights, in evaluation mode; raises EmotoneError for other weights."""
    from emotone.models.cluster_branch import Clustered
    from emotone.models.networks.dense_res_net import DenseResNet

    network = Clustered(DenseResNet(NUM_FEATURES, {attribute: 1}), NUM_CLUSTERS, hidden_std=None)
    weights = {name.replace(".module.", "."): value for name, value in read_checkpoint(path).items()}
    return with_weights(network, weights, parameter_names(attribute), path, NAME)


def build(files: dict[str, Path], to: Path) -> Path:
    """The bundle: three networks side by side."""
    from emotone.models.export import write_bundle
    from emotone.models.side_by_side import SeparateNetworks

    networks = SeparateNetworks(
        {attribute: load_network(files[weight_path(attribute)], attribute) for attribute in ATTRIBUTES}
    )
    settings = {"model": "dense-res-net", "networks": "separate", "num_clusters": NUM_CLUSTERS, "hidden_std": None}
    about = BundleAbout(
        name=NAME,
        description=f"Published networks of the first step of DeepMI, {CORPUS}, one per attribute",
        max_utterance_s=11.0,
        feature=Choice("functionals", {"feature_set": "IS13_ComParE", "frame_size_ms": 32.0, "frame_step_ms": 16.0}),
        view=Whole(),
        targets=attribute_targets(files),
        training=Provenance(
            {"name": "deep-emo-clusters", **settings, "top_rate": 0.01},
            CORPUS,
            PARTS,
            f"{OWNER}/{REPOSITORY}",
            COMMIT,
            {path: sha256_of(local) for path, local in files.items()},
        ),
        licence="MIT (the openSMILE features it needs are under audEERING's non-commercial research licence)",
        citation=CITATION,
    )
    return write_bundle(to, networks.eval(), about, _normalisers(files), _card(about))


def _normalisers(files: dict[str, Path]) -> StreamNormalisers:
    """The published normaliser; a functional without deviation is 0 where it has its mean, else at the clip."""
    found = read_normalisers(files).speech
    return StreamNormalisers(Normaliser(found.mean, np.where(found.std > 0, found.std, SMALLEST_STD), found.clip))


def _card(about: BundleAbout) -> str:
    training = about.training
    return (
        f"# {about.name}\n\n{about.description}. Scores on 1..7.\n\n"
        f"- Weights: {training.repository}, from a folder; their SHA-256 are in bundle.json, the authors list none.\n"
        "- It measures DeepMI: `curriculum.score={name: deep-mi, model: deep-mi}` in a recipe.\n"
        f"- Licence: {about.licence}.\n- Cite: {about.citation}.\n\n{USE}"
    )


SYSTEMS = {
    NAME: Published(
        REPOSITORY,
        COMMIT,
        f"clusters and scores of functionals, by which DeepMI is measured ({CORPUS})",
        {},
        build,
        needs=("train", "opensmile"),
        find=find,
    )
}
