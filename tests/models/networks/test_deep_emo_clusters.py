"""The network against a loop over chunks, channels and kernels in float64, its start, and its shapes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import correlate2d
from torch import Tensor, nn

from emotone.models.networks.deep_emo_clusters import DeepEmoClusters

Doubles = NDArray[np.float64]
B, C, M, D, H = 3, 4, 11, 9, 6  # utterances, chunks, frames, features, embedding size
CHANNELS = (2, 3, 4, 3)


def network() -> DeepEmoClusters:
    torch.manual_seed(3)
    model = DeepEmoClusters(D, {"arousal": 1, "emotion": 3}, M, CHANNELS, H)
    with torch.no_grad():  # as if trained
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.uniform_(*((0.5, 1.5) if name.endswith(("1.weight", "running_var")) else (-0.5, 0.7)))
    return model.double().eval()


def chunks() -> Tensor:
    return torch.randn(B, C, M, D, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def embed(chunk: Doubles, w: dict[str, Doubles]) -> Doubles:
    """One chunk [m, D] as an embedding [H]."""
    maps = [chunk]
    for place in range(len(CHANNELS)):
        kernels, bias = w[f"convolutions.{place}.0.weight"], w[f"convolutions.{place}.0.bias"]
        norm = f"convolutions.{place}.1."
        step = 1 if place < 2 else 2
        following = []
        for out, kernel in enumerate(kernels):
            convolved = sum(correlate2d(one, part, mode="same") for one, part in zip(maps, kernel, strict=True))
            z = (convolved[::step, ::step] + bias[out] - w[f"{norm}running_mean"][out]) / np.sqrt(
                w[f"{norm}running_var"][out] + 1e-5
            )
            following.append(np.maximum(z * w[f"{norm}weight"][out] + w[f"{norm}bias"][out], 0))
        maps = following
    flat = np.concatenate([one.ravel() for one in maps])
    return np.maximum(w["embedding.0.weight"] @ flat + w["embedding.0.bias"], 0)


def score(embedding: Doubles, w: dict[str, Doubles], target: str) -> Doubles:
    hidden = np.maximum(w[f"heads.{target}.0.weight"] @ embedding + w[f"heads.{target}.0.bias"], 0)
    return w[f"heads.{target}.2.weight"] @ hidden + w[f"heads.{target}.2.bias"]


def test_batches_equal_a_loop_over_chunks() -> None:
    model, inputs = network(), chunks()
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    with torch.inference_mode():
        embeddings, outputs = model.embed(inputs), model(inputs)
        scores = model.score(embeddings)
    for b in range(B):
        expected = [embed(inputs[b, c].numpy(), w) for c in range(C)]
        assert np.ptp(expected, axis=0)[np.any(expected, axis=0)].min() > 0.01
        np.testing.assert_allclose(embeddings[b], expected, atol=1e-12)
        arousal = [score(embedding, w, "arousal")[0] for embedding in expected]
        emotion = [score(embedding, w, "emotion") for embedding in expected]
        np.testing.assert_allclose(scores["arousal"][b], arousal, atol=1e-12)
        np.testing.assert_allclose(scores["emotion"][b], emotion, atol=1e-12)
        assert outputs["arousal"][b].item() == pytest.approx(np.mean(arousal), abs=1e-12)
        np.testing.assert_allclose(outputs["emotion"][b], np.mean(emotion, axis=0), atol=1e-12)


def test_single_chunks_are_embedded_as_those_of_utterances() -> None:
    model, inputs = network(), chunks()
    with torch.inference_mode():
        together, single = model.embed(inputs), model.embed(inputs.flatten(0, 1))
    assert single.shape == (B * C, H)
    torch.testing.assert_close(single, together.flatten(0, 1), atol=1e-12, rtol=0)


def test_the_published_sizes() -> None:
    model = DeepEmoClusters(128, {"arousal": 1})
    assert [(layer[0].out_channels, *layer[0].stride) for layer in model.convolutions] == [
        (32, 1, 1),
        (32, 1, 1),
        (64, 2, 2),
        (64, 2, 2),
        (128, 2, 2),
        (128, 2, 2),
        (128, 2, 2),
    ]
    assert model.embedding[0].weight.shape == (256, 1024) and model.embedding[2].p == 0.5
    assert [layer.weight.shape for layer in model.heads["arousal"][::2]] == [(256, 256), (1, 256)]


@pytest.mark.parametrize(("chunk_frames", "num_features", "num_chunks"), [(62, 128, 11), (63, 40, 1), (31, 65, 4)])
def test_any_chunk_and_any_features(chunk_frames: int, num_features: int, num_chunks: int) -> None:
    model = DeepEmoClusters(num_features, {"arousal": 1, "emotion": 7}, chunk_frames).train()
    outputs = model(torch.randn(1, num_chunks, chunk_frames, num_features))
    assert outputs["arousal"].shape == (1,) and outputs["emotion"].shape == (1, 7)


def test_it_starts_as_published() -> None:
    torch.manual_seed(0)
    model = DeepEmoClusters(128, {"arousal": 1})
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            std = np.sqrt(2 / (9 * layer.out_channels)) if isinstance(layer, nn.Conv2d) else 0.01
            tolerance = 5 * std / np.sqrt(layer.weight.numel())  # five standard errors
            assert abs(layer.weight.mean().item()) < tolerance
            assert layer.weight.std().item() == pytest.approx(std, abs=tolerance)
            assert not layer.bias.any()


def test_every_parameter_learns_and_dropout_is_for_training() -> None:
    model, inputs = network().train(), chunks()
    first, second = model.embed(inputs), model.embed(inputs)
    assert (first == 0).any() and not torch.equal(first, second)
    outputs = model(inputs)
    (outputs["arousal"].square().sum() + outputs["emotion"].square().sum()).backward()
    silent = {name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()}
    assert silent == set()
    assert torch.equal(model.eval().embed(inputs), model.embed(inputs))
