"""The bundled default: small, of the runtime tier, and as good as its card says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

import emotone
from emotone.bundle.bundle import Bundle
from emotone.bundle.folder import BUNDLED, FILES, read_about
from emotone.data.recipe_yaml import load_recipe

DEFAULT = BUNDLED / "default"


def test_folder_is_small_and_whole() -> None:
    assert sum(path.stat().st_size for path in DEFAULT.iterdir()) <= 4_000_000
    read_about(DEFAULT, FILES)


def test_onnx_equals_the_weights_for_fine_tuning() -> None:
    import torch
    from safetensors.torch import load_file

    from emotone.base import plugins

    bundle = Bundle.load("default")
    system = bundle.about.training.trained_system
    settings = {key: value for key, value in system.items() if key != "name"}
    network = plugins.create("systems", system["name"], settings).build(128, bundle.targets)
    network.load_state_dict(load_file(DEFAULT / "weights.safetensors"))
    for num_frames in (16, 100, 501):
        inputs = np.random.default_rng(num_frames).normal(0, 1, (3, num_frames, 128)).astype(np.float32)
        with torch.inference_mode():
            expected = network.eval()(torch.from_numpy(inputs))
        for name, output in bundle._network.run(list(inputs)).items():
            np.testing.assert_allclose(output, expected[name].numpy(), atol=1e-5)


def test_trained_on_emodb_and_librispeech_alone() -> None:
    assert set(read_about(DEFAULT).training.corpora) == {"emodb", "librispeech"}


def test_committed_recipe_is_the_one_it_was_trained_by() -> None:
    assert read_about(DEFAULT).training.recipe_hash == load_recipe("default").hash


def test_agrees_with_human_ratings_of_arousal_and_dominance(shared: Path) -> None:
    """Zero-shot on Danish: Pearson with the raters' means; the acceptance limits of the bundle."""
    table = pd.read_csv(shared / "data" / "emotale-da" / "annotations.csv")
    predictor = emotone.load("default")
    folder = shared / "data" / "emotale-da" / "wav"
    files = [str(folder / name.replace(".wav", ".flac")) for name in table["file"]]
    scores = pd.DataFrame([predictor.predict(file).scores for file in files])
    for letter, attribute, least in (("A", "arousal", 0.70), ("D", "dominance", 0.60)):
        rating = table[[f"a{rater}_{letter}" for rater in (1, 2, 3)]].mean(axis=1)
        assert pearsonr(scores[attribute], rating).statistic >= least


def test_card_reports_what_the_limits_are_about() -> None:
    results = read_about(DEFAULT).results
    by_protocol = {result["protocol"]: result["metrics"] for result in results}
    for corpus in ("ravdess", "nemo"):
        metrics = next(metrics for protocol, metrics in by_protocol.items() if f"all of {corpus}" in protocol)
        assert metrics["emotion"]["uar"]["low"] > 0.35
    assert any("held out" in protocol for protocol in by_protocol)


def test_readme_example() -> None:
    prediction = emotone.load().predict(Path(__file__).parents[3] / "examples" / "jfk.wav", window_s=3, hop_s=1)
    assert prediction.curve is not None and len(prediction.curve.time_s) == 9
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert all(1 <= score <= 7 for score in prediction.scores.values())
