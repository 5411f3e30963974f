"""Pairs of categories as a network: votes as of arrays, and the same after export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, Whole
from emotone.models.export import load_weights, write_bundle
from emotone.models.networks.pairwise import Pairwise
from emotone.models.pairs import signs_of, sum_votes

OUTPUTS = {"arousal": 1, "emotion": 4}


def network(largest: float) -> Pairwise:
    torch.manual_seed(0)
    made = Pairwise(6, OUTPUTS)
    made.votes["emotion"].largest.fill_(largest)
    return made.eval()


def test_a_category_gets_the_votes_of_its_pairs() -> None:
    for largest in (0.2, 1e9):
        made, features = network(largest), torch.randn(5, 3, 6)
        with torch.inference_mode():
            found = made(features)
        vector = features.mean(dim=1).numpy()
        layer = made.outputs["emotion"]
        margins = vector @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        expected = sum_votes(margins, signs_of(4), largest)
        np.testing.assert_allclose(found["emotion"].numpy(), expected, atol=1e-5)
        assert found["arousal"].shape == (5,)


def test_a_bundle_votes_alike_and_its_weights_know_the_largest_vote(tmp_path: Path) -> None:
    made = network(0.2)
    targets = [
        Target("arousal", "attribute", (1, 7)),
        Target("emotion", "category", labels=("anger", "fear", "calm", "joy")),
    ]
    moments = Choice("moments", {"of": "mel", "settings": {"num_mels": 3}})
    about = BundleAbout(
        normalise={"clip": None}, name="votes", max_utterance_s=9.0, feature=moments, view=Whole(), targets=targets
    )
    normaliser = Normaliser(np.zeros(6, np.float32), np.ones(6, np.float32), None)
    write_bundle(tmp_path / "bundle", made, about, StreamNormalisers(normaliser), "# votes\n")
    features = np.random.default_rng(0).normal(size=(5, 1, 6)).astype(np.float32)
    scores = Bundle.load(str(tmp_path / "bundle")).score_features(list(features))
    with torch.inference_mode():
        expected = made(torch.from_numpy(features))
    for name in OUTPUTS:
        np.testing.assert_allclose(scores.outputs[name], expected[name].numpy(), atol=1e-5)
    again = Pairwise(6, OUTPUTS)
    load_weights(again, tmp_path / "bundle")
    assert float(again.votes["emotion"].largest) == np.float32(0.2)
