"""Maps of classes: their mean is what decided, whose they are, and what a report shows and says where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.base.page import Player
from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view import view as views
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, Segments
from emotone.corpora.corpus import Corpus
from emotone.evaluate.report.activation import activation_of, choose_surest, section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.run_folder import Run
from emotone.models.export import write_bundle
from emotone.models.networks import alexnet_gap

LABELS = ("high", "low")
EMOTION = Target("emotion", "category", labels=LABELS)
SYSTEM = {"name": "spectrogram-image", "network": "alexnet-gap", "short_side": 63}
VIEW = Segments(100)


@pytest.fixture(autouse=True)
def _small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def convolutions(num_channels: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(num_channels, 256, 11, stride=4, padding=2), nn.ReLU(inplace=True))

    monkeypatch.setattr(alexnet_gap, "alexnet_convolutions", convolutions)


@pytest.fixture
def network() -> Any:
    torch.manual_seed(0)
    system = plugins.create("systems", "spectrogram-image", {"short_side": 63})
    return system.build(20, [EMOTION], VIEW).eval()


@pytest.fixture
def run(tmp_path: Path, network: Any, write_tones: Callable[..., Corpus]) -> Run:
    """A finished run on tones, as far as the report looks at it."""
    corpus = write_tones(tmp_path, "tones", num_tones=10)
    about = BundleAbout(
        name="tiny",
        max_utterance_s=2.0,
        feature=Choice("logspec", {"num_bins": 20}),
        view=VIEW,
        targets=[EMOTION],
        training=Provenance(recipe={"system": SYSTEM}),
    )
    unit = Normaliser(np.full(20, -80), np.full(20, 80))
    write_bundle(tmp_path / "bundle", network, about, StreamNormalisers(unit), "# tiny\n")
    (tmp_path / "done.json").write_text("{}")
    bundle = Bundle.load(str(tmp_path / "bundle"))
    scores = bundle.score_samples([load_audio(corpus.path_of(file)) for file in corpus.utterances["file"]])
    test = corpus.utterances[["id", "speaker"]].assign(
        own_id=corpus.utterances["id"],
        corpus="tones",
        repeat=0,
        fold=0,
        true_emotion=corpus.utterances["emotion"],
        **{f"p_{label}": scores.probabilities[label] for label in LABELS},
    )
    test.to_parquet(tmp_path / "predictions.parquet")
    return Run(tmp_path, {"name": "r", "corpora": ["tones"], "system": SYSTEM}, {}, [EMOTION], test, pd.DataFrame())


def test_the_mean_of_a_map_is_what_decided(run: Run, network: Any) -> None:
    bundle = Bundle.load(str(run.folder / "bundle"))
    features = np.random.default_rng(0).uniform(-80, 0, (130, 20)).astype(np.float32)
    segments = views.apply(VIEW, features, bundle.normaliser)
    with torch.inference_mode():
        logits = network.segment_logits(torch.from_numpy(segments)).mean(dim=0)
    for place in range(2):
        found = activation_of(network, bundle, features, place)
        assert found.shape == (6, 2 * 6)  # two segments side by side
        assert found.mean() == pytest.approx((logits[place] - logits.mean()).item(), abs=1e-5)


def test_the_surest_right_and_wrong_ones_of_the_first_fold_are_shown() -> None:
    truth = ["high", "high", "low", "low", "high", "low", None, "high"]
    share = [0.9, 0.8, 0.3, 0.8, 0.4, 0.6, 1.0, 1.0]
    table = pd.DataFrame({"id": list("abcdefgh"), "true_emotion": truth, "p_high": share, "repeat": 0})
    table = table.assign(p_low=1 - table["p_high"], fold=[2] * 7 + [3])
    found = choose_surest(table, Target("emotion", "category", labels=tuple(LABELS)), num_wrong=2)
    assert found["id"].tolist() == ["a", "c", "d", "e"]
    assert found["predicted"].tolist() == ["high", "low", "high", "low"]
    assert found["confidence"].tolist() == pytest.approx([0.9, 0.7, 0.8, 0.6])


def test_a_report_has_a_picture_and_a_player_of_each(run: Run) -> None:
    (shown,) = section(Evaluated(run)).sections
    rows = list(shown.table or [])
    assert shown.title == "What decided" and 1 <= len(rows) <= 2 + 4
    assert [row[""] for row in rows] == list(range(1, len(rows) + 1))
    assert all(isinstance(row["listen"], Player) for row in rows)
    assert all(shown.figure.count(f"{unit}</text>") == len(rows) for unit in ("seconds", "kHz"))
    assert shown.figure.count("<image") == len(rows)  # spectrogram and map are made one
    for row in rows:
        own = run.test.set_index("id").loc[row["utterance"]]
        assert row["probability"] == max(own["p_high"], own["p_low"]) and row["truth"] == own["true_emotion"]
        wrong = f"{row['truth']}, taken for {row['predicted']}"
        assert f"{row['']}: {row['truth'] if row['truth'] == row['predicted'] else wrong}" in shown.figure


def test_a_bundle_on_a_corpus_shows_the_same(run: Run) -> None:
    (own,) = section(Evaluated(run)).sections
    on_corpus = replace(run, folder=run.folder / "bundle", recipe={"name": "tiny"})
    on_corpus = replace(on_corpus, test=run.test.drop(columns=["repeat", "fold"]))
    (shown,) = section(Evaluated(on_corpus)).sections
    assert shown.figure == own.figure and "first fold" in own.text and "first fold" not in shown.text
    assert [row["utterance"] for row in shown.table or []] == [row["utterance"] for row in own.table or []]


def test_audio_that_is_gone_is_counted(run: Run) -> None:
    corpus = Corpus.load("tones")
    for file in corpus.utterances["file"]:
        corpus.path_of(file).unlink()
    (shown,) = section(Evaluated(run)).sections
    assert not shown.figure and " utterances have no picture (" in shown.note and "no player" in shown.note


@pytest.mark.parametrize("name", ["alexnet", "vgg11"])
def test_networks_without_a_map_are_left_out_and_said(run: Run, name: str) -> None:
    run.recipe["system"] = {**SYSTEM, "network": name}
    (shown,) = section(Evaluated(run)).sections
    assert shown.text.startswith(f"{name} mixes all places") and "alexnet-gap, resnet18" in shown.text
    assert not shown.figure and shown.table is None


def test_other_systems_have_no_such_section(run: Run) -> None:
    run.recipe["system"] = {"name": "functionals-svm"}
    assert section(Evaluated(run)).sections == []


@pytest.mark.parametrize(
    ("feature", "settings", "last_hz"),
    [
        ("logspec", {}, 3980),
        ("logspec", {"rate_hz": 8000}, 990),
        ("logdeltaspec", {"num_bins": 100}, 1980),
        ("logmelspec", {}, 7809.39),
    ],
)
def test_bins_have_their_frequencies(feature: str, settings: dict[str, Any], last_hz: float) -> None:
    created = plugins.create("features", feature, settings)
    assert len(created.bins_hz) * created.num_channels == len(created.names)
    assert (np.diff(created.bins_hz) > 0).all() and created.bins_hz[-1] == pytest.approx(last_hz, abs=0.5)
