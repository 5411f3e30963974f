"""The published chunk-attention networks as bundles: equal to the reference outputs, refused when something else."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.bundle.bundle import Bundle
from emotone.data.norm_terms import read_norm
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.features.extractors.lld import Lld
from emotone.models.published.chunk_attention import load_network, weight_path
from emotone.models.pull import published_systems
from emotone.predict.predictor import Predictor

NAMES: dict[str, Any] = {"chunk-attention-self": "SelfAttenVec", "chunk-attention-rnn": "RnnAttenVec"}
ATTRIBUTES = {"arousal": "Act", "dominance": "Dom", "valence": "Val"}  # and the published names of them
GOLDEN = ("03a01Fa", "08a07Ta", "12a02Wa", "14b09Wa", "2609-156975-0000", "DK_001_A_1")
NUM_FILES = 50
"""How many of the 450 Danish files are scored from audio."""
# Pearson and CCC against the mean of three ratings, of the published networks as measured by their own code.
EMOTALE = {
    "chunk-attention-self": {"arousal": (0.803, 0.658), "dominance": (0.727, 0.603), "valence": (0.172, 0.112)},
    "chunk-attention-rnn": {"arousal": (0.778, 0.650), "dominance": (0.702, 0.646), "valence": (0.211, 0.117)},
}


# ---- golden equality --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("golden_name", GOLDEN)
def test_scores_equal_the_published_ones(shared: Path, pulled: dict[str, Path], name: str, golden_name: str) -> None:
    golden = np.load(shared / f"golden/systems/{golden_name}.npz")
    bundle = Bundle.load(str(pulled[name]), threads=1)
    from_features = bundle.score_features([golden["lld"]])
    samples = load_audio(shared / str(golden["audio"]))
    from_audio = bundle.score_samples([samples])
    for attribute, short in ATTRIBUTES.items():
        key = f"chunk_attention__{NAMES[name]}__{short}"
        expected = golden[f"{key}__score"]
        assert from_features.attributes[attribute][0] == pytest.approx(expected.item(), abs=1e-4)
        assert from_audio.attributes[attribute][0] == pytest.approx(expected.item(), abs=1e-3)
        assert from_features.outputs[attribute][0] == pytest.approx(golden[f"{key}__normalised"].item(), abs=1e-4)


def test_danish_files_are_scored_as_published(shared: Path, pulled: dict[str, Path]) -> None:
    """From audio within 1e-3, one pass of features for both networks."""
    published = pd.read_csv(shared / "golden/emotale-da-published.csv").sample(NUM_FILES, random_state=0)
    bundles = {name: Bundle.load(str(folder), threads=1) for name, folder in pulled.items()}
    first = next(iter(bundles.values()))
    paths = [next((shared / "data/emotale-da").rglob(f"{Path(file).stem}.*")) for file in published["file"]]
    features = [first.extract(load_audio(path)) for path in paths]
    for name, bundle in bundles.items():
        scores = bundle.score_features(features).attributes
        for attribute, short in ATTRIBUTES.items():
            expected = published[f"chunk_attention/{NAMES[name]}/{short}/score"]
            np.testing.assert_allclose(scores[attribute], expected, atol=1e-3, rtol=0)


def test_scores_of_all_danish_files_correlate_as_published(shared: Path) -> None:
    published = pd.read_csv(shared / "golden/emotale-da-published.csv")
    ratings = mean_ratings(shared, [Path(file).stem for file in published["file"]])
    for name, of_attribute in EMOTALE.items():
        for attribute, (pearson, ccc) in of_attribute.items():
            scores = published[f"chunk_attention/{NAMES[name]}/{ATTRIBUTES[attribute]}/score"].to_numpy()
            mapped, truth = 1 + (scores - 1) * 4 / 6, ratings[attribute].to_numpy()
            assert metrics.pearson(mapped, truth) == pytest.approx(pearson, abs=5.1e-4)
            assert metrics.ccc(mapped, truth) == pytest.approx(ccc, abs=5.1e-4)


def mean_ratings(shared: Path, stems: list[str]) -> pd.DataFrame:
    """The mean of the three human ratings of each file."""
    corpus = plugins.create("corpora", "emotale").read(shared / "data/emotale-da")
    return corpus.utterances.set_index(corpus.utterances["file"].map(lambda file: Path(file).stem)).loc[stems]


@pytest.mark.parametrize("name", NAMES)
def test_onnx_equals_torch(shared: Path, pulled: dict[str, Path], name: str) -> None:
    bundle = Bundle.load(str(pulled[name]), threads=1)
    system = published_systems()[name]
    aggregation = NAMES[name]
    random = np.random.default_rng(0)
    mean, std = (
        read_norm(shared / "published" / system.repository / f"NormTerm/feat_norm_{which}.mat")
        for which in ("means", "stds")
    )
    for batch_size in (1, 3, 7):
        features = random.normal(size=(batch_size, 300, 130)).astype(np.float32)
        outputs = bundle.score_features([(part * std + mean).astype(np.float32) for part in features]).outputs
        chunks = np.stack([part[bundle.view.index(300)] for part in np.clip(features, -3, 3)])
        for attribute in ATTRIBUTES:
            path = shared / "published" / system.repository / weight_path(aggregation, attribute)
            network = load_network(path, attribute, aggregation)
            with torch.inference_mode():
                expected = network(torch.from_numpy(chunks))[attribute].numpy()
            np.testing.assert_allclose(outputs[attribute], expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_pulled_bundle_says(pulled: dict[str, Path], name: str) -> None:
    predictor = Predictor.load(str(pulled[name]))
    assert predictor.attributes == dict.fromkeys(ATTRIBUTES, (1.0, 7.0)) and predictor.categories == []
    about = predictor.bundle.about
    assert about.name == name and about.max_utterance_s == 11.0 and "Lin and C. Busso" in about.citation
    assert about.training.files == published_systems()[name].files
    card = (pulled[name] / "README.md").read_text()
    assert "perceived" in card and name in card


def test_other_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"module.a": torch.ones(2)}, tmp_path / "w")
    with pytest.raises(EmotoneError, match="not the weights of a published chunk-attention network") as caught:
        load_network(tmp_path / "w", "arousal", "RnnAttenVec")
    assert "\n" not in str(caught.value)


# ---- whose descriptors ------------------------------------------------------------------------------------------


def test_a_bundle_says_whose_descriptors_it_is_run_with(shared: Path, pulled: dict[str, Path]) -> None:
    folder = str(pulled["chunk-attention-self"])
    samples = load_audio(shared / "data/emodb/wav/03a01Fa.flac")
    own, library = Bundle.load(folder, threads=1), Bundle.load(folder, threads=1, lld="opensmile")
    assert (own.feature.extractor, own.note) == ("own", "") and "trained on openSMILE's" in (
        pulled["chunk-attention-self"] / "README.md"
    ).read_text(encoding="utf-8")
    assert library.feature.extractor == "opensmile"
    assert library.note == "made with lld by extractor=own, run with extractor=opensmile"
    assert Predictor(library).cautions == [library.note] and Predictor(own).cautions == []
    again = pickle.loads(pickle.dumps(library))
    assert again.note == library.note and again.fingerprint == own.fingerprint
    for attribute, score in own.score_samples([samples]).attributes.items():
        assert score[0] == pytest.approx(library.score_samples([samples]).attributes[attribute][0], abs=1e-3)


@pytest.mark.parametrize(("window_s", "hop_s"), [(3.0, 1.0), (4.0, 2.048)])
def test_windows_of_a_recording_share_frames_and_keep_their_scores(
    shared: Path, pulled: dict[str, Path], window_s: float, hop_s: float
) -> None:
    predictor = Predictor.load(str(pulled["chunk-attention-self"]), threads=1)
    files = ("DK_001_A_1", "DK_001_A_2", "DK_001_A_3", "DK_001_A_4")
    recording = np.concatenate([load_audio(shared / f"data/emotale-da/wav/{file}.flac") for file in files])[
        : 9 * 16_000
    ]
    windows = predictor.predict(recording, 16_000, window_s=window_s, hop_s=hop_s).windows
    assert windows is not None and len(windows.start_s) > 2
    for place, start_s in enumerate(windows.start_s):
        window = recording[round(start_s * 16_000) :][: round(window_s * 16_000)]
        for attribute, score in predictor.bundle.score_samples([window]).attributes.items():
            assert windows.columns[attribute][place] == pytest.approx(score[0], abs=1e-5)


def test_a_bundle_from_before_is_openSMILEs(pulled: dict[str, Path], tmp_path: Path) -> None:  # noqa: N802
    folder = shutil.copytree(pulled["chunk-attention-self"], tmp_path / "before")
    about = json.loads((folder / "bundle.json").read_text())
    del about["feature"]["settings"]["extractor"]
    (folder / "bundle.json").write_text(json.dumps(about))
    assert Bundle.load(str(folder)).feature == Lld(extractor="opensmile")
    chosen = Bundle.load(str(folder), lld="own")
    assert chosen.feature == Lld() and chosen.note == "made with lld by extractor=opensmile, run with extractor=own"


def test_descriptors_of_other_bundles_are_not_chosen() -> None:
    with pytest.raises(EmotoneError, match="bundle default takes whisper-light; --lld chooses who computes lld"):
        Bundle.load("default", lld="own")
