"""Bundles that are asked for clusters: which have any, and of what."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.errors import EmotoneError
from emotone.training.given_clusters import given_clusters


def test_published_clusters_are_taken_as_they_are(pull_once, shared: Path) -> None:  # type: ignore[no-untyped-def]
    """The published networks on mel spectrograms: three side by side, each with clusters of its own."""
    found = given_clusters(str(pull_once("deep-emo-clusters")))
    found.check_target("valence")
    network = found._network()
    clusters = {name: part.branch.top.out_features for name, part in network.networks.items()}  # type: ignore[union-attr]
    assert clusters == {"arousal": 10, "dominance": 30, "valence": 30} and not network.training
    with pytest.raises(EmotoneError, match="bundle deep-emo-clusters: unknown attribute 'joy'"):
        found.check_target("joy")


def test_a_bundle_without_clusters_is_refused(tiny_bundle: Path) -> None:
    with pytest.raises(EmotoneError, match="has no clusters: it was trained by an unknown system"):
        given_clusters(str(tiny_bundle))
    with pytest.raises(EmotoneError, match="bundle 'nothing-like-it'"):
        given_clusters("nothing-like-it")
