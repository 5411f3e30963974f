"""Attentive statistics: weighted moments over frames, whatever their number."""

from __future__ import annotations

import numpy as np
import torch

from emotone.models.networks.attentive_heads import AttentiveHeads


def test_pooling_is_weighted_mean_and_deviation() -> None:
    torch.manual_seed(0)
    network, frames = AttentiveHeads(3, {"arousal": 1}, 0, 0.0), torch.randn(2, 7, 3)
    with torch.inference_mode():
        pooled, scores = network.pool(frames).numpy(), network.attention(frames).numpy()[:, :, 0]
    for one, score, found in zip(frames.numpy(), scores, pooled, strict=True):
        weights = np.exp(score) / np.exp(score).sum()
        mean = weights @ one
        deviation = np.sqrt(np.cov(one.T, aweights=weights, ddof=0).diagonal() + 1e-5)
        np.testing.assert_allclose(found, np.concatenate([mean, deviation]), rtol=1e-5)


def test_frames_that_are_there_twice_change_nothing_and_others_do() -> None:
    torch.manual_seed(0)
    network = AttentiveHeads(3, {"arousal": 1, "emotion": 4}, 5, 0.3).eval()
    frames = torch.randn(2, 7, 3)
    with torch.inference_mode():
        once, twice, other = (network(one) for one in (frames, frames.repeat(1, 2, 1), frames.flip(0)))
    for name in once:
        np.testing.assert_allclose(once[name], twice[name], atol=1e-6)
        assert not np.allclose(once[name], other[name], atol=1e-3)
